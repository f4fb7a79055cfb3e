//! The latest rejected requests, with their bodies and responses.

use std::{collections::VecDeque, mem};

use serde::{Deserialize, Serialize};

/// The most rejections kept.
const MAX_REJECTIONS: usize = 10;

/// The most violations kept per rejection.
const MAX_VIOLATIONS: usize = 20;

/// A rejected request, or an invalid row of the emulator's database.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Refusal {
    /// A sequence number from 1.
    pub(super) id: u64,
    pub(super) time_ms: i64,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) status: u16,
    #[serde(flatten)]
    pub(super) answer: Answer,
    pub(super) sent: String,
    /// Set if only the beginning is kept.
    pub(super) cut: bool,
}

/// The error in a response body. If the body has a result for each record, it is the first failed one.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct Answer {
    pub(super) error_code: u32,
    message: String,
    violations: Vec<Violation>,
    /// The results of an API v2 response.
    #[serde(skip_serializing)]
    offsets: Vec<RecordResult>,
    /// The failed results of an API v3 batch response.
    #[serde(skip_serializing)]
    failures: Vec<RecordResult>,
}

#[derive(Debug, Clone, Default, Deserialize, Serialize)]
struct Violation {
    record: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    row: Option<usize>,
    field: Option<String>,
    problem: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct RecordResult {
    error_code: Option<u32>,
    #[serde(alias = "message")]
    error: Option<String>,
}

impl Answer {
    pub(super) fn of(body: &[u8]) -> Self {
        let mut answer: Self = serde_json::from_slice(body).unwrap_or_default();
        // The results are dropped: there may be tens of thousands.
        let mut entries = mem::take(&mut answer.offsets).into_iter().chain(mem::take(&mut answer.failures));
        if let Some((error_code, error)) = entries.find_map(|entry| Some((entry.error_code?, entry.error?))) {
            (answer.error_code, answer.message) = (error_code, error);
        }
        answer.violations.truncate(MAX_VIOLATIONS);
        answer
    }
}

/// The latest rejections, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    latest: VecDeque<Refusal>,
}

impl Refusals {
    pub(super) fn add(&mut self, refusal: Refusal) {
        if self.latest.len() == MAX_REJECTIONS {
            self.latest.pop_front();
        }
        self.count += 1;
        self.latest.push_back(Refusal { id: self.count, ..refusal });
    }

    /// Adds an invalid row of the emulator's database.
    pub(crate) fn add_row(&mut self, message: String, time_ms: i64) {
        let (method, answer) = ("emulator".to_owned(), Answer { message, ..Answer::default() });
        self.add(Refusal { time_ms, method, answer, ..Refusal::default() });
    }

    /// Returns them newest first.
    pub(crate) fn view(&self) -> Vec<&Refusal> {
        self.latest.iter().rev().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_read_from_every_form_of_response() {
        for (body, code, message) in [
            (r#"{"error_code":404,"message":"HTTP 404 Not Found"}"#, 404, "HTTP 404 Not Found"),
            (
                r#"{"offsets":[{"partition":0,"offset":1},{"partition":null,"offset":null,"error_code":50003,"error":"not confirmed"}]}"#,
                50003,
                "not confirmed",
            ),
            (
                r#"{"successes":[{"id":"1"}],"failures":[{"id":"2","error_code":42203,"message":"a rule"}]}"#,
                42203,
                "a rule",
            ),
            (r#"{"successes":[{"id":"1"}],"failures":[]}"#, 0, ""),
            ("Bad Gateway", 0, ""),
        ] {
            let answer = Answer::of(body.as_bytes());
            assert_eq!((answer.error_code, answer.message.as_str()), (code, message), "{body}");
        }
    }

    #[test]
    fn the_latest_rejections_are_kept_newest_first() {
        let mut refusals = Refusals::default();
        for row in 0..MAX_REJECTIONS + 2 {
            refusals.add_row(format!("row {row}"), 0);
        }
        let shown: Vec<_> = refusals.view().into_iter().map(|refusal| (refusal.id, &*refusal.answer.message)).collect();
        assert_eq!((shown.len(), shown[0], shown[MAX_REJECTIONS - 1]), (MAX_REJECTIONS, (12, "row 11"), (3, "row 2")));
    }
}

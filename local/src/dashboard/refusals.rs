//! The latest requests that were refused: what was sent, and what was answered.

use std::{
    collections::VecDeque,
    mem,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::StatusCode;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use shared::redact::excerpt;

use super::{Dashboard, now_ms};

/// How many are kept.
const KEPT: usize = 10;

/// How much is kept of a body, in bytes.
const MAX_SENT_BYTES: usize = 2 * 1024;

/// How many broken rules are kept of a refusal.
const MAX_VIOLATIONS: usize = 20;

/// How a body begins that is compressed.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// A request that was refused, or a row of the emulator's.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Refusal {
    /// From 1.
    id: u64,
    time_ms: i64,
    method: String,
    path: String,
    status: u16,
    #[serde(flatten)]
    answer: Answer,
    sent: String,
    /// There was more.
    cut: bool,
}

/// What an answer's body says. Of one with an entry for each record, what the first one says that was not written.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(default)]
struct Answer {
    error_code: u32,
    message: String,
    violations: Vec<Violation>,
    /// Of version 2.
    #[serde(skip_serializing)]
    offsets: Vec<Entry>,
    /// Of a batch of version 3.
    #[serde(skip_serializing)]
    failures: Vec<Entry>,
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
struct Entry {
    error_code: Option<u32>,
    #[serde(alias = "message")]
    error: Option<String>,
}

impl Answer {
    fn of(body: &[u8]) -> Self {
        let mut answer: Self = serde_json::from_slice(body).unwrap_or_default();
        // Neither is kept: there may be tens of thousands.
        let mut entries = mem::take(&mut answer.offsets).into_iter().chain(mem::take(&mut answer.failures));
        if let Some((error_code, error)) = entries.find_map(|entry| Some((entry.error_code?, entry.error?))) {
            (answer.error_code, answer.message) = (error_code, error);
        }
        answer.violations.truncate(MAX_VIOLATIONS);
        answer
    }
}

/// The latest ones, the newest last.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    count: u64,
    latest: VecDeque<Refusal>,
}

impl Refusals {
    fn add(&mut self, refusal: Refusal) {
        if self.latest.len() == KEPT {
            self.latest.pop_front();
        }
        self.count += 1;
        self.latest.push_back(Refusal { id: self.count, ..refusal });
    }

    /// A row of the emulator's database that is not valid.
    pub(crate) fn add_row(&mut self, message: String) {
        let (method, answer) = ("emulator".to_owned(), Answer { message, ..Answer::default() });
        self.add(Refusal { time_ms: now_ms(), method, answer, ..Refusal::default() });
    }

    /// Newest first.
    pub(crate) fn shown(&self) -> Vec<&Refusal> {
        self.latest.iter().rev().collect()
    }
}

/// Serves a request, and keeps it if it is refused.
pub(crate) async fn observe(State(dashboard): State<Dashboard>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let (method, path) = (parts.method.clone(), excerpt(parts.uri.path()));
    let beginning = Beginning::default();
    let body = Body::new(Overheard { body, beginning: beginning.clone() });
    let response = next.run(Request::from_parts(parts, body)).await;
    let status = response.status();
    if status.as_u16() < 400 && status != StatusCode::MULTI_STATUS {
        return response;
    }
    let (parts, body) = response.into_parts();
    // Every answer is one piece, and there.
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let answer = Answer::of(&body);
    if status == StatusCode::MULTI_STATUS && answer.error_code == 0 {
        return Response::from_parts(parts, body.into());
    }
    let (sent, cut) = beginning.text();
    dashboard.refused(|refusals| {
        refusals.add(Refusal {
            id: 0,
            time_ms: now_ms(),
            method: method.to_string(),
            path,
            status: status.as_u16(),
            answer,
            sent,
            cut,
        });
    });
    Response::from_parts(parts, body.into())
}

/// The beginning of a body, as far as it has come.
#[derive(Debug, Clone, Default)]
struct Beginning(Arc<Mutex<Kept>>);

#[derive(Debug, Default)]
struct Kept {
    pieces: Vec<Bytes>,
    bytes: usize,
    cut: bool,
}

impl Beginning {
    /// Shares the piece's bytes, which dashboard as long as the request.
    fn add(&self, piece: &Bytes) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let room = MAX_SENT_BYTES - kept.bytes;
        let taken = piece.len().min(room);
        kept.cut |= taken < piece.len();
        if taken > 0 {
            kept.bytes += taken;
            kept.pieces.push(piece.slice(..taken));
        }
    }

    fn text(&self) -> (String, bool) {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = kept.pieces.concat();
        if bytes.starts_with(&GZIP) {
            return ("(compressed by gzip)".to_owned(), false);
        }
        let text = String::from_utf8_lossy(&bytes);
        // A character that the end is cut out of is none.
        let text = if kept.cut { text.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { &text };
        (text.to_owned(), kept.cut)
    }
}

/// A body whose beginning is seen as it is read.
struct Overheard {
    body: Body,
    beginning: Beginning,
}

impl HttpBody for Overheard {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if let Poll::Ready(Some(Ok(frame))) = &frame
            && let Some(piece) = frame.data_ref()
        {
            self.beginning.add(piece);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_why_whatever_its_form() {
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
    fn a_bounded_beginning_is_kept() {
        let beginning = Beginning::default();
        for _ in 0..3 {
            beginning.add(&vec![b'x'; MAX_SENT_BYTES / 2].into());
        }
        let (text, cut) = beginning.text();
        assert_eq!((text.len(), cut), (MAX_SENT_BYTES, true));
        assert_eq!(Beginning::default().text(), (String::new(), false));
        let beginning = Beginning::default();
        beginning.add(&format!("x{}", "é".repeat(MAX_SENT_BYTES)).into());
        assert_eq!(beginning.text(), (format!("x{}", "é".repeat(MAX_SENT_BYTES / 2 - 1)), true));
    }

    #[test]
    fn the_latest_refusals_are_kept_newest_first() {
        let mut refusals = Refusals::default();
        for row in 0..KEPT + 2 {
            refusals.add_row(format!("row {row}"));
        }
        let shown: Vec<_> =
            refusals.shown().into_iter().map(|refusal| (refusal.id, &*refusal.answer.message)).collect();
        assert_eq!((shown.len(), shown[0], shown[KEPT - 1]), (KEPT, (12, "row 11"), (3, "row 2")));
    }
}

//! The body of a produce request's answer: what became of each record.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, header};
use serde::Serialize;
use shared::publish::{Failure, Outcome, Written};

use crate::{error, failure, statuses::Statuses};

/// In the REST Proxy's order, nulls spelled out. Schema ids are always null: there is no registry.
#[derive(Serialize)]
struct Body {
    offsets: Vec<Entry>,
    key_schema_id: Option<u32>,
    value_schema_id: Option<u32>,
}

#[derive(Serialize)]
struct Entry {
    partition: Option<i32>,
    offset: Option<i64>,
    error_code: Option<u32>,
    error: Option<String>,
}

impl From<&Outcome> for Entry {
    fn from(outcome: &Outcome) -> Self {
        match outcome {
            Ok(Written { partition, offset, .. }) => {
                Self { partition: Some(*partition), offset: Some(*offset), error_code: None, error: None }
            }
            Err(failure) => Self {
                partition: None,
                offset: None,
                error_code: Some(failure::code(*failure)),
                error: Some(failure.to_string()),
            },
        }
    }
}

/// That records of a request were not written, for the log. An extension of its answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Failed {
    /// The failure that decides the status.
    pub(crate) worst: Failure,
    /// As the answer tells it.
    pub(crate) error_code: u32,
    /// How many records failed.
    pub(crate) records: usize,
    /// How many the request has.
    pub(crate) of: usize,
}

impl Failed {
    /// Of these records of a request that has `of` of them, if one failed; `code` is how the answer tells a failure.
    pub(crate) fn of(outcomes: &[Outcome], of: usize, code: fn(Failure) -> u32) -> Option<Self> {
        let worst = failure::worst(outcomes)?;
        let records = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        Some(Self { worst, error_code: code(worst), records, of })
    }
}

/// One entry a record, in the request's order.
pub(crate) fn body(outcomes: &[Outcome]) -> Vec<u8> {
    let body = Body { offsets: outcomes.iter().map(Entry::from).collect(), key_schema_id: None, value_schema_id: None };
    json(&body)
}

/// The text of a body.
#[expect(clippy::expect_used, reason = "unwrap safety: numbers, strings and lists always serialize")]
pub(crate) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("JSON")
}

/// The entries with the status that they give together.
pub(crate) fn answer(outcomes: &[Outcome], statuses: Statuses, content_type: HeaderValue) -> Response {
    let status = failure::status(outcomes, statuses);
    let mut response = (status, [(header::CONTENT_TYPE, content_type)], body(outcomes)).into_response();
    response.headers_mut().extend(error::retry_after(status));
    if let Some(failed) = Failed::of(outcomes, outcomes.len(), failure::code) {
        response.extensions_mut().insert(failed);
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::limits::MAX_RECORDS;

    /// Lambda's limit for a response: 6 MB of JSON, in which the body is a string.
    const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

    #[tokio::test]
    async fn the_answer_to_the_largest_request_fits_into_a_response_whatever_failed() {
        for failure in Failure::ALL {
            let answer = answer(
                &vec![Err(failure); MAX_RECORDS],
                Statuses::Honest,
                HeaderValue::from_static("application/json"),
            );
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            let body = serde_json::to_string(std::str::from_utf8(&body).unwrap()).unwrap();
            assert!(body.len() + 1000 < MAX_RESPONSE_BYTES, "{failure}: {}", body.len());
        }
    }
}

//! Response bodies, and the response to a v2 produce request.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::publish::{Failure, Outcome, Written};

use crate::{failure, status_policy::StatusPolicy};

/// The content type of errors, and of responses to clients that asked for plain JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The client's retry delay in seconds. A leader election is usually over within that.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The body of a produce response, in the REST Proxy's order, with nulls spelled out. Schema ids are always null: there is no
/// schema registry.
#[derive(Serialize)]
struct ProduceResponse {
    offsets: Vec<PartitionOffset>,
    key_schema_id: Option<u32>,
    value_schema_id: Option<u32>,
}

/// The outcome of one record.
#[derive(Serialize)]
struct PartitionOffset {
    partition: Option<i32>,
    offset: Option<i64>,
    error_code: Option<u32>,
    error: Option<String>,
}

impl From<&Outcome> for PartitionOffset {
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

/// A summary of the records that were not written, for the log. An extension of the response.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unwritten {
    /// The failure that decides the status.
    pub(crate) worst: Failure,
    /// The `error_code` of `worst` in the response.
    pub(crate) error_code: u32,
    /// The number of records that failed.
    pub(crate) records: usize,
    /// The number of records in the request.
    pub(crate) of: usize,
}

impl Unwritten {
    /// Summarizes `outcomes` of a request with `of` records, if any failed. `code` maps a failure to its `error_code`.
    pub(crate) fn of(outcomes: &[Outcome], of: usize, code: fn(Failure) -> u32) -> Option<Self> {
        let worst = failure::worst(outcomes)?;
        let records = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        Some(Self { worst, error_code: code(worst), records, of })
    }
}

/// Serializes a response body.
#[expect(clippy::expect_used, reason = "unwrap safety: numbers, strings and lists always serialize")]
pub(crate) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("JSON")
}

/// The `Retry-After` header of a status that asks for a retry.
pub(crate) fn retry_after(status: StatusCode) -> Option<(HeaderName, HeaderValue)> {
    let retries = [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS].contains(&status);
    retries.then_some((header::RETRY_AFTER, RETRY_AFTER))
}

/// The body of a produce response: one entry per record, in the request's order.
pub(crate) fn produce_body(outcomes: &[Outcome]) -> Vec<u8> {
    let offsets = outcomes.iter().map(PartitionOffset::from).collect();
    json(&ProduceResponse { offsets, key_schema_id: None, value_schema_id: None })
}

/// The response to a produce request: its body, and the status that `policy` gives these outcomes.
pub(crate) fn produced(outcomes: &[Outcome], policy: StatusPolicy, content_type: HeaderValue) -> Response {
    let status = failure::status(outcomes, policy);
    let mut response = (status, [(header::CONTENT_TYPE, content_type)], produce_body(outcomes)).into_response();
    response.headers_mut().extend(retry_after(status));
    if let Some(unwritten) = Unwritten::of(outcomes, outcomes.len(), failure::code) {
        response.extensions_mut().insert(unwritten);
    }
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;
    use crate::limits::MAX_RECORDS;

    /// Lambda's response limit: 6 MB of JSON, in which the body is a string.
    const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

    #[tokio::test]
    async fn the_response_to_the_largest_request_fits_into_lambdas_limit_for_every_failure() {
        for failure in Failure::ALL {
            let response = produced(&vec![Err(failure); MAX_RECORDS], StatusPolicy::Strict, JSON);
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let body = serde_json::to_string(std::str::from_utf8(&body).unwrap()).unwrap();
            assert!(body.len() + 1000 < MAX_RESPONSE_BYTES, "{failure}: {}", body.len());
        }
    }
}

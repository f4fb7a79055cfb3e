//! A response as both fronts send it, and the response to a v2 produce request.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::publish::{Failure, Outcome, Written};

use crate::{error::Error, failure, status_policy::StatusPolicy, violations::RecordViolation};

/// The content type of errors, and of responses to clients that asked for plain JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The client's retry delay in seconds. A leader election is usually over within that.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The headers that "Enable API Gateway CORS" set on the course's API. Every response has them.
pub(crate) const CORS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token"),
    ),
];

/// A response with its whole body.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: StatusCode,
    pub(crate) content_type: HeaderValue,
    /// The headers besides the content type and [`CORS`].
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// UTF-8.
    pub(crate) body: Bytes,
    pub(crate) summary: Summary,
}

/// The reason for a response, for the log.
#[derive(Debug)]
pub(crate) enum Summary {
    /// The request was served.
    Answered,
    /// The request, or a record of a v3 request, was rejected.
    Rejected(Error),
    /// Records were not written.
    Unwritten(Unwritten),
}

impl Response {
    pub(crate) fn new(status: StatusCode, content_type: HeaderValue, body: impl Into<Bytes>) -> Self {
        Self { status, content_type, headers: Vec::new(), body: body.into(), summary: Summary::Answered }
    }

    /// A 200 with a JSON body.
    pub(crate) fn json(body: &impl Serialize) -> Self {
        Self::new(StatusCode::OK, JSON, json(body))
    }

    /// Returns whether an error is the body.
    pub(crate) fn is_rejection(&self) -> bool {
        matches!(self.summary, Summary::Rejected(_)) && self.status != StatusCode::OK
    }
}

impl From<Error> for Response {
    fn from(error: Error) -> Self {
        Self::of_error(error, None)
    }
}

impl Response {
    /// The response to a rejected request. `exception` is Kinesis' name for the error, which clients of streams read.
    pub(crate) fn of_error(error: Error, exception: Option<&'static str>) -> Self {
        let status = error.error_code().status;
        let body = ErrorBody {
            error_code: error.code(),
            message: error.to_string(),
            violations: error.violations(),
            exception,
        };
        let mut response = Self::new(status, JSON, json(&body));
        response.headers.extend(retry_after(status));
        response.headers.extend(error.allow());
        response.summary = Summary::Rejected(error);
        response
    }
}

/// The response body of an error.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error_code: u32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<&'a [RecordViolation]>,
    #[serde(rename = "__type", skip_serializing_if = "Option::is_none")]
    exception: Option<&'static str>,
}

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

/// The records that were not written.
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
    of_outcomes(outcomes, policy, content_type, produce_body(outcomes))
}

/// The response with `body` to a request with these outcomes, and the status that `policy` gives them.
pub(crate) fn of_outcomes(
    outcomes: &[Outcome],
    policy: StatusPolicy,
    content_type: HeaderValue,
    body: Vec<u8>,
) -> Response {
    let status = failure::status(outcomes, policy);
    let mut response = Response::new(status, content_type, body);
    response.headers.extend(retry_after(status));
    if let Some(unwritten) = Unwritten::of(outcomes, outcomes.len(), failure::code) {
        response.summary = Summary::Unwritten(unwritten);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_RECORDS;

    /// Lambda's response limit: 6 MB of JSON, in which the body is a string.
    const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;

    #[test]
    fn the_response_to_the_largest_request_fits_into_lambdas_limit_for_every_failure() {
        for failure in Failure::ALL {
            let response = produced(&vec![Err(failure); MAX_RECORDS], StatusPolicy::Strict, JSON);
            let body = serde_json::to_string(std::str::from_utf8(&response.body).unwrap()).unwrap();
            assert!(body.len() + 1000 < MAX_RESPONSE_BYTES, "{failure}: {}", body.len());
        }
    }

    #[test]
    fn the_cause_of_an_error_is_logged_but_never_sent() {
        let cause = || std::io::Error::other("arn:aws:kafka:us-east-1:123456789012:cluster/secret");
        for error in [Error::NotGzip(cause()), Error::BodyIncomplete(cause().into())] {
            assert!(error.logged().contains("arn:aws"), "the log has it");
            let body = String::from_utf8(Response::from(error).body.to_vec()).unwrap();
            assert!(body.contains("Bad Request") && !body.contains("arn:"), "{body}");
        }
    }
}

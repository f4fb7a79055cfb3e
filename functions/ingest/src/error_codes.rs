//! The error codes of `ingest`, and below them those of the gateway. Responses, the OpenAPI document and docs/api.md use this
//! table.

use http::StatusCode;

/// A status and the `error_code` that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The status.
    pub status: StatusCode,
    /// `error_code` of the body, or of a record's entry in it.
    pub code: u32,
    /// The condition, in the words of docs/api.md.
    pub when: &'static str,
}

const fn row(status: StatusCode, code: u32, when: &'static str) -> ErrorCode {
    ErrorCode { status, code, when }
}

/// Every `error_code` that `ingest` returns on AWS, with its status.
pub const ERROR_CODES: [ErrorCode; 20] = [
    row(
        StatusCode::BAD_REQUEST,
        400,
        "the body is not JSON, not UTF-8, not base64, or incomplete; in v3 an unknown field; a wrong parameter of the query",
    ),
    row(StatusCode::UNAUTHORIZED, 40101, "Kafka rejected the credentials"),
    row(StatusCode::FORBIDDEN, 40301, "Kafka does not allow writing to the topic, reading it, or describing it"),
    row(
        StatusCode::NOT_FOUND,
        404,
        "unknown path, records read while reading is off, or a partition that is not a number",
    ),
    row(
        StatusCode::NOT_FOUND,
        40401,
        "a topic or stream that is not served here (the message lists those that are) or does not exist on the cluster",
    ),
    row(StatusCode::NOT_FOUND, 40402, "the topic has no such partition (GET requests, and records in v3)"),
    row(StatusCode::METHOD_NOT_ALLOWED, 405, "the path does not support the method"),
    row(StatusCode::NOT_ACCEPTABLE, 406, "`Accept` allows no content type of the response"),
    row(StatusCode::REQUEST_TIMEOUT, 408, "the body did not arrive in time"),
    row(
        StatusCode::PAYLOAD_TOO_LARGE,
        413,
        "more than 6 MiB, also after inflation, or than 40000 records, 10000 in v3, 500 in /streams; in v3 a record larger than its topic allows; a record too large to be read back",
    ),
    row(StatusCode::PAYLOAD_TOO_LARGE, 50002, "a record is larger than its topic allows"),
    row(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, "`Content-Type` is not supported"),
    row(
        StatusCode::UNPROCESSABLE_ENTITY,
        422,
        "an empty body, no `records`, or an unknown field; in v3 a malformed record, or one that names a schema",
    ),
    row(StatusCode::UNPROCESSABLE_ENTITY, 42203, "a record breaks a rule; `violations` lists them, the first 100"),
    row(StatusCode::UNPROCESSABLE_ENTITY, 42206, "an Avro, Protobuf or JSON Schema format; in v3 an empty body"),
    row(StatusCode::UNPROCESSABLE_ENTITY, 42208, "v3 batch with no entries, more than 10 entries, or duplicate ids"),
    row(StatusCode::INTERNAL_SERVER_ERROR, 500, "a bug; see the log"),
    row(StatusCode::INTERNAL_SERVER_ERROR, 50002, "Kafka rejected a record permanently"),
    row(StatusCode::NOT_IMPLEMENTED, 501, "consumers are not supported"),
    row(
        StatusCode::SERVICE_UNAVAILABLE,
        50003,
        "Kafka did not confirm the write, or answer, in time: retry; or the topic or its partition does not exist on the cluster",
    ),
];

/// The errors that API Gateway returns itself, set in `template.yaml`. `local` returns 429 too.
pub(crate) const INVALID_API_KEY: ErrorCode =
    row(StatusCode::FORBIDDEN, 403, "on AWS: `x-api-key` is missing or not a key of this API");
pub(crate) const THROTTLED: ErrorCode = row(
    StatusCode::TOO_MANY_REQUESTS,
    429,
    "on AWS: more requests than the throttle allows; in `local`: too many request bodies in flight, or reads at once; nothing was written",
);
pub(crate) const GATEWAY_TIMEOUT: ErrorCode =
    row(StatusCode::SERVICE_UNAVAILABLE, 503, "on AWS: no response in time; records may or may not be written");

/// Looks up a row of [`ERROR_CODES`]. In a constant, a missing row does not compile.
pub(crate) const fn error_code(status: StatusCode, code: u32) -> ErrorCode {
    let mut at = 0;
    while ERROR_CODES[at].status.as_u16() != status.as_u16() || ERROR_CODES[at].code != code {
        at += 1;
    }
    ERROR_CODES[at]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{MAX_BODY_BYTES, MAX_RECORDS, MAX_STREAM_RECORDS, MAX_V3_RECORDS, MAX_VIOLATIONS};

    #[test]
    fn the_table_states_the_enforced_limits() {
        let when = const { error_code(StatusCode::PAYLOAD_TOO_LARGE, 413) }.when;
        let mib = MAX_BODY_BYTES >> 20;
        let limits = format!(
            "more than {mib} MiB, also after inflation, or than {MAX_RECORDS} records, {MAX_V3_RECORDS} in v3, {MAX_STREAM_RECORDS} in /streams;"
        );
        assert!(when.starts_with(&limits), "{when}");
        let when = const { error_code(StatusCode::UNPROCESSABLE_ENTITY, 42203) }.when;
        assert!(when.ends_with(&format!("the first {MAX_VIOLATIONS}")));
    }

    #[test]
    fn every_error_code_is_listed_once_per_status() {
        for (at, answer) in ERROR_CODES.iter().enumerate() {
            let same = |other: &&ErrorCode| (other.status, other.code) == (answer.status, answer.code);
            assert_eq!(ERROR_CODES.iter().filter(same).count(), 1, "{at}: {answer:?}");
        }
    }
}

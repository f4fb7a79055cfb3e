//! Every answer that is not 200: the one table that the code, the OpenAPI document and docs/api.md are held to.

use http::StatusCode;

/// A status and the `error_code` that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ErrorCode {
    /// The status.
    pub status: StatusCode,
    /// `error_code` of the body, or of a record's entry in it.
    pub code: u32,
    /// When it is given, in the words of docs/api.md's table.
    pub when: &'static str,
}

const fn row(status: StatusCode, code: u32, when: &'static str) -> ErrorCode {
    ErrorCode { status, code, when }
}

/// Every answer that is not 200. Whatever else names one takes it from here.
pub const ERROR_CODES: [ErrorCode; 20] = [
    row(
        StatusCode::BAD_REQUEST,
        400,
        "the body is not JSON, not in UTF-8, not base64 or incomplete; in v3 an unknown field",
    ),
    row(StatusCode::UNAUTHORIZED, 40101, "Kafka refused the log-in"),
    row(StatusCode::FORBIDDEN, 40301, "Kafka does not allow writing to the topic, or describing it"),
    row(StatusCode::NOT_FOUND, 404, "unknown path, or a partition that is not a number"),
    row(StatusCode::NOT_FOUND, 40401, "not one of the topics here, which are named, or one that is not on the cluster"),
    row(StatusCode::NOT_FOUND, 40402, "the topic has no such partition: to be described, or of a record in v3"),
    row(StatusCode::METHOD_NOT_ALLOWED, 405, "the path has no such method"),
    row(StatusCode::NOT_ACCEPTABLE, 406, "`Accept` allows neither type of the answer"),
    row(StatusCode::REQUEST_TIMEOUT, 408, "the body did not arrive in time"),
    row(
        StatusCode::PAYLOAD_TOO_LARGE,
        413,
        "more than 6 MiB, also after inflation, or than 40000 records, 10000 in v3; in v3 a record that its topic does not admit",
    ),
    row(StatusCode::PAYLOAD_TOO_LARGE, 50002, "a record is larger than its topic admits"),
    row(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, "`Content-Type` is not supported"),
    row(
        StatusCode::UNPROCESSABLE_ENTITY,
        422,
        "an empty body, no `records`, or an unknown field; in v3 a record that is not well formed, or names a schema",
    ),
    row(StatusCode::UNPROCESSABLE_ENTITY, 42203, "a record breaks a rule; `violations` lists them, the first 100"),
    row(StatusCode::UNPROCESSABLE_ENTITY, 42206, "an Avro, Protobuf or JSON Schema format; in v3 an empty body"),
    row(
        StatusCode::UNPROCESSABLE_ENTITY,
        42208,
        "in v3 a batch without entries, with more than 10, or ids that do not tell them apart",
    ),
    row(StatusCode::INTERNAL_SERVER_ERROR, 500, "a defect of ours; the log has it"),
    row(StatusCode::INTERNAL_SERVER_ERROR, 50002, "Kafka refused a record for good"),
    row(StatusCode::NOT_IMPLEMENTED, 501, "consumers are not served"),
    row(
        StatusCode::SERVICE_UNAVAILABLE,
        50003,
        "not confirmed by Kafka in time: may be sent again; or the topic has no such partition or is not on the cluster",
    ),
];

/// What is answered before `ingest` is asked: by API Gateway, by `template.yaml`, and 429 by `local` too.
pub(crate) const INVALID_API_KEY: ErrorCode =
    row(StatusCode::FORBIDDEN, 403, "on AWS: `x-api-key` holds no key of this API");
pub(crate) const THROTTLED: ErrorCode = row(
    StatusCode::TOO_MANY_REQUESTS,
    429,
    "on AWS: more requests than the throttle admits; in `local`: more bodies than it has room for; nothing was written",
);
pub(crate) const GATEWAY_TIMEOUT: ErrorCode =
    row(StatusCode::SERVICE_UNAVAILABLE, 503, "on AWS: no answer in time; records may or may not be written");

/// The row of [`ERROR_CODES`]. In a constant: one that is not there does not compile.
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
    use crate::limits::{MAX_BODY_BYTES, MAX_RECORDS, MAX_STREAMED_RECORDS, MAX_VIOLATIONS};

    #[test]
    fn the_table_states_the_limits_that_are_kept() {
        let when = const { error_code(StatusCode::PAYLOAD_TOO_LARGE, 413) }.when;
        let mib = MAX_BODY_BYTES >> 20;
        let limits = format!(
            "more than {mib} MiB, also after inflation, or than {MAX_RECORDS} records, {MAX_STREAMED_RECORDS} in v3;"
        );
        assert!(when.starts_with(&limits), "{when}");
        let when = const { error_code(StatusCode::UNPROCESSABLE_ENTITY, 42203) }.when;
        assert!(when.ends_with(&format!("the first {MAX_VIOLATIONS}")));
    }

    #[test]
    fn an_answer_stands_once_in_the_list_of_them() {
        for (at, answer) in ERROR_CODES.iter().enumerate() {
            let same = |other: &&ErrorCode| (other.status, other.code) == (answer.status, answer.code);
            assert_eq!(ERROR_CODES.iter().filter(same).count(), 1, "{at}: {answer:?}");
        }
    }
}

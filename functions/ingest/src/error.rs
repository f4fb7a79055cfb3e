//! What went wrong with a request or its records, and what each means in HTTP. Nothing else in the program names a
//! status.
//!
//! A client reads an error's `Display`, which never holds its source: that goes to the log, once.

use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use serde::Serialize;
use shared::{
    json::JsonError,
    publish::{Failure, Outcome, Unreachable},
};

use crate::{
    limits::MAX_BODY_BYTES,
    settings::Statuses,
    violations::{RecordViolation, Violations},
};

/// What an error is sent as, and an answer to a client that asked for it.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// The types that are read.
const SUPPORTED: &str = "application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json, application/json";

/// What a body has to look like.
const EXAMPLE: &str = r#"{"records":[{"value":{…}}]}, each value a row"#;

/// How long a client should wait before it sends again, in seconds: a leader is usually moved within that.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// Why a request is not served. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Error {
    #[error("HTTP 404 Not Found")]
    NotFound,
    #[error("HTTP 404 Not Found: records are sent to POST /topics/{{topic}}; the topics here are {}", .topics.join(", "))]
    NothingToPostTo { topics: Vec<String> },
    #[error("HTTP 405 Method Not Allowed")]
    MethodNotAllowed,
    #[error("Consumers are not served here: read the topic with a Kafka client, or the archive")]
    NoConsumers,
    #[error("the body is larger than {MAX_BODY_BYTES} bytes: send fewer records a request")]
    BodyTooLarge,
    #[error("the request has {count} records, more than {most}: send fewer records a request")]
    TooManyRecords { count: usize, most: usize },
    #[error("HTTP 415 Unsupported Media Type: the supported types are {SUPPORTED}; the body must be {EXAMPLE}")]
    UnsupportedMediaType,
    #[error("HTTP 415 Unsupported Media Type: the supported type is application/json")]
    UnsupportedType,
    #[error("Payload error. Schema Registry must be configured when using schemas.")]
    SchemaFormat,
    #[error("HTTP 406 Not Acceptable: the answer is application/vnd.kafka.v2+json or application/json")]
    NotAcceptable,
    #[error("Topic not found: {}; the topics here are {}", .topic, .topics.join(", "))]
    UnknownTopic { topic: String, topics: Vec<String> },
    #[error("Bad Request: the body is not JSON: {0}")]
    NotJson(JsonError),
    #[error("Bad Request: data={data} is not a base64 string.{}", base64_advice(.data))]
    NotBase64 { data: String },
    #[error("Bad Request: the body starts like gzip but is not valid gzip")]
    NotGzip(#[source] std::io::Error),
    #[error("Bad Request: the body broke off")]
    BodyBroken(#[source] axum::Error),
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("Bad Request: the event is no API Gateway proxy event")]
    NoRequest(#[source] Option<serde_json::Error>),
    #[error("{0}; the body must be {EXAMPLE}")]
    NoEnvelope(String),
    #[error("Conversion of JSON to Object failed: {0}")]
    Invalid(Violations),
    #[error("Payload error. Request body is empty. Data is required.")]
    EmptyBody,
    #[error("{0}")]
    BadBatch(&'static str),
    #[error("{0}")]
    BadRecord(String),
    #[error("Unrecognized field \"{name}\"")]
    UnrecognizedField { name: String },
    #[error("Error: 42206 : Payload error. Schema Registry must be configured when using schemas.")]
    SchemaType,
    #[error("Partition not found: a partition's number is not negative")]
    NegativePartition,
    #[error("Topic not found: {topic} is one of the topics here, but it is not on the cluster")]
    MissingTopic { topic: String },
    #[error("Partition not found: {topic} has the partitions 0 to {last}")]
    UnknownPartition { topic: String, last: i32 },
    #[error("the cluster does not allow describing this topic")]
    MayNotDescribe,
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("Internal Server Error")]
    Internal,
}

/// For rows that are sent as they are.
fn base64_advice(data: &str) -> &'static str {
    if data.starts_with(['{', '[']) { " Rows as JSON are sent as application/vnd.kafka.json.v2+json." } else { "" }
}

/// A status and the `error_code` that goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// `error_code` of the body, or of a record's entry in it.
    pub code: u32,
    /// When it is given, in the words of the README's table.
    pub when: &'static str,
}

const fn row(status: StatusCode, code: u32, when: &'static str) -> Answer {
    Answer { status, code, when }
}

/// Every answer that is not 200. Whatever else names one takes it from here.
pub const ANSWERS: [Answer; 20] = [
    row(StatusCode::BAD_REQUEST, 400, "the body is not JSON, not base64 or incomplete; in v3 an unknown field"),
    row(StatusCode::UNAUTHORIZED, 40101, "Kafka refused the log-in"),
    row(StatusCode::FORBIDDEN, 40301, "Kafka does not allow writing to the topic, or describing it"),
    row(StatusCode::NOT_FOUND, 404, "unknown path, or a partition that is not a number"),
    row(StatusCode::NOT_FOUND, 40401, "not one of the topics here, which are named, or one that is not on the cluster"),
    row(StatusCode::NOT_FOUND, 40402, "the topic has no such partition to be described"),
    row(StatusCode::METHOD_NOT_ALLOWED, 405, "the path has no such method"),
    row(StatusCode::NOT_ACCEPTABLE, 406, "`Accept` allows neither type of the answer"),
    row(StatusCode::REQUEST_TIMEOUT, 408, "the body did not arrive in time"),
    row(
        StatusCode::PAYLOAD_TOO_LARGE,
        413,
        "more than 6 MiB, also after inflation, or than 40000 records, 10000 in v3",
    ),
    row(StatusCode::PAYLOAD_TOO_LARGE, 50002, "a record is larger than its topic admits"),
    row(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415, "`Content-Type` is not supported"),
    row(StatusCode::UNPROCESSABLE_ENTITY, 422, "no `records`, or an unknown field; in v3 a record that is none"),
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
    row(StatusCode::SERVICE_UNAVAILABLE, 50003, "not confirmed by Kafka in time; may be sent again"),
];

/// What API Gateway answers by itself, by `template.yaml`.
pub(crate) const NO_KEY: Answer = row(StatusCode::FORBIDDEN, 403, "on AWS: `x-api-key` holds no key of this API");
pub(crate) const THROTTLED: Answer =
    row(StatusCode::TOO_MANY_REQUESTS, 429, "on AWS: more requests than the throttle admits; nothing was written");
pub(crate) const NO_ANSWER: Answer =
    row(StatusCode::SERVICE_UNAVAILABLE, 503, "on AWS: no answer in time; records may or may not be written");

/// The row of [`ANSWERS`]. In a constant: one that is not there does not compile.
const fn answer(status: StatusCode, code: u32) -> Answer {
    let mut at = 0;
    while ANSWERS[at].status.as_u16() != status.as_u16() || ANSWERS[at].code != code {
        at += 1;
    }
    ANSWERS[at]
}

impl Error {
    /// A new variant does not compile until it has an answer.
    pub(crate) const fn answer(&self) -> Answer {
        match self {
            Self::NotJson(_)
            | Self::NotBase64 { .. }
            | Self::NotGzip(_)
            | Self::BodyBroken(_)
            | Self::NoRequest(_)
            | Self::UnrecognizedField { .. } => const { answer(StatusCode::BAD_REQUEST, 400) },
            Self::NotFound | Self::NothingToPostTo { .. } => const { answer(StatusCode::NOT_FOUND, 404) },
            Self::UnknownTopic { .. } | Self::MissingTopic { .. } => const { answer(StatusCode::NOT_FOUND, 40401) },
            Self::UnknownPartition { .. } | Self::NegativePartition => const { answer(StatusCode::NOT_FOUND, 40402) },
            Self::MayNotDescribe => failed(Failure::Unauthorized),
            Self::MethodNotAllowed => const { answer(StatusCode::METHOD_NOT_ALLOWED, 405) },
            Self::NotAcceptable => const { answer(StatusCode::NOT_ACCEPTABLE, 406) },
            Self::BodyTimeout => const { answer(StatusCode::REQUEST_TIMEOUT, 408) },
            Self::BodyTooLarge | Self::TooManyRecords { .. } => const { answer(StatusCode::PAYLOAD_TOO_LARGE, 413) },
            Self::UnsupportedMediaType | Self::UnsupportedType => {
                const { answer(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415) }
            }
            Self::NoEnvelope(_) | Self::BadRecord(_) | Self::SchemaType => {
                const { answer(StatusCode::UNPROCESSABLE_ENTITY, 422) }
            }
            Self::Invalid(_) => const { answer(StatusCode::UNPROCESSABLE_ENTITY, 42203) },
            Self::SchemaFormat | Self::EmptyBody => const { answer(StatusCode::UNPROCESSABLE_ENTITY, 42206) },
            Self::BadBatch(_) => const { answer(StatusCode::UNPROCESSABLE_ENTITY, 42208) },
            Self::Internal => const { answer(StatusCode::INTERNAL_SERVER_ERROR, 500) },
            Self::NoConsumers => const { answer(StatusCode::NOT_IMPLEMENTED, 501) },
            Self::Unreachable(_) => failed(Failure::Unconfirmed),
        }
    }

    /// The body's `error_code`; the log's `error.code` is the same.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.answer().code
    }

    /// What the client reads.
    pub(crate) fn body(&self) -> Vec<u8> {
        let body = Body { error_code: self.code(), message: self.to_string(), violations: self.violations() };
        // Numbers, strings and lists always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }

    pub(crate) fn violations(&self) -> Option<&[RecordViolation]> {
        match self {
            Self::Invalid(violations) => Some(&violations.listed),
            _ => None,
        }
    }
}

/// Every failure; a new one does not compile until it has its place.
pub(crate) fn failures() -> impl Iterator<Item = Failure> {
    std::iter::successors(Some(Failure::Unconfirmed), |failure| match failure {
        Failure::Unconfirmed => Some(Failure::NoSuchTopic),
        Failure::NoSuchTopic => Some(Failure::NoSuchPartition),
        Failure::NoSuchPartition => Some(Failure::TooLarge),
        Failure::TooLarge => Some(Failure::Refused),
        Failure::Refused => Some(Failure::Unauthenticated),
        Failure::Unauthenticated => Some(Failure::Unauthorized),
        Failure::Unauthorized => None,
    })
}

/// The answer to a request whose only failure is this one.
pub(crate) const fn failed(failure: Failure) -> Answer {
    match failure {
        // The REST Proxy calls these three retriable, and its clients know the code.
        Failure::Unconfirmed | Failure::NoSuchTopic | Failure::NoSuchPartition => {
            const { answer(StatusCode::SERVICE_UNAVAILABLE, 50003) }
        }
        Failure::TooLarge => const { answer(StatusCode::PAYLOAD_TOO_LARGE, 50002) },
        Failure::Refused => const { answer(StatusCode::INTERNAL_SERVER_ERROR, 50002) },
        Failure::Unauthenticated => const { answer(StatusCode::UNAUTHORIZED, 40101) },
        Failure::Unauthorized => const { answer(StatusCode::FORBIDDEN, 40301) },
    }
}

/// Which of several failures decides a request's status, the lowest first: log-in and rights concern every record; what
/// may be retried comes before what was refused for good, of which a size can be mended and the rest not.
const fn rank(failure: Failure) -> u8 {
    match failure {
        Failure::Unauthenticated => 0,
        Failure::Unauthorized => 1,
        Failure::Unconfirmed | Failure::NoSuchTopic | Failure::NoSuchPartition => 2,
        Failure::TooLarge => 3,
        Failure::Refused => 4,
    }
}

/// A record's `error_code`.
pub(crate) const fn failure_code(failure: Failure) -> u32 {
    failed(failure).code
}

/// The same in v3, whose records have no status beside it: there a record that is too large is told by the status's own
/// number, and what is not there apart.
pub(crate) const fn streamed_code(failure: Failure) -> u32 {
    match failure {
        Failure::TooLarge => 413,
        Failure::NoSuchTopic => 40401,
        Failure::NoSuchPartition => 40402,
        Failure::Unconfirmed | Failure::Refused | Failure::Unauthenticated | Failure::Unauthorized => {
            failure_code(failure)
        }
    }
}

/// The failure that decides a request's status, if there is any: only without one it is 200.
pub(crate) fn worst(outcomes: &[Outcome]) -> Option<Failure> {
    outcomes.iter().filter_map(|outcome| outcome.err()).min_by_key(|failure| rank(*failure))
}

/// The status of a request by what became of its records.
pub(crate) fn status(outcomes: &[Outcome], statuses: Statuses) -> StatusCode {
    let told = |failure: &Failure| match statuses {
        Statuses::Honest => true,
        Statuses::Confluent => matches!(failure, Failure::Unauthenticated | Failure::Unauthorized),
    };
    worst(outcomes).filter(told).map_or(StatusCode::OK, |failure| failed(failure).status)
}

/// The header that goes with a status, if one does.
pub(crate) fn retry_after(status: StatusCode) -> Option<(HeaderName, HeaderValue)> {
    (status == StatusCode::SERVICE_UNAVAILABLE).then_some((header::RETRY_AFTER, RETRY_AFTER))
}

/// An error's body.
#[derive(Serialize)]
struct Body<'a> {
    error_code: u32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<&'a [RecordViolation]>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.answer().status;
        let mut response = (status, [(header::CONTENT_TYPE, JSON)], self.body()).into_response();
        response.headers_mut().extend(retry_after(status));
        response.extensions_mut().insert(std::sync::Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use shared::publish::Written;

    use super::*;
    use crate::limits::{MAX_RECORDS, MAX_STREAMED_RECORDS};

    #[test]
    fn the_status_is_200_only_when_every_record_is_written() {
        const OK: Outcome = Ok(Written { partition: 0, offset: 0, timestamp_ms: None });
        const UNCONFIRMED: Outcome = Err(Failure::Unconfirmed);
        const TOO_LARGE: Outcome = Err(Failure::TooLarge);
        const REFUSED: Outcome = Err(Failure::Refused);
        for (outcomes, status) in [
            (&[OK, OK][..], 200),
            (&[OK, UNCONFIRMED], 503),
            (&[TOO_LARGE, UNCONFIRMED, REFUSED], 503),
            (&[OK, TOO_LARGE, REFUSED], 413),
            (&[OK, REFUSED], 500),
            (&[UNCONFIRMED, Err(Failure::Unauthorized)], 403),
            (&[Err(Failure::Unauthorized), Err(Failure::Unauthenticated)], 401),
            (&[Err(Failure::NoSuchTopic)], 503),
            (&[Err(Failure::NoSuchPartition)], 503),
        ] {
            assert_eq!(super::status(outcomes, Statuses::Honest), status, "{outcomes:?}");
            let confluent = if matches!(status, 401 | 403) { status } else { 200 };
            assert_eq!(super::status(outcomes, Statuses::Confluent), confluent, "{outcomes:?}");
        }
    }

    #[tokio::test]
    async fn the_client_never_reads_the_cause() {
        let cause = || std::io::Error::other("arn:aws:kafka:us-east-1:123456789012:cluster/secret");
        for error in [Error::NotGzip(cause()), Error::BodyBroken(axum::Error::new(cause()))] {
            assert!(shared::causes::in_one_line(&error).contains("arn:aws"), "the log has it");
            let body = error.into_response().into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(body.contains("Bad Request") && !body.contains("arn:"), "{body}");
        }
    }

    #[test]
    fn the_table_states_the_limits_that_are_kept() {
        let when = const { answer(StatusCode::PAYLOAD_TOO_LARGE, 413) }.when;
        let mib = MAX_BODY_BYTES >> 20;
        let limits = format!(
            "more than {mib} MiB, also after inflation, or than {MAX_RECORDS} records, {MAX_STREAMED_RECORDS} in v3"
        );
        assert_eq!(when, limits);
        let when = const { answer(StatusCode::UNPROCESSABLE_ENTITY, 42203) }.when;
        assert!(when.ends_with(&format!("the first {}", crate::limits::MAX_VIOLATIONS)));
    }

    #[test]
    fn an_answer_stands_once_in_the_list_of_them() {
        for (at, answer) in ANSWERS.iter().enumerate() {
            let same = |other: &&Answer| (other.status, other.code) == (answer.status, answer.code);
            assert_eq!(ANSWERS.iter().filter(same).count(), 1, "{at}: {answer:?}");
        }
    }
}

//! What went wrong with a request, and what each means in HTTP. Nothing but this, the table of all answers and `failure`
//! names a status.
//!
//! A client reads an error's `Display`, which never holds its source: that goes to the log, once, without what the client sent.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::Serialize;
use shared::{
    causes::in_one_line,
    json::JsonError,
    publish::{Failure, Unreachable},
};

use crate::{
    failure,
    limits::MAX_BODY_BYTES,
    response::{JSON, json, retry_after},
    status::{ErrorCode, THROTTLED, error_code},
    violations::{RecordViolation, Violations},
};

/// The types that are read.
const SUPPORTED: &str = "application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json, application/json";

/// What a body has to look like.
const EXAMPLE: &str = r#"{"records":[{"value":{…}}]}, each value a row"#;

/// Why a request is not served. Nothing of it was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Error {
    #[error("HTTP 404 Not Found: records are sent to POST /topics/{{topic}}; the topics here are {}", .topics.join(", "))]
    NotFound { topics: Arc<[String]> },
    #[error("HTTP 404 Not Found: {0}")]
    NoSuchPath(&'static str),
    #[error("HTTP 405 Method Not Allowed: `Allow` lists the methods of this path, and GET /docs those of all")]
    MethodNotAllowed,
    #[error("HTTP 405 Method Not Allowed: GET /docs shows the methods of each path")]
    UnknownMethod,
    #[error("Consumers are not served here: read the topic with a Kafka client, or the archive")]
    NoConsumers,
    #[error("the body is larger than {MAX_BODY_BYTES} bytes: send fewer records a request")]
    BodyTooLarge,
    #[error("the request has {count} records, more than {most}: send fewer records a request")]
    TooManyRecords { count: usize, most: usize },
    #[error("HTTP 415 Unsupported Media Type: the supported types are {SUPPORTED}; the body must be {EXAMPLE}")]
    UnsupportedMediaType,
    #[error("HTTP 415 Unsupported Media Type: the supported type is application/json")]
    UnsupportedV3Type,
    #[error("Payload error. Schema Registry must be configured when using schemas.")]
    SchemaFormat,
    #[error("HTTP 406 Not Acceptable: the answer is application/vnd.kafka.v2+json or application/json")]
    NotAcceptable,
    #[error("HTTP 406 Not Acceptable: the answer is application/json")]
    NotAcceptableV3,
    #[error("Topic not found: {}; the topics here are {}", .topic, .topics.join(", "))]
    UnknownTopic { topic: String, topics: Arc<[String]> },
    #[error("Bad Request: the body is not JSON: {0}")]
    NotJson(JsonError),
    #[error(
        "Bad Request: charset={charset} is not supported: JSON is UTF-8; the charsets are UTF-8 and US-ASCII, and \
         ISO-8859-1 and windows-1252 where the body has no characters beyond ASCII"
    )]
    UnsupportedCharset { charset: String },
    #[error("Bad Request: data={data} is not a base64 string.{advice}")]
    NotBase64 { data: String, advice: &'static str },
    #[error("Bad Request: the body starts like gzip but is not valid gzip")]
    NotGzip(#[source] std::io::Error),
    #[error("Bad Request: the body broke off")]
    BodyIncomplete(#[source] axum::Error),
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("there is no room for the body beside those of other requests: send it again later, or fewer at once")]
    TooManyBodies,
    #[error("Bad Request: the event is no API Gateway proxy event")]
    NotAnEvent(#[source] Option<serde_json::Error>),
    #[error("{0}; the body must be {EXAMPLE}")]
    BadEnvelope(String),
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
    SchemaTypeV3,
    #[error("Partition not found: a partition's number is not negative")]
    NegativePartition,
    #[error("Topic not found: {topic} is one of the topics here, but it is not on the cluster")]
    MissingTopic { topic: String },
    #[error("Partition not found: {topic} has the partitions 0 to {last}")]
    UnknownPartition { topic: String, last: i32 },
    #[error("the cluster does not allow describing this topic")]
    DescribeDenied,
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("Internal Server Error")]
    Internal,
}

impl Error {
    /// A new variant does not compile until it has an answer.
    pub(crate) const fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotJson(_)
            | Self::UnsupportedCharset { .. }
            | Self::NotBase64 { .. }
            | Self::NotGzip(_)
            | Self::BodyIncomplete(_)
            | Self::NotAnEvent(_)
            | Self::UnrecognizedField { .. } => const { error_code(StatusCode::BAD_REQUEST, 400) },
            Self::NotFound { .. } | Self::NoSuchPath(_) => const { error_code(StatusCode::NOT_FOUND, 404) },
            Self::UnknownTopic { .. } | Self::MissingTopic { .. } => const { error_code(StatusCode::NOT_FOUND, 40401) },
            Self::UnknownPartition { .. } | Self::NegativePartition => {
                const { error_code(StatusCode::NOT_FOUND, 40402) }
            }
            Self::DescribeDenied => failure::error_code(Failure::Unauthorized),
            Self::MethodNotAllowed | Self::UnknownMethod => const { error_code(StatusCode::METHOD_NOT_ALLOWED, 405) },
            Self::NotAcceptable | Self::NotAcceptableV3 => const { error_code(StatusCode::NOT_ACCEPTABLE, 406) },
            Self::TooManyBodies => THROTTLED,
            Self::BodyTimeout => const { error_code(StatusCode::REQUEST_TIMEOUT, 408) },
            Self::BodyTooLarge | Self::TooManyRecords { .. } => {
                const { error_code(StatusCode::PAYLOAD_TOO_LARGE, 413) }
            }
            Self::UnsupportedMediaType | Self::UnsupportedV3Type => {
                const { error_code(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415) }
            }
            Self::BadEnvelope(_) | Self::BadRecord(_) | Self::SchemaTypeV3 => {
                const { error_code(StatusCode::UNPROCESSABLE_ENTITY, 422) }
            }
            Self::Invalid(_) => const { error_code(StatusCode::UNPROCESSABLE_ENTITY, 42203) },
            Self::SchemaFormat | Self::EmptyBody => const { error_code(StatusCode::UNPROCESSABLE_ENTITY, 42206) },
            Self::BadBatch(_) => const { error_code(StatusCode::UNPROCESSABLE_ENTITY, 42208) },
            Self::Internal => const { error_code(StatusCode::INTERNAL_SERVER_ERROR, 500) },
            Self::NoConsumers => const { error_code(StatusCode::NOT_IMPLEMENTED, 501) },
            Self::Unreachable(_) => failure::error_code(Failure::Unconfirmed),
        }
    }

    /// The body's `error_code`; the log's `error.code` is the same.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.error_code().code
    }

    /// What the client reads.
    pub(crate) fn body(&self) -> Vec<u8> {
        let body = ErrorBody { error_code: self.code(), message: self.to_string(), violations: self.violations() };
        json(&body)
    }

    /// What the log has: the cause as well, and nothing that a body or an event holds, which are their senders'.
    pub(crate) fn logged(&self) -> String {
        match self {
            Self::Invalid(violations) => violations.logged(),
            Self::NotBase64 { .. } => "a record is not a base64 string".to_owned(),
            Self::NotAnEvent(Some(error)) => {
                format!("{self}: wrong at line {}, column {}", error.line(), error.column())
            }
            Self::UnsupportedCharset { .. } => "the body's charset is not supported".to_owned(),
            Self::BadEnvelope(_) => "the body is no envelope of records".to_owned(),
            Self::BadRecord(_) | Self::UnrecognizedField { .. } => "a record is not well formed".to_owned(),
            _ => in_one_line(self),
        }
    }

    pub(crate) fn violations(&self) -> Option<&[RecordViolation]> {
        match self {
            Self::Invalid(violations) => Some(&violations.listed),
            _ => None,
        }
    }
}

/// An error's body.
#[derive(Serialize)]
struct ErrorBody<'a> {
    error_code: u32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<&'a [RecordViolation]>,
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.error_code().status;
        let mut response = (status, [(header::CONTENT_TYPE, JSON)], self.body()).into_response();
        response.headers_mut().extend(retry_after(status));
        response.extensions_mut().insert(Arc::new(self));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn the_client_never_reads_the_cause() {
        let cause = || std::io::Error::other("arn:aws:kafka:us-east-1:123456789012:cluster/secret");
        for error in [Error::NotGzip(cause()), Error::BodyIncomplete(axum::Error::new(cause()))] {
            assert!(error.logged().contains("arn:aws"), "the log has it");
            let body = error.into_response().into_body().collect().await.unwrap().to_bytes();
            let body = String::from_utf8(body.to_vec()).unwrap();
            assert!(body.contains("Bad Request") && !body.contains("arn:"), "{body}");
        }
    }
}

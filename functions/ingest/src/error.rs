//! Every error of a request, with its status and `error_code`. Other than here, only `failure` maps failures to statuses of
//! the table in [`error_codes`].
//!
//! [`error_codes`]: crate::error_codes
//!
//! Clients read an error's `Display`, which never contains its source. The log has the source, without the client's data.

use std::{error::Error as StdError, sync::Arc};

use http::{HeaderName, HeaderValue, StatusCode, header};
use shared::{
    error_chain::one_line,
    json::JsonError,
    publish::{Failure, Unreachable},
    redact::excerpt,
};

use crate::{
    error_codes::{ErrorCode, THROTTLED, error_code},
    failure,
    limits::MAX_BODY_BYTES,
    violations::{RecordViolation, Violations},
};

/// The supported content types of v2 requests.
const SUPPORTED: &str = "application/vnd.kafka.json.v2+json, application/vnd.kafka.binary.v2+json, application/json";

/// The shape of a v2 body.
const EXAMPLE: &str = r#"{"records":[{"value":{…}}]}, each value a row"#;

/// The shapes of a body to a stream.
const STREAM_EXAMPLE: &str = r#"{"Data":{…},"PartitionKey":"…"}, or to /records {"Records":[{"Data":{…},"PartitionKey":"…"}]}, with a row as Data"#;

/// The reason why a request is rejected. None of its records was written.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Error {
    #[error("HTTP 404 Not Found: records are sent to POST /topics/{{topic}}; the topics here are {}", .topics.join(", "))]
    NotFound { topics: Arc<[String]> },
    #[error("HTTP 404 Not Found: {0}")]
    NoSuchPath(&'static str),
    #[error("HTTP 405 Method Not Allowed: `Allow` lists the methods of this path, and GET /docs those of all")]
    MethodNotAllowed { allow: String },
    #[error("HTTP 405 Method Not Allowed: GET /docs shows the methods of each path")]
    UnknownMethod,
    #[error(
        "HTTP 405 Method Not Allowed: streams are neither created nor deleted here, they are the topics; records are sent to \
         PUT /streams/{{stream}}/record"
    )]
    FixedStream { allow: String },
    #[error(
        "Consumers are not served here: GET /topics/{{topic}}/records reads records; or read the topic with a Kafka client, or the archive"
    )]
    NoConsumers,
    #[error("the body is larger than {MAX_BODY_BYTES} bytes: send fewer records per request")]
    BodyTooLarge,
    #[error("the request has {count} records, more than {most}: send fewer records per request")]
    TooManyRecords { count: usize, most: usize },
    #[error("HTTP 415 Unsupported Media Type: the supported types are {SUPPORTED}; the body must be {EXAMPLE}")]
    UnsupportedMediaType,
    #[error("HTTP 415 Unsupported Media Type: the supported type is application/json")]
    NotJsonType,
    #[error("Payload error. Schema Registry must be configured when using schemas.")]
    SchemaFormat,
    #[error("HTTP 406 Not Acceptable: the answer is application/vnd.kafka.v2+json or application/json")]
    NotAcceptable,
    #[error("HTTP 406 Not Acceptable: the answer is application/json")]
    NotAcceptableV3,
    #[error("Topic not found: {}; the topics here are {}", .topic, .topics.join(", "))]
    UnknownTopic { topic: String, topics: Arc<[String]> },
    #[error("Stream not found: {}; the streams here are {}", .stream, .streams.join(", "))]
    UnknownStream { stream: String, streams: Vec<String> },
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
    #[error("Bad Request: the connection closed before the end of the body")]
    BodyIncomplete(#[source] Box<dyn StdError + Send + Sync>),
    #[error("the body did not arrive in time")]
    BodyTimeout,
    #[error("too many request bodies in flight: retry later or send fewer at once")]
    TooManyBodies,
    #[error("too many reads at once: retry later")]
    TooManyReads,
    #[error("Bad Request: the event is not an API Gateway proxy event")]
    NotAnEvent(#[source] Option<serde_json::Error>),
    #[error("{0}; the body must be {EXAMPLE}")]
    BadEnvelope(String),
    #[error("{0}; the body must be {STREAM_EXAMPLE}")]
    BadStreamBody(String),
    #[error("Conversion of JSON to Object failed: {0}")]
    Invalid(Violations),
    #[error("Payload error. Request body is empty. Data is required.")]
    EmptyBody,
    #[error("Bad Request: {0}")]
    BadQuery(String),
    #[error(
        "the record at offset {offset} of partition {partition} is larger than a response: read it with a Kafka client, and read on \
         at offset {} of the partition", .offset + 1
    )]
    RecordLargerThanResponse { partition: i32, offset: i64 },
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
    #[error("Topic not found: {topic} is served here, but it does not exist on the cluster")]
    MissingTopic { topic: String },
    #[error("Partition not found: {topic} has the partitions 0 to {last}")]
    UnknownPartition { topic: String, last: i32 },
    #[error("the cluster does not allow describing or reading this topic")]
    DescribeDenied,
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("Internal Server Error")]
    Internal,
}

impl Error {
    pub(crate) fn unknown_stream(stream: &str, streams: Vec<String>) -> Self {
        Self::UnknownStream { stream: excerpt(stream), streams }
    }

    /// The status and `error_code`. A new variant does not compile without them.
    pub(crate) const fn error_code(&self) -> ErrorCode {
        match self {
            Self::NotJson(_)
            | Self::UnsupportedCharset { .. }
            | Self::NotBase64 { .. }
            | Self::NotGzip(_)
            | Self::BodyIncomplete(_)
            | Self::NotAnEvent(_)
            | Self::BadQuery(_)
            | Self::UnrecognizedField { .. } => const { error_code(StatusCode::BAD_REQUEST, 400) },
            Self::NotFound { .. } | Self::NoSuchPath(_) => const { error_code(StatusCode::NOT_FOUND, 404) },
            Self::UnknownTopic { .. } | Self::UnknownStream { .. } | Self::MissingTopic { .. } => {
                const { error_code(StatusCode::NOT_FOUND, 40401) }
            }
            Self::UnknownPartition { .. } | Self::NegativePartition => {
                const { error_code(StatusCode::NOT_FOUND, 40402) }
            }
            Self::DescribeDenied => failure::error_code(Failure::Unauthorized),
            Self::MethodNotAllowed { .. } | Self::FixedStream { .. } | Self::UnknownMethod => {
                const { error_code(StatusCode::METHOD_NOT_ALLOWED, 405) }
            }
            Self::NotAcceptable | Self::NotAcceptableV3 => const { error_code(StatusCode::NOT_ACCEPTABLE, 406) },
            Self::TooManyBodies | Self::TooManyReads => THROTTLED,
            Self::BodyTimeout => const { error_code(StatusCode::REQUEST_TIMEOUT, 408) },
            Self::BodyTooLarge | Self::TooManyRecords { .. } | Self::RecordLargerThanResponse { .. } => {
                const { error_code(StatusCode::PAYLOAD_TOO_LARGE, 413) }
            }
            Self::UnsupportedMediaType | Self::NotJsonType => {
                const { error_code(StatusCode::UNSUPPORTED_MEDIA_TYPE, 415) }
            }
            Self::BadEnvelope(_) | Self::BadStreamBody(_) | Self::BadRecord(_) | Self::SchemaTypeV3 => {
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

    /// The `error_code` of the body, and `error.code` in the log.
    #[must_use]
    pub const fn code(&self) -> u32 {
        self.error_code().code
    }

    /// The log message: with the cause, and without any part of the body or event, which is the client's data.
    pub(crate) fn logged(&self) -> String {
        match self {
            Self::Invalid(violations) => violations.logged(),
            Self::NotBase64 { .. } => "a record is not a base64 string".to_owned(),
            Self::NotAnEvent(Some(error)) => {
                format!("{self}: wrong at line {}, column {}", error.line(), error.column())
            }
            Self::UnsupportedCharset { .. } => "the body's charset is not supported".to_owned(),
            Self::BadEnvelope(_) | Self::BadStreamBody(_) => "the body is not an envelope of records".to_owned(),
            Self::BadQuery(_) => "a parameter of the query is wrong".to_owned(),
            Self::BadRecord(_) | Self::UnrecognizedField { .. } => "a record is not well formed".to_owned(),
            _ => one_line(self),
        }
    }

    /// The `Allow` header of a 405.
    pub(crate) fn allow(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::MethodNotAllowed { allow } | Self::FixedStream { allow } => {
                Some((header::ALLOW, HeaderValue::from_str(allow).ok()?))
            }
            _ => None,
        }
    }

    pub(crate) fn violations(&self) -> Option<&[RecordViolation]> {
        match self {
            Self::Invalid(violations) => Some(&violations.listed),
            _ => None,
        }
    }
}

//! Conversion of API Gateway events to requests, and of responses back.
//!
//! REST APIs send version 1 of the event, HTTP APIs and function URLs version 2. Both are read by one lenient type,
//! because every event gets a response: the types of `aws_lambda_events` reject a whole event for one malformed header.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use axum::{Router, body::Body, response::IntoResponse};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{Method, Request, Response, header};
use http_body_util::BodyExt;
use lambda_runtime::LambdaEvent;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, de};
use shared::{
    deadline::{self, REQUEST_TIMEOUT},
    metrics::Metrics,
};
use tokio::time::Instant;
use tower::ServiceExt;

use self::fields::{Fields, RequestPath};
use crate::{error::Error, limits::Deadline, path::Routed, router};

mod fields;

/// The part of the invocation time that is reserved for writing the response.
pub const RESPONSE_RESERVE: Duration = Duration::from_secs(1);

/// The characters that are encoded again in a path, because API Gateway decodes some of them.
const NOT_IN_PATHS: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Handles an event and flushes `metrics`. `lambda_runtime` calls it.
///
/// `init` is the duration of the cold start, for the first event: API Gateway's timeout includes it, Lambda's deadline does
/// not.
pub async fn handle(
    router: Router,
    metrics: &Metrics,
    init: Duration,
    event: LambdaEvent<Event>,
) -> ApiGatewayProxyResponse {
    let response = match request(event.payload) {
        Ok(mut request) => {
            let for_gateway = Instant::now() + REQUEST_TIMEOUT.saturating_sub(init);
            let deadline = deadline::before(event.context.deadline(), RESPONSE_RESERVE).min(for_gateway);
            request.extensions_mut().insert(Deadline(deadline));
            router.oneshot(request).await.unwrap_or_else(|never| match never {})
        }
        Err(error) => {
            // The event has no valid method or path to log.
            router::log_and_count(error.into_response(), "", "", Duration::ZERO, metrics)
        }
    };
    let response = proxy_response(response).await;
    metrics.flush(&event.context.env_config.function_name);
    response
}

/// Any payload that the function is invoked with.
#[derive(Debug)]
pub struct Event(serde_json::Result<Fields>);

/// Never fails, because a failure here would leave the client without a response. The error is kept instead.
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Fields::deserialize(deserializer).map_err(de::Error::custom)))
    }
}

/// Converts an event to a request.
fn request(Event(fields): Event) -> Result<Request<Body>, Error> {
    let mut event = fields.map_err(|error| Error::NotAnEvent(Some(error)))?;
    let RequestPath { path, is_routed } = event.request_path().ok_or(Error::NotAnEvent(None))?;
    let method = event.method().ok_or(Error::NotAnEvent(None))?.parse::<Method>().map_err(|_| Error::UnknownMethod)?;
    let path = format!("/{}", path.trim_start_matches('/'));
    let uri = utf8_percent_encode(&path, NOT_IN_PATHS)
        .to_string()
        .parse()
        .map_err(|_| Error::NoSuchPath("the path is too long"))?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = event.headers();
    if is_routed {
        request.extensions_mut().insert(Routed);
    }
    *request.body_mut() = body(event);
    Ok(request)
}

/// The bytes of the body. If the event says base64 and the text is not, the text itself is used.
fn body(mut event: Fields) -> Body {
    let Some(text) = event.body() else { return Body::empty() };
    if event.is_base64_encoded()
        && let Ok(bytes) = STANDARD.decode(text.as_bytes())
    {
        return bytes.into();
    }
    text.into()
}

/// Converts a response to the form that API Gateway expects, which is the same for both versions.
async fn proxy_response(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut proxy = ApiGatewayProxyResponse::default();
    proxy.status_code = i64::from(parts.status.as_u16());
    proxy.headers = parts.headers;
    // The gateway may compress the body, and sets the length itself.
    proxy.headers.remove(header::CONTENT_LENGTH);
    // Every response is JSON or a file of the docs page, so it is UTF-8.
    let text =
        String::from_utf8(body.into()).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    proxy.body = Some(aws_lambda_events::encodings::Body::Text(text));
    proxy
}

//! The front for API Gateway: converts its events to requests, and responses back.
//!
//! REST APIs send version 1 of the event, HTTP APIs and function URLs version 2. Both are read by one lenient type,
//! because every event gets a response: the types of `aws_lambda_events` reject a whole event for one malformed header.

use std::time::Duration;

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{Method, header};
use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Deserializer, de};
use shared::{
    deadline::{self, REQUEST_TIMEOUT},
    metadata::Describe,
    publish::Publish,
    read_back::ReadBack,
};
use tokio::time::Instant;

use self::fields::{Fields, RequestPath};
use crate::{
    app::App,
    dispatch::{log_and_count, respond},
    error::Error,
    limits::Deadline,
    request::Request,
    response::{CORS, Response},
};

mod fields;

/// The part of the invocation time that is reserved for writing the response.
pub const RESPONSE_RESERVE: Duration = Duration::from_secs(1);

/// Handles an event and flushes the metrics. `lambda_runtime` calls it.
///
/// `init` is the duration of the cold start, for the first event: API Gateway's timeout includes it, Lambda's deadline does
/// not.
pub async fn handle<P: Publish, C: Describe + ReadBack>(
    app: &App<P, C>,
    init: Duration,
    event: LambdaEvent<Event>,
) -> ApiGatewayProxyResponse {
    let response = match request(event.payload) {
        Ok((request, body)) => {
            let for_gateway = Instant::now() + REQUEST_TIMEOUT.saturating_sub(init);
            let deadline = deadline::before(event.context.deadline(), RESPONSE_RESERVE).min(for_gateway);
            let is_head = request.method == Method::HEAD;
            let mut response = respond(app, request, body, Deadline(deadline)).await;
            if is_head {
                response.body.clear();
            }
            response
        }
        Err(error) => {
            let response = Response::from(error);
            // The event has no valid method or path to log.
            log_and_count(&response, "", "", Duration::ZERO, &app.metrics);
            response
        }
    };
    app.metrics.flush(&event.context.env_config.function_name);
    proxy_response(response)
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

/// Converts an event to a request and its body.
fn request(Event(fields): Event) -> Result<(Request, Bytes), Error> {
    let mut event = fields.map_err(|error| Error::NotAnEvent(Some(error)))?;
    let RequestPath { path, is_routed } = event.request_path().ok_or(Error::NotAnEvent(None))?;
    let method = event.method().ok_or(Error::NotAnEvent(None))?.parse::<Method>().map_err(|_| Error::UnknownMethod)?;
    let request = Request { method, path, is_routed, query: event.query(), headers: event.headers() };
    Ok((request, body(event)))
}

/// The bytes of the body. If the event says base64 and the text is not, the text itself is used.
fn body(mut event: Fields) -> Bytes {
    let Some(text) = event.body() else { return Bytes::new() };
    if event.is_base64_encoded()
        && let Ok(bytes) = STANDARD.decode(text.as_bytes())
    {
        return bytes.into();
    }
    text.into()
}

/// Converts a response to the form that API Gateway expects, which is the same for both versions.
fn proxy_response(response: Response) -> ApiGatewayProxyResponse {
    let mut proxy = ApiGatewayProxyResponse::default();
    proxy.status_code = i64::from(response.status.as_u16());
    proxy.headers.insert(header::CONTENT_TYPE, response.content_type);
    proxy.headers.extend(CORS);
    proxy.headers.extend(response.headers);
    // Every response is JSON or a file of the docs page, so it is UTF-8.
    let text = String::from_utf8(response.body.into())
        .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    proxy.body = Some(aws_lambda_events::encodings::Body::Text(text));
    proxy
}

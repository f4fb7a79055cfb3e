//! API Gateway's events: to a request for the router, and its response back.
//!
//! REST APIs send version 1 of the event, HTTP APIs and function URLs version 2. Both are read by one lenient type:
//! `aws_lambda_events`' own refuse a whole event for one odd header, and whatever an event holds, it gets an answer.

use std::{collections::BTreeMap, time::Duration};

use aws_lambda_events::apigw::ApiGatewayProxyResponse;
use axum::{Router, body::Body, response::IntoResponse};
use base64::{Engine, engine::general_purpose::STANDARD};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, header};
use http_body_util::BodyExt;
use lambda_runtime::LambdaEvent;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Deserializer, de};
use shared::{
    deadline::{self, USUAL_TIME},
    metrics::Metrics,
};
use tokio::time::Instant;
use tower::ServiceExt;

use crate::{error::Error, limits::Deadline, router};

/// What is kept of the function's own time to write the answer.
pub const TIME_TO_ANSWER: Duration = Duration::from_secs(1);

/// What a path may not hold as it stands. (API Gateway decodes some of it.)
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

/// Answers an event, and prints what `metrics` has by then. What `lambda_runtime` calls.
///
/// `init` is how long the environment took to start if this is its first event: API Gateway waits since before that, while
/// Lambda tells a deadline as if the time had begun with the event.
pub async fn handle(
    router: Router,
    metrics: &Metrics,
    init: Duration,
    event: LambdaEvent<Event>,
) -> ApiGatewayProxyResponse {
    let response = match request(event.payload) {
        Ok(mut request) => {
            let for_gateway = Instant::now() + USUAL_TIME.saturating_sub(init);
            let deadline = deadline::before(event.context.deadline(), TIME_TO_ANSWER).min(for_gateway);
            request.extensions_mut().insert(Deadline(deadline));
            router.oneshot(request).await.unwrap_or_else(|never| match never {})
        }
        Err(error) => {
            // Nothing that it says of a method or a path is one.
            router::finished(error.into_response(), "", "", Duration::ZERO, metrics)
        }
    };
    let response = proxy_response(response).await;
    metrics.flush(&event.context.env_config.function_name);
    response
}

/// Anything that the function is invoked with.
#[derive(Debug)]
pub struct Event(serde_json::Result<Fields>);

/// Never fails, since nobody could answer then. (Whatever is left of a text that is no request is not read.)
impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Fields::deserialize(deserializer).map_err(de::Error::custom)))
    }
}

/// Either version of the event, as far as a request needs it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    /// Version 1. The stage is not part of it.
    http_method: Option<String>,
    path: Option<String>,
    #[serde(default)]
    multi_value_headers: Option<BTreeMap<String, Option<Vec<Option<String>>>>>,
    /// Version 2. The stage stands in front, unless it is `$default`.
    raw_path: Option<String>,
    #[serde(default)]
    request_context: Option<RequestContext>,
    /// Both.
    #[serde(default)]
    headers: Option<BTreeMap<String, Option<String>>>,
    body: Option<String>,
    #[serde(default)]
    is_base64_encoded: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct RequestContext {
    stage: Option<String>,
    http: Option<Http>,
}

#[derive(Debug, Deserialize)]
struct Http {
    method: Option<String>,
}

impl Fields {
    /// Method and path, when the event has both.
    fn target(&self) -> Option<(&str, &str)> {
        if let (Some(method), Some(path)) = (&self.http_method, &self.path) {
            return Some((method, path));
        }
        let context = self.request_context.as_ref()?;
        let method = context.http.as_ref()?.method.as_deref()?;
        let path = self.raw_path.as_deref()?;
        let stage = context.stage.as_deref().unwrap_or_default();
        let below_stage = path.strip_prefix('/').and_then(|path| path.strip_prefix(stage));
        let path = below_stage.filter(|path| !stage.is_empty() && (path.is_empty() || path.starts_with('/')));
        Some((method, path.or(self.raw_path.as_deref())?))
    }

    /// Every header that HTTP can express, version 1's with all their values.
    fn headers(&mut self) -> HeaderMap {
        let multiple = self.multi_value_headers.take().unwrap_or_default();
        let single = self.headers.take().unwrap_or_default();
        let single = single.into_iter().filter(|(name, _)| !multiple.contains_key(name)).collect::<Vec<_>>();
        let multiple = multiple
            .into_iter()
            .flat_map(|(name, values)| values.unwrap_or_default().into_iter().map(move |value| (name.clone(), value)));
        let header = |(name, value): (String, Option<String>)| {
            Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(&value?).ok()?))
        };
        let mut headers = HeaderMap::new();
        for (name, value) in multiple.chain(single).filter_map(header) {
            headers.append(name, value);
        }
        headers
    }

    /// The body's bytes. A text that is no base64 although the event says so is taken as it stands.
    fn body(self) -> Body {
        let Some(text) = self.body else { return Body::empty() };
        if self.is_base64_encoded == Some(true)
            && let Ok(bytes) = STANDARD.decode(text.as_bytes())
        {
            return bytes.into();
        }
        text.into()
    }
}

/// The request that an event stands for.
fn request(Event(fields): Event) -> Result<Request<Body>, Error> {
    let mut event = fields.map_err(|error| Error::NoRequest(Some(error)))?;
    let (method, path) = event.target().ok_or(Error::NoRequest(None))?;
    let method = method.parse::<Method>().map_err(|_| Error::MethodNotAllowed)?;
    let path = format!("/{}", path.trim_start_matches('/'));
    // Too long a path for a request is none of ours either.
    let uri = utf8_percent_encode(&path, NOT_IN_PATHS).to_string().parse().map_err(|_| Error::NotFound)?;
    let mut request = Request::new(Body::empty());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.headers_mut() = event.headers();
    *request.body_mut() = event.body();
    Ok(request)
}

/// The answer in the form that API Gateway takes from a function, which is the same for both versions.
async fn proxy_response(response: Response<Body>) -> ApiGatewayProxyResponse {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut proxy = ApiGatewayProxyResponse::default();
    proxy.status_code = i64::from(parts.status.as_u16());
    proxy.headers = parts.headers;
    // The gateway may compress the body, and counts it itself.
    proxy.headers.remove(header::CONTENT_LENGTH);
    // Every answer of ours is JSON or a text of the page's, and so UTF-8.
    let text =
        String::from_utf8(body.into()).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
    proxy.body = Some(aws_lambda_events::encodings::Body::Text(text));
    proxy
}

//! Dispatches each request to its handler, for both fronts.

use std::{any::Any, borrow::Cow, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use http::Method;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::json;
use shared::{
    metadata::Describe,
    metrics::{Metrics, ingest::REQUESTS_REFUSED},
    publish::Publish,
    read_back::ReadBack,
    redact::excerpt,
};
use tokio::time::Instant;

use crate::{
    app::App,
    body::{self, RequestBody},
    error::Error,
    limits::Deadline,
    media, metadata, openapi, page, produce, read_back,
    request::{Headers, ProduceRequest, Query, Request},
    response::{Response, Summary},
    routes::{self, Endpoint, Found},
    streams, v3,
};

/// The time `/health` waits for a broker.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The characters of a path that the log has percent-encoded, as an HTTP client sends them. API Gateway decodes some.
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

/// Answers a request, and logs and counts its response. Every request gets a response, also after a panic.
pub(crate) async fn respond<P: Publish, C: Describe + ReadBack>(
    app: &App<P, C>,
    request: Request,
    body: impl RequestBody,
    deadline: Deadline,
) -> Response {
    let begun = Instant::now();
    let Request { method, path, is_routed, query, headers } = request;
    let found = routes::find(&path, is_routed);
    let accept = headers.accept.clone();
    let answered = AssertUnwindSafe(answer(app, &method, &found, &query, headers, body, deadline)).catch_unwind().await;
    let answered = answered.unwrap_or_else(|panic| Err(panicked(&*panic)));
    let mut response = answered.unwrap_or_else(|error| {
        let exception = found.is_stream().then(|| streams::result::exception(error.error_code().status));
        Response::of_error(error, exception)
    });
    // The API v3 has only JSON.
    if response.is_rejection() && !found.is_v3() {
        response.content_type = media::error_type(&accept);
    }
    log_and_count(&response, method.as_str(), &path, begun.elapsed(), &app.metrics);
    response
}

async fn answer<P: Publish, C: Describe + ReadBack>(
    app: &App<P, C>,
    method: &Method,
    found: &Found<'_>,
    query: &Query,
    headers: Headers,
    body: impl RequestBody,
    deadline: Deadline,
) -> Result<Response, Error> {
    // A CORS preflight.
    if *method == Method::OPTIONS {
        return Ok(Response::json(&json!({})));
    }
    let endpoint = match found.endpoint(method, app) {
        Ok(endpoint) => endpoint,
        Err(error) => {
            body::discard(body, deadline).await;
            return Err(error);
        }
    };
    match endpoint {
        Endpoint::Produce => {
            produce::produce(app, ProduceRequest::read(found.target(), headers, body, deadline).await?).await
        }
        Endpoint::V3Records => {
            v3::records(app, ProduceRequest::read(v3::target(found), headers, body, deadline).await?).await
        }
        Endpoint::V3Batch => {
            v3::batch(app, ProduceRequest::read(v3::target(found), headers, body, deadline).await?).await
        }
        Endpoint::PutStreamRecord => {
            let target = streams::target(found, query);
            streams::put_record(app, ProduceRequest::read(target, headers, body, deadline).await?).await
        }
        Endpoint::PutStreamRecords => {
            let target = streams::target(found, query);
            streams::put_records(app, ProduceRequest::read(target, headers, body, deadline).await?).await
        }
        Endpoint::Streams => Ok(streams::streams(app)),
        Endpoint::Stream => streams::stream(app, streams::target(found, query)?).await,
        Endpoint::V3Clusters => v3::clusters(app, &headers).await,
        Endpoint::Topics => metadata::topics(app, &headers),
        Endpoint::Topic => metadata::topic(app, found.target()?, &headers).await,
        Endpoint::Partitions => metadata::partitions(app, found.target()?, &headers).await,
        Endpoint::Partition => metadata::partition(app, found.target()?, &headers).await,
        Endpoint::Offsets => metadata::offsets(app, found.target()?, &headers).await,
        Endpoint::TopicRecords => read_back::topic(app, found.target()?, query, &headers).await,
        Endpoint::PartitionRecords => read_back::partition(app, found.target()?, query, &headers).await,
        Endpoint::Brokers => metadata::brokers(app, &headers).await,
        Endpoint::Health => {
            app.cluster.reach(HEALTH_TIMEOUT).await?;
            Ok(Response::json(&json!({ "status": "ok" })))
        }
        Endpoint::Root => {
            Ok(Response::json(&json!({ "topics": *app.topic_names(), "health": "/health", "docs": "/docs" })))
        }
        Endpoint::OpenApi => Ok(openapi::openapi(app)),
        Endpoint::Docs => Ok(page::page()),
        Endpoint::DocsFile => page::file(&found.parameter("{file}")?.unwrap_or_default()),
        Endpoint::NotFound => {
            body::discard(body, deadline).await;
            Err(Error::NotFound { topics: app.topic_names() })
        }
        Endpoint::Consumers => {
            body::discard(body, deadline).await;
            Err(Error::NoConsumers)
        }
    }
}

fn panicked(panic: &(dyn Any + Send)) -> Error {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a request's handler panicked");
    Error::Internal
}

/// Logs one line per request, a warning if the server is at fault, and counts rejected requests.
pub(crate) fn log_and_count(response: &Response, method: &str, path: &str, took: Duration, metrics: &Metrics) {
    let status = response.status.as_u16();
    let duration_ms = took.as_secs_f64() * 1e3;
    let path = excerpt(&Cow::from(utf8_percent_encode(path, NOT_IN_PATHS)));
    let error_code = match &response.summary {
        Summary::Answered => {
            tracing::info!(method, path, status, duration_ms, "answered");
            return;
        }
        Summary::Rejected(error) => {
            let (error_code, error) = (error.code(), error.logged());
            if response.status.is_server_error() {
                tracing::warn!(method, path, status, duration_ms, error.code = error_code, error, "not served");
            } else {
                tracing::info!(method, path, status, duration_ms, error.code = error_code, error, "rejected");
            }
            error_code
        }
        Summary::Unwritten(unwritten) => {
            let (error_code, error) = (unwritten.error_code, unwritten.worst);
            let (records, of) = (unwritten.records, unwritten.of);
            tracing::warn!(method, path, status, duration_ms, error.code = error_code, %error, records, of, "not written");
            error_code
        }
    };
    metrics.add_by(&REQUESTS_REFUSED, error_code.to_string(), 1);
}

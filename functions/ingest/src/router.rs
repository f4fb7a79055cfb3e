//! The routes, and the parts that all responses have in common.

use std::{any::Any, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::{MethodFilter, get, on, post},
};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, Uri, header};
use serde_json::json;
use shared::{
    metadata::Describe,
    metrics::{Metrics, ingest::REQUESTS_REFUSED},
    publish::Publish,
    redact::excerpt,
};
use tokio::time::Instant;
use tower::util::MapRequestLayer;
use tower_http::catch_panic::CatchPanicLayer;

use crate::{
    app::App,
    body,
    error::Error,
    limits::Deadline,
    media, metadata, openapi, page,
    path::{self, Routed},
    produce,
    response::Unwritten,
    v3,
};

/// The time `/health` waits for a broker.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

/// The headers that "Enable API Gateway CORS" set on the course's API.
const CORS: [(HeaderName, HeaderValue); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*")),
    (header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT")),
    (
        header::ACCESS_CONTROL_ALLOW_HEADERS,
        HeaderValue::from_static("Content-Type,X-Amz-Date,Authorization,X-Api-Key,X-Amz-Security-Token"),
    ),
];

/// The methods of the REST Proxy's consumer routes.
const CONSUMERS: MethodFilter = MethodFilter::GET.or(MethodFilter::POST).or(MethodFilter::DELETE);

/// Builds the router. Every request gets a response, with a JSON body except for the files of the docs page.
pub fn router<P: Publish + Clone, C: Describe + Clone>(app: App<P, C>) -> Router {
    let metrics = app.metrics.clone();
    let routes = Router::new()
        .route("/", get(root).post(not_found))
        .route("/health", get(health))
        .route("/topics", get(metadata::topics))
        .route("/topics/{topic}", post(produce::produce).get(metadata::topic))
        .route("/topics/{topic}/partitions", get(metadata::partitions))
        .route("/topics/{topic}/partitions/{partition}", post(produce::produce).get(metadata::partition))
        .route("/topics/{topic}/partitions/{partition}/offsets", get(metadata::offsets))
        .route("/brokers", get(metadata::brokers))
        .route("/v3/clusters", get(v3::clusters))
        .route("/v3/clusters/{cluster_id}/topics/{topic}/records", post(v3::records))
        .route("/v3/clusters/{cluster_id}/topics/{topic}/records:batch", post(v3::batch))
        .route("/consumers", on(CONSUMERS, no_consumers))
        .route("/consumers/{*rest}", on(CONSUMERS, no_consumers))
        .route("/openapi.json", openapi::openapi())
        .route("/docs", get(page::page))
        .route("/docs/{file}", get(page::file))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(app);
    // Wraps the routes, because paths are normalized before routing.
    Router::new()
        .fallback_service(tower::Layer::layer(&MapRequestLayer::new(normalize), routes))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(middleware::from_fn_with_state(metrics, respond_and_log))
}

fn normalize(mut request: Request<Body>) -> Request<Body> {
    let path = path::normalize(request.uri().path(), is_routed(&request));
    if path != request.uri().path() {
        // Unwrap safety: a path with fewer slashes and segments is a path.
        *request.uri_mut() = path.parse().unwrap_or_else(|_| Uri::from_static("/"));
    }
    request
}

fn is_routed(request: &Request<Body>) -> bool {
    request.extensions().get::<Routed>().is_some()
}

/// Answers CORS preflight requests, and logs and counts every response.
async fn respond_and_log(State(metrics): State<Metrics>, request: Request<Body>, next: Next) -> Response {
    let begun = Instant::now();
    let (method, uri, is_routed) = (request.method().clone(), request.uri().clone(), is_routed(&request));
    let accept: Vec<HeaderValue> = request.headers().get_all(header::ACCEPT).iter().cloned().collect();
    let mut response =
        if method == Method::OPTIONS { Json(json!({})).into_response() } else { next.run(request).await };
    let is_error = response.extensions().get::<Arc<Error>>().is_some() && response.status() != StatusCode::OK;
    // The API v3 has only JSON.
    if is_error && !path::normalize(uri.path(), is_routed).starts_with("/v3/") {
        response.headers_mut().insert(header::CONTENT_TYPE, media::error_type(&accept));
    }
    log_and_count(response, method.as_str(), &excerpt(uri.path()), begun.elapsed(), &metrics)
}

/// Logs and counts a response, and adds the CORS headers.
pub fn log_and_count(mut response: Response, method: &str, path: &str, took: Duration, metrics: &Metrics) -> Response {
    response.headers_mut().extend(CORS);
    if let Some(error_code) = log(&response, method, path, took) {
        metrics.add_by(&REQUESTS_REFUSED, error_code.to_string(), 1);
    }
    response
}

/// Logs one line per request, a warning if the server is at fault. Returns the `error_code` of a rejected request.
fn log(response: &Response, method: &str, path: &str, took: Duration) -> Option<u32> {
    let status = response.status().as_u16();
    let duration_ms = took.as_secs_f64() * 1e3;
    let extensions = response.extensions();
    if let Some(error) = extensions.get::<Arc<Error>>() {
        let error_code = error.code();
        let error = error.logged();
        if response.status().is_server_error() {
            tracing::warn!(method, path, status, duration_ms, error.code = error_code, error, "not served");
        } else {
            tracing::info!(method, path, status, duration_ms, error.code = error_code, error, "rejected");
        }
        Some(error_code)
    } else if let Some(&Unwritten { worst, error_code, records, of }) = extensions.get() {
        tracing::warn!(method, path, status, duration_ms, error.code = error_code, error = %worst, records, of, "not written");
        Some(error_code)
    } else {
        tracing::info!(method, path, status, duration_ms, "answered");
        None
    }
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands it over")]
fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    tracing::error!(message, "a request's handler panicked");
    Error::Internal.into_response()
}

async fn root<P, C>(State(app): State<App<P, C>>) -> Response {
    Json(json!({ "topics": *app.topic_names(), "health": "/health", "docs": "/docs" })).into_response()
}

/// Students post rows to the stage's root and to Kinesis paths, so the error names the right path.
async fn not_found<P, C>(State(app): State<App<P, C>>, body: Body) -> Error {
    reject(body, Error::NotFound { topics: app.topic_names() }).await
}

async fn method_not_allowed(body: Body) -> Error {
    reject(body, Error::MethodNotAllowed).await
}

async fn no_consumers(body: Body) -> Error {
    reject(body, Error::NoConsumers).await
}

/// Answers with `error` once the body is discarded.
async fn reject(body: Body, error: Error) -> Error {
    body::discard(body, Deadline::default_for_request()).await;
    error
}

async fn health<P, C: Describe>(State(app): State<App<P, C>>) -> Result<Response, Error> {
    app.cluster.reach(HEALTH_TIMEOUT).await?;
    Ok(Json(json!({ "status": "ok" })).into_response())
}

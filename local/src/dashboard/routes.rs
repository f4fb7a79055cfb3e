//! What a browser asks for.

use std::convert::Infallible;

use archive::{
    layout::{Content, TopicPartition},
    store::Stored,
};
use axum::{
    Json, Router,
    body::{Body, Bytes},
    extract::{Query, Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::get,
};
use futures::{StreamExt, stream};
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use serde_json::json;
use shared::error_chain::one_line;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{
    files::{FILES, PAGE},
    setup::Setup,
    state::{Dashboard, lock},
};
use crate::samples::Sample;

/// How much of an object or a record is shown, in bytes.
const MAX_SHOWN_BYTES: usize = 64 * 1024;

/// The size of what is shown in part, in bytes.
const WHOLE_BYTES: HeaderName = HeaderName::from_static("x-whole-bytes");

/// Its name.
const OBJECT: HeaderName = HeaderName::from_static("x-object");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// What the page asks for, and `api` for everything else. Viewers are told until `stop`.
pub(crate) fn routes(dashboard: Dashboard, api: Router, stop: &CancellationToken) -> Router {
    let stop = stop.clone();
    let mut routes = Router::new()
        .route("/live/pipeline", get(pipeline))
        .route("/live/events", get(async move |State(dashboard): State<Dashboard>| events(&dashboard, &stop)))
        .route("/live/record", get(record))
        .route("/live/object", get(object));
    for file in &FILES {
        routes = routes.route(&format!("/live/{}", file.name), get(async || file.response()));
    }
    let routes = routes
        .method_not_allowed_fallback(async || error(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed"));
    routes.with_state(dashboard).fallback_service(api).layer(middleware::from_fn(page_for_browsers))
}

/// Programs that ask for `/` get the API's answer, which is JSON; browsers say that they take HTML.
async fn page_for_browsers(request: Request, next: Next) -> Response {
    let mut accepted = request.headers().get_all(header::ACCEPT).iter();
    let takes_html = accepted.any(|accept| accept.to_str().is_ok_and(|accept| accept.contains("text/html")));
    let asks = matches!(*request.method(), Method::GET | Method::HEAD) && request.uri().path() == "/";
    let mut response = if asks && takes_html { PAGE.response() } else { next.run(request).await };
    if asks {
        response.headers_mut().append(header::VARY, header::ACCEPT.into());
    }
    response
}

/// What does not change, and the last minutes.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    setup: &'a Setup,
    samples: Vec<&'a Sample>,
}

async fn pipeline(State(dashboard): State<Dashboard>) -> Response {
    let samples = lock(&dashboard.0.samples);
    Json(Told { setup: &dashboard.0.setup, samples: samples.latest().iter().collect() }).into_response()
}

/// Server-sent events: the news, soon and then each second. Who does not read is told of none between.
fn events(dashboard: &Dashboard, stop: &CancellationToken) -> Response {
    let news = stream::unfold(dashboard.0.newest.subscribe(), next).take_until(stop.clone().cancelled_owned());
    dashboard.0.arrived.notify_one();
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, Body::from_stream(news)).into_response()
}

async fn next(mut newest: watch::Receiver<Bytes>) -> Option<(Result<Bytes, Infallible>, watch::Receiver<Bytes>)> {
    newest.changed().await.ok()?;
    let news = newest.borrow_and_update().clone();
    Some((Ok(news), newest))
}

/// Where a record is.
#[derive(Deserialize)]
struct Place {
    topic: String,
    partition: i32,
    offset: u64,
}

/// `GET /live/record`: its bytes as they are archived.
async fn record(
    State(dashboard): State<Dashboard>,
    Query(Place { topic, partition, offset }): Query<Place>,
) -> Response {
    let partition = TopicPartition { topic, partition };
    let stored = lock(&dashboard.0.objects).holding(&partition, offset).cloned();
    let Some(stored) = stored else { return not_found("the record is not archived yet, or too long ago") };
    let path = stored.path();
    let bytes = match read(&dashboard, &path).await {
        Ok(bytes) => bytes,
        Err(response) => return response,
    };
    let record = if stored.content == Content::Lines {
        let mut lines = bytes.split(|byte| *byte == b'\n');
        usize::try_from(offset - stored.offset).ok().and_then(|line| lines.nth(line))
    } else {
        Some(&bytes[..])
    };
    let Some(record) = record else { return not_found("the object does not have the record") };
    let mut response = text(record);
    response.headers_mut().extend(HeaderValue::from_str(path.as_ref()).ok().map(|path| (OBJECT, path)));
    response
}

#[derive(Deserialize)]
struct Named {
    path: String,
}

/// `GET /live/object`: the beginning of one that was stored here.
async fn object(State(dashboard): State<Dashboard>, Query(Named { path }): Query<Named>) -> Response {
    let path = lock(&dashboard.0.objects).named(&path).map(Stored::path);
    let Some(path) = path else { return not_found("no such object was stored lately") };
    match read(&dashboard, &path).await {
        Ok(bytes) => text(&bytes),
        Err(response) => response,
    }
}

async fn read(dashboard: &Dashboard, path: &Path) -> Result<Bytes, Response> {
    let Some(bucket) = &dashboard.0.bucket else { return Err(not_found("the archive is left to others")) };
    // It is never closed.
    let _turn = dashboard.0.reads.acquire().await;
    match bucket.read(path).await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(not_found("the object is gone")),
        Err(source) => Err(error(StatusCode::SERVICE_UNAVAILABLE, &format!("the archive: {}", one_line(&source)))),
    }
}

/// The beginning, and how long the whole is if that is not all.
fn text(whole: &[u8]) -> Response {
    let shown = Bytes::copy_from_slice(&whole[..whole.len().min(MAX_SHOWN_BYTES)]);
    let cut = (shown.len() < whole.len()).then(|| (WHOLE_BYTES, HeaderValue::from(whole.len())));
    let headers = [(header::CONTENT_TYPE, TEXT), (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"))];
    let mut response = (headers, shown).into_response();
    response.headers_mut().extend(cut);
    response
}

fn not_found(message: &str) -> Response {
    error(StatusCode::NOT_FOUND, message)
}

fn error(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "error_code": status.as_u16(), "message": message }))).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_viewer_who_does_not_read_is_told_of_the_newest_alone() {
        let sender = watch::Sender::new(Bytes::new());
        let viewer = sender.subscribe();
        for state in ["1", "2", "3"] {
            sender.send_replace(state.into());
        }
        let (state, viewer) = next(viewer).await.unwrap();
        assert_eq!(state.unwrap(), "3");
        sender.send_replace("4".into());
        let (state, viewer) = next(viewer).await.unwrap();
        assert_eq!(state.unwrap(), "4");
        drop(sender);
        assert!(next(viewer).await.is_none());
    }
}

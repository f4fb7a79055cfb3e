//! The routes of the page: its files, its event stream, the questions' answers, and previews of records and objects.

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

/// The size limit of a preview, in bytes.
const MAX_PREVIEW_BYTES: usize = 64 * 1024;

/// The header with the full size of a truncated preview, in bytes.
const WHOLE_BYTES: HeaderName = HeaderName::from_static("x-whole-bytes");

/// The header with the path of the object that holds a record.
const OBJECT: HeaderName = HeaderName::from_static("x-object");

const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");
const JSON: HeaderValue = HeaderValue::from_static("application/json");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

/// Builds the routes of the page, with `api` as the fallback. Event streams end at `stop`.
pub(crate) fn routes(dashboard: Dashboard, api: Router, stop: &CancellationToken) -> Router {
    let stop = stop.clone();
    let mut routes = Router::new()
        .route("/live/pipeline", get(pipeline))
        .route("/live/events", get(async move |State(dashboard): State<Dashboard>| events(&dashboard, &stop)))
        .route("/live/answers", get(answers))
        .route("/live/record", get(record))
        .route("/live/object", get(object));
    for file in &FILES {
        routes = routes.route(&format!("/live/{}", file.name), get(async || file.response()));
    }
    let routes = routes
        .method_not_allowed_fallback(async || error(StatusCode::METHOD_NOT_ALLOWED, "HTTP 405 Method Not Allowed"));
    routes.with_state(dashboard).fallback_service(api).layer(middleware::from_fn(page_for_browsers))
}

/// Serves the page at `/` to browsers, which accept HTML. Other clients get the API's JSON.
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

/// The setup, and the samples of the last minutes.
#[derive(Serialize)]
struct PipelineInfo<'a> {
    #[serde(flatten)]
    setup: &'a Setup,
    samples: Vec<&'a Sample>,
}

async fn pipeline(State(dashboard): State<Dashboard>) -> Response {
    let samples = lock(&dashboard.0.samples);
    Json(PipelineInfo { setup: &dashboard.0.setup, samples: samples.latest().iter().collect() }).into_response()
}

/// `GET /live/events`: server-sent events, the first one soon and then one a second. A slow browser skips events.
fn events(dashboard: &Dashboard, stop: &CancellationToken) -> Response {
    let events = stream::unfold(dashboard.0.newest.subscribe(), next).take_until(stop.clone().cancelled_owned());
    dashboard.0.browser_connected.notify_one();
    let headers =
        [(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")), (header::CACHE_CONTROL, NO_STORE)];
    (headers, Body::from_stream(events)).into_response()
}

async fn next(mut newest: watch::Receiver<Bytes>) -> Option<(Result<Bytes, Infallible>, watch::Receiver<Bytes>)> {
    newest.changed().await.ok()?;
    let event = newest.borrow_and_update().clone();
    Some((Ok(event), newest))
}

#[derive(Deserialize)]
struct AnswersQuery {
    user_id: String,
}

/// `GET /live/answers`: the answers to the questions from the tables of a user id, as JSON.
async fn answers(State(dashboard): State<Dashboard>, Query(AnswersQuery { user_id }): Query<AnswersQuery>) -> Response {
    let Some(analytics) = &dashboard.0.analytics else { return not_found("this process writes no tables") };
    match analytics.answers(&user_id).await {
        Some(Ok(answers)) => {
            ([(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, NO_STORE)], answers).into_response()
        }
        Some(Err(source)) => error(StatusCode::SERVICE_UNAVAILABLE, &format!("the questions: {}", one_line(&source))),
        None => not_found("this process serves no such user id"),
    }
}

/// The position of a record.
#[derive(Deserialize)]
struct RecordQuery {
    topic: String,
    partition: i32,
    offset: u64,
}

/// `GET /live/record`: the archived bytes of a record.
async fn record(
    State(dashboard): State<Dashboard>,
    Query(RecordQuery { topic, partition, offset }): Query<RecordQuery>,
) -> Response {
    let partition = TopicPartition { topic, partition };
    let stored = lock(&dashboard.0.objects).holding(&partition, offset).cloned();
    let Some(stored) = stored else {
        return not_found("the record is not archived yet, or its object is no longer listed");
    };
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
struct ObjectQuery {
    path: String,
}

/// `GET /live/object`: the beginning of an object that this process stored.
async fn object(State(dashboard): State<Dashboard>, Query(ObjectQuery { path }): Query<ObjectQuery>) -> Response {
    let path = lock(&dashboard.0.objects).at_path(&path).map(Stored::path);
    let Some(path) = path else { return not_found("this process has not stored such an object lately") };
    match read(&dashboard, &path).await {
        Ok(bytes) => text(&bytes),
        Err(response) => response,
    }
}

async fn read(dashboard: &Dashboard, path: &Path) -> Result<Bytes, Response> {
    let Some(bucket) = &dashboard.0.bucket else { return Err(not_found("this process runs without an archive")) };
    // The semaphore is never closed, so this cannot fail.
    let _turn = dashboard.0.reads.acquire().await;
    match bucket.read(path).await {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(not_found("the object has been deleted")),
        Err(source) => Err(error(StatusCode::SERVICE_UNAVAILABLE, &format!("the archive: {}", one_line(&source)))),
    }
}

/// Responds with the beginning of `whole`, and with its full size if it is truncated.
fn text(whole: &[u8]) -> Response {
    let shown = Bytes::copy_from_slice(&whole[..whole.len().min(MAX_PREVIEW_BYTES)]);
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
    async fn a_slow_browser_receives_only_the_newest_event() {
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

//! A stub server: it sends configured responses and records the requests.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{self, Request},
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct ReceivedRequest {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl ReceivedRequest {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A configured response: the status, one header such as AWS's error type, and the body.
#[derive(Debug, Clone)]
pub(crate) struct StubResponse {
    status: StatusCode,
    header: Option<(&'static str, &'static str)>,
    body: String,
}

impl StubResponse {
    pub(crate) fn ok(body: &serde_json::Value) -> Self {
        Self::json(StatusCode::OK, body)
    }

    pub(crate) fn json(status: StatusCode, body: &serde_json::Value) -> Self {
        Self { status, header: None, body: body.to_string() }
    }

    /// Lambda's response for a function that failed.
    pub(crate) fn function_error(body: &serde_json::Value) -> Self {
        Self { header: Some(("x-amz-function-error", "Unhandled")), ..Self::ok(body) }
    }

    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, header: None, body: String::new() }
    }

    pub(crate) fn redirect(to: &'static str) -> Self {
        Self { header: Some(("location", to)), ..Self::status(StatusCode::FOUND) }
    }

    /// An error in the form of AWS's JSON services.
    pub(crate) fn error(status: StatusCode, error: &'static str, message: &str) -> Self {
        let body = serde_json::json!({"message": message}).to_string();
        Self { status, header: Some(("x-amzn-errortype", error)), body }
    }
}

#[derive(Debug, Default)]
struct State {
    requests: Vec<ReceivedRequest>,
    /// Responses by path suffix, sent in turn. The last one repeats.
    responses: Vec<(&'static str, VecDeque<StubResponse>)>,
}

/// A running stub server. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Stub {
    address: String,
    state: Arc<Mutex<State>>,
    server: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stub {
    /// Starts a server with the responses for each path suffix, sent in turn. The last one repeats forever.
    pub(crate) async fn start<const N: usize>(responses: [(&'static str, Vec<StubResponse>); N]) -> Self {
        let responses = responses.into_iter().map(|(path, responses)| (path, responses.into())).collect();
        let state = Arc::new(Mutex::new(State { responses, ..State::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&state));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, state, server }
    }

    /// The base URL.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Replaces the responses for a path suffix.
    pub(crate) fn respond(&self, path: &'static str, responses: Vec<StubResponse>) {
        let mut state = self.state.lock().unwrap();
        state.responses.retain(|(suffix, _)| *suffix != path);
        state.responses.push((path, responses.into()));
    }

    /// Stops the server, and returns once its port is closed.
    pub(crate) async fn stop(mut self) {
        self.server.abort();
        drop((&mut self.server).await);
    }

    /// Returns the requests so far and forgets them.
    pub(crate) fn take(&self) -> Vec<ReceivedRequest> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.lock().unwrap().requests.clone()
    }
}

async fn answer(extract::State(state): extract::State<Arc<Mutex<State>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    let mut state = state.lock().unwrap();
    let path = parts.uri.path().to_owned();
    state.requests.push(ReceivedRequest { method: parts.method, uri: parts.uri, headers: parts.headers, body });
    let responses =
        state.responses.iter_mut().find(|(suffix, _)| path.ends_with(suffix)).map(|(_, responses)| responses);
    let stubbed = match responses {
        Some(responses) if responses.len() > 1 => responses.pop_front().unwrap(),
        Some(responses) => responses[0].clone(),
        None => StubResponse::error(StatusCode::NOT_IMPLEMENTED, "NotStubbed", &path),
    };
    let mut response = Response::builder().status(stubbed.status);
    if let Some((name, value)) = stubbed.header {
        response = response.header(name, value);
    }
    response.body(stubbed.body.into()).unwrap()
}

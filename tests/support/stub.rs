//! A server of AWS's that a test plays: it answers what it is told to, and remembers what it was asked.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{HeaderMap, Method, Response, StatusCode, Uri},
};
use tokio::{net::TcpListener, task::JoinHandle};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Asked {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// What is answered: the status, a header such as AWS's name of the error, the body.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    status: StatusCode,
    header: Option<(&'static str, &'static str)>,
    body: String,
}

impl Told {
    pub(crate) fn ok(body: &serde_json::Value) -> Self {
        Self::answer(StatusCode::OK, body)
    }

    pub(crate) fn answer(status: StatusCode, body: &serde_json::Value) -> Self {
        Self { status, header: None, body: body.to_string() }
    }

    /// What Lambda says of a function that failed.
    pub(crate) fn function_error(body: &serde_json::Value) -> Self {
        Self { header: Some(("x-amz-function-error", "Unhandled")), ..Self::ok(body) }
    }

    pub(crate) fn status(status: StatusCode) -> Self {
        Self { status, header: None, body: String::new() }
    }

    pub(crate) fn moved(to: &'static str) -> Self {
        Self { header: Some(("location", to)), ..Self::status(StatusCode::FOUND) }
    }

    /// An error as AWS's JSON services say it.
    pub(crate) fn error(status: StatusCode, error: &'static str, message: &str) -> Self {
        let body = serde_json::json!({"message": message}).to_string();
        Self { status, header: Some(("x-amzn-errortype", error)), body }
    }
}

#[derive(Debug, Default)]
struct Memory {
    asked: Vec<Asked>,
    /// For the paths that end so, one answer after the other; the last one stays.
    told: Vec<(&'static str, VecDeque<Told>)>,
}

/// Ends with this value.
#[derive(Debug)]
pub(crate) struct Stub {
    address: String,
    memory: Arc<Mutex<Memory>>,
    server: JoinHandle<()>,
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.server.abort();
    }
}

impl Stub {
    /// Answers requests whose path ends with `path` by one of `told` after the other, and the last one for ever.
    pub(crate) async fn start<const N: usize>(told: [(&'static str, Vec<Told>); N]) -> Self {
        let told = told.into_iter().map(|(path, told)| (path, told.into())).collect();
        let memory = Arc::new(Mutex::new(Memory { told, ..Memory::default() }));
        let router = Router::new().fallback(answer).with_state(Arc::clone(&memory));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, memory, server }
    }

    /// `http://` and where it is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Answers requests whose path ends with `path` otherwise from now on.
    pub(crate) fn tells(&self, path: &'static str, told: Vec<Told>) {
        let mut memory = self.memory.lock().unwrap();
        memory.told.retain(|(end, _)| *end != path);
        memory.told.push((path, told.into()));
    }

    /// Ends it, and returns once its port is closed.
    pub(crate) async fn stop(mut self) {
        self.server.abort();
        drop((&mut self.server).await);
    }

    /// What was asked so far, and forgets it.
    pub(crate) fn take(&self) -> Vec<Asked> {
        std::mem::take(&mut self.memory.lock().unwrap().asked)
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.memory.lock().unwrap().asked.clone()
    }
}

async fn answer(State(memory): State<Arc<Mutex<Memory>>>, request: Request) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = String::from_utf8(to_bytes(body, usize::MAX).await.unwrap().to_vec()).unwrap();
    let mut memory = memory.lock().unwrap();
    let path = parts.uri.path().to_owned();
    memory.asked.push(Asked { method: parts.method, uri: parts.uri, headers: parts.headers, body });
    let told = memory.told.iter_mut().find(|(end, _)| path.ends_with(end)).map(|(_, told)| told);
    let told = match told {
        Some(told) if told.len() > 1 => told.pop_front().unwrap(),
        Some(told) => told[0].clone(),
        None => Told::error(StatusCode::NOT_IMPLEMENTED, "NotStubbed", &path),
    };
    let mut response = Response::builder().status(told.status);
    if let Some((name, value)) = told.header {
        response = response.header(name, value);
    }
    response.body(told.body.into()).unwrap()
}

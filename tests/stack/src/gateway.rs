//! API Gateway in front of a function, emulated by a local server.
//!
//! It proves that clients and the function understand each other through API Gateway's events and responses, versions 1
//! and 2, and what clients get when the function fails. It follows AWS's documentation and was not compared with AWS,
//! least of all in how paths and header names are rewritten. It has no authorizers, no throttling and no response
//! compression.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    response::Response,
};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};

use crate::{StackError, lambda::Lambda, ports::free_port};

mod event;
mod response;

/// The maximum size of a request:
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const MAX_PAYLOAD: usize = 10 * 1024 * 1024;

/// The maximum size of a Lambda event: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>
const MAX_EVENT: usize = 6 * 1024 * 1024;

/// The default integration timeouts.
const REST_TIMEOUT: Duration = Duration::from_secs(29);
const HTTP_TIMEOUT: Duration = Duration::from_secs(30);

/// The kinds of API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sends version 1 of the event.
    Rest,
    /// Sends version 2, as function URLs do.
    Http,
}

/// An API with one route, `{proxy+}`, to the function.
#[derive(Debug, Clone)]
pub struct Api {
    /// The API's kind, which decides the event's version.
    pub kind: Kind,
    /// The first segment of each path. HTTP APIs have none for the stage `$default`.
    pub stage: String,
    /// The content types that a REST API treats as binary: `image/png`, `image/*` or `*/*`. All other bodies are text.
    pub binary_media_types: Vec<String>,
    /// The integration timeout.
    pub timeout: Duration,
}

impl Api {
    /// Creates a REST API without binary media types.
    #[must_use]
    pub fn rest(stage: &str) -> Self {
        Self { kind: Kind::Rest, stage: stage.to_owned(), binary_media_types: Vec::new(), timeout: REST_TIMEOUT }
    }

    /// Creates an HTTP API.
    #[must_use]
    pub fn http(stage: &str) -> Self {
        Self { kind: Kind::Http, stage: stage.to_owned(), binary_media_types: Vec::new(), timeout: HTTP_TIMEOUT }
    }

    /// Returns the path below the stage, or `None` if this API does not serve it.
    fn path<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.stage == "$default" {
            return Some(path);
        }
        match path.strip_prefix('/')?.strip_prefix(&self.stage)? {
            "" => Some("/"),
            below => below.starts_with('/').then_some(below),
        }
    }
}

/// A served API. Dropping it ends its requests.
#[derive(Debug)]
pub struct Gateway {
    port: u16,
    stage: String,
    server: JoinHandle<()>,
}

struct Served {
    api: Api,
    lambda: Arc<Lambda>,
}

impl Gateway {
    /// Serves an API in front of a function.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(lambda: Arc<Lambda>, api: Api) -> Result<Self, StackError> {
        let failed = || StackError::io("starting gateway");
        let port = free_port().map_err(failed())?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed())?;
        let stage = api.stage.clone();
        let router = Router::new().fallback(serve).with_state(Arc::new(Served { api, lambda }));
        let service = router.into_make_service_with_connect_info::<std::net::SocketAddr>();
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, service).await {
                tracing::error!(%error, "gateway ended");
            }
        });
        Ok(Self { port, stage, server })
    }

    /// The API's invoke URL, with its stage and without a trailing slash.
    #[must_use]
    pub fn url(&self) -> String {
        let server = format!("http://127.0.0.1:{}", self.port);
        if self.stage == "$default" { server } else { format!("{server}/{}", self.stage) }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The reasons for answering without the function's response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    NoSuchStage,
    TooLarge,
    /// The function failed, or its response is malformed.
    Failed,
    TimedOut,
}

impl Refusal {
    /// Returns the response, which differs between the two kinds of API.
    fn response(self, kind: Kind) -> Response {
        let (status, message) = match (self, kind) {
            (Self::NoSuchStage, Kind::Rest) => (403, "Forbidden"),
            (Self::NoSuchStage, Kind::Http) => (404, "Not Found"),
            (Self::TooLarge, Kind::Rest) => (413, "Request Too Long"),
            (Self::TooLarge, Kind::Http) => (413, "Request Entity Too Large"),
            (Self::Failed, Kind::Rest) => (502, "Internal server error"),
            (Self::Failed, Kind::Http) => (500, "Internal Server Error"),
            (Self::TimedOut, Kind::Rest) => (504, "Endpoint request timed out"),
            (Self::TimedOut, Kind::Http) => (503, "Service Unavailable"),
        };
        let body = match kind {
            Kind::Rest => format!(r#"{{"message": "{message}"}}"#),
            Kind::Http => format!(r#"{{"message":"{message}"}}"#),
        };
        response::built(Response::builder().status(status).header("content-type", "application/json"), body.into())
    }
}

async fn serve(
    State(served): State<Arc<Served>>,
    ConnectInfo(client): ConnectInfo<std::net::SocketAddr>,
    request: Request<Body>,
) -> Response {
    let response = respond(&served, client, request).await;
    response.unwrap_or_else(|refusal| refusal.response(served.api.kind))
}

async fn respond(
    Served { api, lambda }: &Served,
    client: std::net::SocketAddr,
    request: Request<Body>,
) -> Result<Response, Refusal> {
    let (head, body) = request.into_parts();
    let path = api.path(head.uri.path()).ok_or(Refusal::NoSuchStage)?;
    let body = to_bytes(body, MAX_PAYLOAD).await.map_err(|_| Refusal::TooLarge)?;
    #[expect(clippy::disallowed_methods, reason = "an event carries the wall-clock time")]
    let now = chrono::Utc::now();
    let event = match api.kind {
        Kind::Rest => event::version_1(api, path, &head, &body, client, now),
        Kind::Http => event::version_2(api, &head, &body, client, now),
    };
    if event.to_string().len() > MAX_EVENT {
        return Err(Refusal::TooLarge);
    }
    let invoked = timeout(api.timeout, lambda.invoke(&event)).await.map_err(|_| Refusal::TimedOut)?;
    let result = invoked.map_err(|error| {
        tracing::warn!(%error, "gateway got no response from the function");
        Refusal::Failed
    })?;
    response::response(api, head.headers.get("accept"), &result).ok_or(Refusal::Failed)
}

/// Returns whether an API treats this content type as binary.
fn is_binary(api: &Api, media_type: &str) -> bool {
    let media_type = media_type.split([';', ',']).next().unwrap_or_default().trim();
    api.binary_media_types.iter().any(|binary| {
        let (of, kind) = binary.split_once('/').unwrap_or((binary, ""));
        let (is, sort) = media_type.split_once('/').unwrap_or((media_type, ""));
        (of == "*" || of.eq_ignore_ascii_case(is)) && (kind == "*" || kind.eq_ignore_ascii_case(sort))
    })
}

#[cfg(test)]
mod tests;

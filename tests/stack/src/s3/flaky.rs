//! A faulty S3: requests are forwarded, and some responses are replaced by errors.
//!
//! Put the [`proxy`](crate::proxy) in front of it for truncated and late responses.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::{
    StatusCode,
    header::{CONNECTION, TRANSFER_ENCODING},
};
use tokio::{net::TcpListener, task::JoinHandle};

use crate::{StackError, ports::free_port, proxy::Proxy, s3::S3};

/// Larger than any object.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// The percentages of requests that are answered with a server error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Errors {
    /// The request was not executed.
    pub refused: u32,
    /// The request was executed all the same.
    pub done: u32,
}

/// A server in front of an S3. Dropping it leaves the S3 running.
#[derive(Debug)]
pub struct Flaky {
    proxy: Proxy,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: String,
    client: reqwest::Client,
    errors: Mutex<Errors>,
    random: Mutex<StdRng>,
}

impl Flaky {
    /// Starts a server in front of `s3`, at first without errors. `seed` makes the choice of errors reproducible.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(s3: &S3, seed: u64) -> Result<Self, StackError> {
        let failed = || StackError::io("starting a flaky s3");
        let port = free_port().map_err(failed())?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed())?;
        let (client, random) = (reqwest::Client::new(), Mutex::new(StdRng::seed_from_u64(seed)));
        let shared = Shared { target: s3.endpoint(), client, errors: Mutex::default(), random };
        let shared = Arc::new(shared);
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&shared));
        let proxy = Proxy::start(listener.local_addr().map_err(failed())?)?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the flaky S3 ended");
            }
        });
        Ok(Self { proxy, shared, server })
    }

    /// The URL `http://localhost:port`, to use in place of the S3's.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://localhost:{}", self.proxy.port())
    }

    /// The proxy in front of it.
    #[must_use]
    pub const fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Sets the percentages of errors from now on.
    pub fn set(&self, errors: Errors) {
        *self.shared.errors.lock().unwrap_or_else(PoisonError::into_inner) = errors;
    }
}

impl Drop for Flaky {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// The treatment of a request.
enum Fate {
    PassedOn,
    Refused,
    Done,
}

impl Shared {
    fn fate(&self) -> Fate {
        let Errors { refused, done } = *self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        match self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..100) {
            drawn if drawn < refused => Fate::Refused,
            drawn if drawn < refused + done => Fate::Done,
            _ => Fate::PassedOn,
        }
    }
}

async fn pass_on(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let fate = shared.fate();
    if matches!(fate, Fate::Refused) {
        return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    match (shared.forward(request).await, fate) {
        (Ok(_), Fate::Done) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        (Ok(response), _) => response,
        (Err(problem), _) => {
            tracing::debug!(%problem, "could not forward the request");
            error(StatusCode::BAD_GATEWAY, "InternalError")
        }
    }
}

impl Shared {
    /// Forwards a request with all its headers, including the host: they are signed.
    async fn forward(&self, request: Request) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        let request = self.client.request(head.method, format!("{}{path}", self.target)).headers(head.headers);
        let answer = request.body(to_bytes(body, MAX_BODY).await?).send().await?;
        let mut response = Response::builder().status(answer.status());
        // This server sets the body's length itself.
        let of_the_connection = [CONNECTION, TRANSFER_ENCODING];
        for (name, value) in answer.headers().iter().filter(|(name, _)| !of_the_connection.contains(name)) {
            response = response.header(name, value);
        }
        Ok(response.body(Body::from(answer.bytes().await?))?)
    }
}

/// Formats an error as S3 does.
fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by chance</Message></Error>"))
        .into_response()
}

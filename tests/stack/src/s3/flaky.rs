//! An S3 in trouble: requests go on to the server, and some answers are not what it said.
//!
//! Connections that end in the middle of an answer, and answers that come late, are the business of the
//! [`proxy`](crate::proxy) before it.

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

/// More than an object has.
const MAX_BODY: usize = 64 * 1024 * 1024;

/// How many answers of a hundred are an error of the server's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Errors {
    /// Nothing was done.
    pub refused: u32,
    /// What was asked for was done all the same.
    pub done: u32,
}

/// A server in front of an S3. It ends with its value; the S3 goes on.
#[derive(Debug)]
pub struct Flaky {
    proxy: Proxy,
    inside: Arc<Inside>,
    server: JoinHandle<()>,
}

#[derive(Debug)]
struct Inside {
    target: String,
    client: reqwest::Client,
    errors: Mutex<Errors>,
    random: Mutex<StdRng>,
}

impl Flaky {
    /// Starts one before `s3`, without trouble. `seed` decides which answers are errors later on.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start(s3: &S3, seed: u64) -> Result<Self, StackError> {
        let failed = || StackError::io("starting a flaky s3");
        let port = free_port().map_err(failed())?;
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed())?;
        let (client, random) = (reqwest::Client::new(), Mutex::new(StdRng::seed_from_u64(seed)));
        let inside = Inside { target: s3.endpoint(), client, errors: Mutex::default(), random };
        let inside = Arc::new(inside);
        let router = Router::new().fallback(pass_on).with_state(Arc::clone(&inside));
        let proxy = Proxy::start(listener.local_addr().map_err(failed())?)?;
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "the flaky s3 ended");
            }
        });
        Ok(Self { proxy, inside, server })
    }

    /// `http://localhost:port`, in the place of the S3's.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://localhost:{}", self.proxy.port())
    }

    /// The way to it.
    #[must_use]
    pub const fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Has so many answers be errors from now on.
    pub fn set(&self, errors: Errors) {
        *self.inside.errors.lock().unwrap_or_else(PoisonError::into_inner) = errors;
    }
}

impl Drop for Flaky {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// What becomes of a request.
enum Fate {
    PassedOn,
    Refused,
    Done,
}

impl Inside {
    fn fate(&self) -> Fate {
        let Errors { refused, done } = *self.errors.lock().unwrap_or_else(PoisonError::into_inner);
        match self.random.lock().unwrap_or_else(PoisonError::into_inner).random_range(0..100) {
            drawn if drawn < refused => Fate::Refused,
            drawn if drawn < refused + done => Fate::Done,
            _ => Fate::PassedOn,
        }
    }
}

async fn pass_on(State(inside): State<Arc<Inside>>, request: Request) -> Response {
    let fate = inside.fate();
    if matches!(fate, Fate::Refused) {
        return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
    }
    match (inside.forward(request).await, fate) {
        (Ok(_), Fate::Done) => error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError"),
        (Ok(response), _) => response,
        (Err(problem), _) => {
            tracing::debug!(%problem, "not passed on");
            error(StatusCode::BAD_GATEWAY, "InternalError")
        }
    }
}

impl Inside {
    /// With its headers as they are: they are signed, the one of the host too.
    async fn forward(&self, request: Request) -> Result<Response, Box<dyn std::error::Error + Send + Sync>> {
        let (head, body) = request.into_parts();
        let path = head.uri.path_and_query().map_or("/", axum::http::uri::PathAndQuery::as_str);
        let request = self.client.request(head.method, format!("{}{path}", self.target)).headers(head.headers);
        let answer = request.body(to_bytes(body, MAX_BODY).await?).send().await?;
        let mut response = Response::builder().status(answer.status());
        // How long the body is, this server says.
        let of_the_connection = [CONNECTION, TRANSFER_ENCODING];
        for (name, value) in answer.headers().iter().filter(|(name, _)| !of_the_connection.contains(name)) {
            response = response.header(name, value);
        }
        Ok(response.body(Body::from(answer.bytes().await?))?)
    }
}

/// In S3's form.
fn error(status: StatusCode, code: &str) -> Response {
    (status, format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>by chance</Message></Error>"))
        .into_response()
}

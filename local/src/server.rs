//! The HTTP front: the router that `ingest` runs on AWS, served on a port.

use std::time::Duration;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    server::graceful::GracefulShutdown,
    service::TowerToHyperService,
};
use ingest::{MIN_COMPRESSED_BYTES, error::Error};
use shared::metrics::Metrics;
use tokio::{
    net::TcpListener,
    task::JoinHandle,
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

use crate::{
    admission::{BodyBudget, wait_for_permit},
    dashboard::{self, Dashboard, record_rejection},
    drain::drain_unread,
    guard::{Guard, admit},
};

/// How long requests may take to end once the pipeline stops: somewhat longer than a request's own deadline.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a client may take to read its answer once nothing else is to be done.
const READ_GRACE: Duration = Duration::from_secs(2);

/// How long a client may take to send a request's head, or to begin one: those that take for ever would take all connections.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Before a connection is accepted again, when the process has no file left for one.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A server that serves.
pub(crate) struct Server {
    connections: JoinHandle<()>,
    requests: TaskTracker,
}

impl Server {
    /// Serves `router`, and the page, until `stop`, to the requests that `guard` admits.
    pub(crate) fn start(
        listener: TcpListener,
        guard: Guard,
        router: Router,
        dashboard: Dashboard,
        metrics: &Metrics,
        stop: &CancellationToken,
    ) -> Self {
        let requests = TaskTracker::new();
        let router = router
            .layer(middleware::from_fn_with_state(BodyBudget::new(metrics.clone()), wait_for_permit))
            .layer(middleware::from_fn_with_state(dashboard.clone(), record_rejection))
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(MIN_COMPRESSED_BYTES)))
            .layer(middleware::from_fn_with_state(requests.clone(), to_the_end));
        // A viewer is told for as long as it looks: that is neither compressed nor waited for.
        let router = dashboard::routes(dashboard, router, stop)
            .layer(middleware::from_fn_with_state(guard, admit))
            .layer(middleware::from_fn(drain_unread));
        let connections = tokio::spawn(accept(listener, router, stop.clone()));
        Self { connections, requests }
    }

    /// Waits until every request that had begun when it was told to stop has ended, also one whose client hung up.
    pub(crate) async fn ended(self) {
        let answered = async {
            self.requests.close();
            self.requests.wait().await;
            // Who does not read its answer, or looks at the page without reading, is not waited for.
            sleep(READ_GRACE).await;
        };
        let ended = async {
            tokio::select! {
                _ = self.connections => {}
                () = answered => {}
            }
        };
        // A client that never ends its request is cut off.
        drop(timeout(SHUTDOWN_TIMEOUT, ended).await);
    }
}

/// Accepts connections until `stop`, and returns once they have ended.
async fn accept(listener: TcpListener, router: Router, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    // A client may end its side as soon as it has sent its request.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).half_close(true);
    let connections = GracefulShutdown::new();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "no connection is accepted");
                    sleep(ACCEPT_RETRY_DELAY).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// A request goes on when its client hangs up, as it does on Lambda: its records are counted all the same.
async fn to_the_end(State(requests): State<TaskTracker>, request: Request, next: Next) -> Response {
    match requests.spawn(next.run(request)).await {
        Ok(response) => response,
        // The router answers its handlers' panics itself: this is a runtime that shuts down.
        Err(_) => Error::Internal.into_response(),
    }
}

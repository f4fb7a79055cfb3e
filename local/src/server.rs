//! The HTTP server: the router that `ingest` runs on AWS, on a local port.

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
    time::{Instant, sleep, timeout_at},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

use crate::{
    admission::{BodyBudget, wait_for_permit},
    dashboard::{self, Dashboard, record_rejection},
    drain::drain_unread,
    guard::{Guard, reject_foreign},
};

/// The time requests have to finish once the pipeline stops: somewhat longer than a request's own deadline.
pub(crate) const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(30);

/// The time clients have to read their responses once all requests have finished.
const RESPONSE_READ_TIMEOUT: Duration = Duration::from_secs(2);

/// The bytes of an incomplete request head after which a connection is answered with 431, and of unsent response after which no more is
/// buffered. API Gateway accepts smaller heads. A connection can hold two such buffers: its own, and the start of a body that waits for
/// admission. With hyper's default of 418 kB, a hundred connections could hold 84 MB.
const MAX_BUFFER_BYTES: usize = 64 * 1024;

/// The time a client has to send the head of a request, so that idle connections do not accumulate.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The delay after a failed accept: the process may be out of file descriptors.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(50);

/// A running server.
pub(crate) struct Server {
    acceptor: JoinHandle<()>,
    connections: TaskTracker,
    requests: TaskTracker,
    /// Ends the connections, and so the requests that have not begun.
    disconnect: CancellationToken,
}

impl Server {
    /// Serves `router` and the dashboard, to requests that `guard` permits, until `stop`.
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
            // The budget reads the first frame of each body, which the outer layer counts as a handler's read. So this inner one drains
            // the bodies that got a permit.
            .layer(middleware::from_fn(drain_unread))
            .layer(middleware::from_fn_with_state(BodyBudget::new(metrics.clone()), wait_for_permit))
            .layer(middleware::from_fn_with_state(dashboard.clone(), record_rejection))
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(MIN_COMPRESSED_BYTES)))
            .layer(middleware::from_fn_with_state(requests.clone(), run_to_completion));
        // Event streams never end, so they are neither compressed nor awaited.
        let router = dashboard::routes(dashboard, router, stop)
            .layer(middleware::from_fn_with_state(guard, reject_foreign))
            .layer(middleware::from_fn(drain_unread));
        let (connections, disconnect) = (TaskTracker::new(), CancellationToken::new());
        let acceptor = tokio::spawn(accept(listener, router, stop.clone(), connections.clone(), disconnect.clone()));
        Self { acceptor, connections, requests, disconnect }
    }

    /// Waits until every request that began before the stop has finished, even if its client has disconnected. After that, none
    /// begins and none is answered: its records would miss the archive.
    pub(crate) async fn ended(self) {
        let deadline = Instant::now() + SHUTDOWN_TIMEOUT;
        self.requests.close();
        let answered = async {
            self.requests.wait().await;
            // Clients that do not read their responses are not awaited.
            sleep(RESPONSE_READ_TIMEOUT).await;
        };
        let ended = async {
            tokio::select! {
                _ = self.acceptor => {}
                () = answered => {}
            }
        };
        drop(timeout_at(deadline, ended).await);
        self.disconnect.cancel();
        self.connections.close();
        self.connections.wait().await;
        // Some may have begun since. A request that never ends is cut off.
        drop(timeout_at(deadline, self.requests.wait()).await);
    }
}

/// Accepts connections until `stop`, and returns once they have ended.
async fn accept(
    listener: TcpListener,
    router: Router,
    stop: CancellationToken,
    tasks: TaskTracker,
    disconnect: CancellationToken,
) {
    let mut http = http1::Builder::new();
    // A client may close its writing side as soon as it has sent its request.
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).half_close(true).max_buf_size(MAX_BUFFER_BYTES);
    let connections = GracefulShutdown::new();
    let mut is_accepting = true;
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    is_accepting = true;
                    stream
                }
                Err(error) => {
                    if is_accepting {
                        tracing::warn!(%error, "cannot accept a connection; retrying");
                    }
                    is_accepting = false;
                    sleep(ACCEPT_RETRY_DELAY).await;
                    continue;
                }
            },
            () = stop.cancelled() => break,
        };
        let connection = http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router.clone()));
        let connection = connections.watch(connection);
        let disconnected = disconnect.clone().cancelled_owned();
        tasks.spawn(async move {
            tokio::select! {
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended early");
                },
                () = disconnected => {}
            }
        });
    }
    drop(listener);
    connections.shutdown().await;
}

/// Runs a request to completion even if its client disconnects, as on Lambda, so that its records are counted.
async fn run_to_completion(State(requests): State<TaskTracker>, request: Request, next: Next) -> Response {
    match requests.spawn(next.run(request)).await {
        Ok(response) => response,
        // The router handles panics itself, so the runtime is shutting down.
        Err(_) => Error::Internal.into_response(),
    }
}

//! The HTTP front: the router that `ingest` runs on AWS, served on a port.

use std::{io, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use ingest::{MIN_COMPRESSED_BYTES, error::Error};
use tokio::{net::TcpListener, task::JoinHandle, time::timeout};
use tokio_util::task::TaskTracker;
use tower_http::compression::{CompressionLayer, predicate::SizeAbove};

use crate::stop::Stop;

/// How long requests may take to end once the pipeline stops: somewhat longer than a request's own deadline.
pub(crate) const TIME_TO_END: Duration = Duration::from_secs(30);

/// A server that serves.
pub(crate) struct Server {
    connections: JoinHandle<io::Result<()>>,
    requests: TaskTracker,
}

impl Server {
    /// Serves `router` until `stop`.
    pub(crate) fn start(listener: TcpListener, router: Router, stop: &Stop) -> Self {
        let requests = TaskTracker::new();
        let router = router
            .layer(CompressionLayer::new().compress_when(SizeAbove::new(MIN_COMPRESSED_BYTES)))
            .layer(middleware::from_fn_with_state(requests.clone(), to_the_end));
        let stopped = stop.stopped();
        let connections =
            tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(stopped).await });
        Self { connections, requests }
    }

    /// Waits until every request that had begun when it was told to stop has ended, also one whose client hung up.
    pub(crate) async fn ended(self) {
        let ended = async {
            drop(self.connections.await);
            self.requests.close();
            self.requests.wait().await;
        };
        // A client that never ends its request is cut off.
        drop(timeout(TIME_TO_END, ended).await);
    }
}

/// A request goes on when its client hangs up, as it does on Lambda: its records are counted all the same.
async fn to_the_end(State(requests): State<TaskTracker>, request: Request, next: Next) -> Response {
    match requests.spawn(next.run(request)).await {
        Ok(response) => response,
        // The router answers its handlers' panics itself: this is a runtime that shuts down.
        Err(_) => Error::Internal.into_response(),
    }
}

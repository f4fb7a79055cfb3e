//! Drains request bodies that no handler reads.
//!
//! A server that closes a connection while the client still sends resets it, and the client loses the response. So a body that no
//! handler began to read is read to its end here, and discarded.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    body::{Body, Bytes, HttpBody},
    extract::Request,
    middleware::Next,
    response::Response,
};
use http_body::{Frame, SizeHint};
use ingest::{Deadline, discard};
use tokio::time::Instant;

/// The time a client has to send the rest of its body: longer than a hundred bodies of 6 MB take on two busy processors.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(10);

/// A request body that records whether its handler reads it.
struct Watched(Arc<Mutex<State>>);

struct State {
    body: Body,
    /// Set once the handler reads a part. From then on, the handler decides how much is read.
    begun: bool,
}

/// Runs a request, and drains its body if the handler read none of it.
pub(crate) async fn drain_unread(request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let state = Arc::new(Mutex::new(State { body, begun: false }));
    let body = Body::new(Watched(Arc::clone(&state)));
    let response = next.run(Request::from_parts(parts, body)).await;
    if let Some(body) = unread(&state) {
        discard_rest(body).await;
    }
    response
}

/// Reads and discards the rest of a body, until a timeout.
pub(crate) async fn discard_rest(body: Body) {
    discard(body, Deadline(Instant::now() + DISCARD_TIMEOUT)).await;
}

fn unread(state: &Mutex<State>) -> Option<Body> {
    let mut state = lock(state);
    (!state.begun).then(|| std::mem::take(&mut state.body))
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let mut state = lock(&self.0);
        state.begun = true;
        Pin::new(&mut state.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        lock(&self.0).body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        lock(&self.0).body.size_hint()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::atomic::{AtomicUsize, Ordering},
    };

    use axum::{Router, middleware::from_fn, routing::post};
    use futures::{StreamExt, stream};
    use http_body_util::BodyExt;
    use tower::ServiceExt;

    use super::*;

    /// Sends a body of ten pieces to the handler at `path`, and returns the number of pieces read.
    async fn pieces_read(path: &str) -> usize {
        let read = Arc::new(AtomicUsize::new(0));
        let counting = Arc::clone(&read);
        let pieces = stream::iter(0..10).map(move |_| {
            counting.fetch_add(1, Ordering::Relaxed);
            Ok::<_, io::Error>(Bytes::from_static(b"piece"))
        });
        let first = async |mut body: Body| drop(body.frame().await);
        let router = Router::new().route("/none", post(async || {})).route("/first", post(first));
        let request = Request::post(path).body(Body::from_stream(pieces)).unwrap();
        assert_eq!(router.layer(from_fn(drain_unread)).oneshot(request).await.unwrap().status(), 200);
        read.load(Ordering::Relaxed)
    }

    #[tokio::test]
    async fn a_body_is_drained_unless_its_handler_began_to_read_it() {
        assert_eq!(pieces_read("/none").await, 10);
        assert_eq!(pieces_read("/first").await, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_without_end_delays_the_response_only_until_the_timeout() {
        let body = Body::from_stream(stream::pending::<Result<Bytes, io::Error>>());
        let router = Router::new().route("/", post(async || {})).layer(from_fn(drain_unread));
        let begun = Instant::now();
        router.oneshot(Request::post("/").body(body).unwrap()).await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), DISCARD_TIMEOUT.as_secs());
    }
}

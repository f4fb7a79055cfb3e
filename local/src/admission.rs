//! Admission control by the size of request bodies, which bounds the memory of concurrent requests.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use ingest::{MAX_BODY_BYTES, error::Error, is_gzip, router::reject};
use shared::{metrics::Metrics, redact::excerpt};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

use crate::drain::discard_rest;

/// The budget of large bodies, in bytes: two of the largest. A request takes several times the size of its body: as received, as
/// records, and in librdkafka's queue.
const LARGE_BODIES_BYTES: usize = 2 * MAX_BODY_BYTES;

/// The size up to which a body counts as small, in bytes. Small bodies have their own budget, so they never wait for large ones.
const MAX_SMALL_BODY_BYTES: u32 = 64 * 1024;

/// The budget of small bodies, in bytes.
const SMALL_BODIES_BYTES: usize = 2 * 1024 * 1024;

/// The time a request waits for a permit: shorter than clients' own timeouts.
const ADMISSION_TIMEOUT: Duration = Duration::from_secs(5);

/// The time a client has to send the first frame of its body. It gets no permit before that.
const FIRST_FRAME_TIMEOUT: Duration = Duration::from_secs(5);

/// The best compression of gzip: a byte for 1032 (<https://zlib.net/zlib_tech.html>).
const MAX_GZIP_RATIO: u32 = 1032;

/// The number of requests that may wait for a permit. Each keeps its connection and the received part of its body, for a while even
/// after its client has disconnected.
const MAX_QUEUED: usize = 100;

/// The bytes of request bodies that may be in flight. Clones share the budget.
#[derive(Debug, Clone)]
pub(crate) struct BodyBudget {
    small: Arc<Pool>,
    large: Arc<Pool>,
    metrics: Metrics,
}

/// The free bytes and queue places of one class of bodies.
#[derive(Debug)]
struct Pool {
    free: Semaphore,
    queue: Semaphore,
}

impl BodyBudget {
    /// Creates an unused budget. `metrics` counts the rejected requests.
    pub(crate) fn new(metrics: Metrics) -> Self {
        let pool = |bytes| Arc::new(Pool { free: Semaphore::new(bytes), queue: Semaphore::new(MAX_QUEUED) });
        Self { small: pool(SMALL_BODIES_BYTES), large: pool(LARGE_BODIES_BYTES), metrics }
    }

    fn pool(&self, size: u32) -> &Pool {
        if size <= MAX_SMALL_BODY_BYTES { &self.small } else { &self.large }
    }
}

impl Pool {
    /// Acquires a permit for `size` bytes, waiting if necessary. Returns `None` after a timeout, or if the queue is full.
    async fn acquire(&self, size: u32) -> Option<SemaphorePermit<'_>> {
        if let Ok(taken) = self.free.try_acquire_many(size) {
            return Some(taken);
        }
        let _place = self.queue.try_acquire().ok()?;
        timeout(ADMISSION_TIMEOUT, self.free.acquire_many(size)).await.ok()?.ok()
    }
}

/// Runs a request once it has a permit for its body, and answers 429 if it gets none.
pub(crate) async fn wait_for_permit(State(budget): State<BodyBudget>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let (request, size) = with_size(request).await;
    if let Some(_taken) = budget.pool(size).acquire(size).await {
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), excerpt(request.uri().path()));
    discard_rest(request.into_body()).await;
    reject(Error::TooManyBodies, method.as_str(), &path, begun.elapsed(), &budget.metrics)
}

/// Returns the request with the bytes that its body can take. Only the first frame shows whether it is gzip.
async fn with_size(request: Request) -> (Request, u32) {
    let size = size(request.body());
    if size == 0 {
        return (request, size);
    }
    let (parts, mut body) = request.into_parts();
    // The handler's own deadline ends a request whose body does not arrive.
    let Ok(Some(first)) = timeout(FIRST_FRAME_TIMEOUT, body.frame()).await else {
        return (Request::from_parts(parts, body), size);
    };
    let first = first.map(|frame| frame.into_data().unwrap_or_default());
    let size = if first.as_deref().is_ok_and(is_gzip) { inflated_size(size) } else { size };
    let body = Body::from_stream(stream::once(async { first }).chain(body.into_data_stream()));
    (Request::from_parts(parts, body), size)
}

/// The bytes a body can take: at most the limit, because a larger body is rejected there.
fn size(body: &Body) -> u32 {
    let most = MAX_BODY_BYTES as u64;
    let size = body.size_hint().upper().unwrap_or(most).min(most);
    u32::try_from(size).unwrap_or(u32::MAX)
}

/// The bytes to which gzip of `size` bytes can inflate, up to the limit.
fn inflated_size(size: u32) -> u32 {
    let most = u32::try_from(MAX_BODY_BYTES).unwrap_or(u32::MAX);
    size.saturating_mul(MAX_GZIP_RATIO).min(most)
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::post};
    use tokio::{sync::Notify, time::sleep};
    use tower::ServiceExt;

    use super::*;

    /// Builds a router that responds once `answer` is notified.
    fn router(budget: &BodyBudget, answer: &Arc<Notify>) -> Router {
        let answer = Arc::clone(answer);
        let handler = move || async move { answer.notified().await };
        Router::new().route("/", post(handler)).layer(from_fn_with_state(budget.clone(), wait_for_permit))
    }

    fn request(size: usize) -> Request {
        Request::post("/").body(vec![b' '; size].into()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_a_permit_and_gets_a_429_after_a_timeout() {
        let (budget, answer) = (BodyBudget::new(Metrics::default()), Arc::new(Notify::new()));
        let send = |size| tokio::spawn(router(&budget, &answer).oneshot(request(size)));
        let first: Vec<_> = (0..2).map(|_| send(MAX_BODY_BYTES)).collect();
        sleep(Duration::from_millis(1)).await;
        let (second, third) = (send(MAX_SMALL_BODY_BYTES as usize + 1), send(MAX_BODY_BYTES + 1));
        sleep(ADMISSION_TIMEOUT * 4 / 5).await;
        answer.notify_one();
        // One large body has finished: enough for the second request, too little for the third.
        sleep(Duration::from_secs(2)).await;
        answer.notify_waiters();
        assert_eq!(second.await.unwrap().unwrap().status(), 200);
        let refused = third.await.unwrap().unwrap();
        assert_eq!((refused.status().as_u16(), &refused.headers()["retry-after"]), (429, &"1".parse().unwrap()));
        for first in first {
            assert_eq!(first.await.unwrap().unwrap().status(), 200);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_gets_a_429_at_once_if_the_queue_is_full() {
        let (budget, answer) = (BodyBudget::new(Metrics::default()), Arc::new(Notify::new()));
        let _full = budget.large.acquire(u32::try_from(LARGE_BODIES_BYTES).unwrap()).await.unwrap();
        let send = || tokio::spawn(router(&budget, &answer).oneshot(request(MAX_BODY_BYTES)));
        let waiting: Vec<_> = (0..MAX_QUEUED).map(|_| send()).collect();
        let begun = Instant::now();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(send().await.unwrap().unwrap().status(), 429);
        assert_eq!(begun.elapsed(), Duration::from_millis(1));
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().unwrap().status(), 429);
        }
        assert_eq!(begun.elapsed(), ADMISSION_TIMEOUT);
    }

    #[tokio::test]
    async fn a_small_body_does_not_wait_for_large_ones() {
        let (budget, answer) = (BodyBudget::new(Metrics::default()), Arc::new(Notify::new()));
        let _full = budget.large.acquire(u32::try_from(LARGE_BODIES_BYTES).unwrap()).await.unwrap();
        answer.notify_one();
        let small = router(&budget, &answer).oneshot(request(MAX_SMALL_BODY_BYTES as usize));
        assert_eq!(timeout(ADMISSION_TIMEOUT / 2, small).await.unwrap().unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_request_without_a_body_needs_no_permit() {
        let budget = BodyBudget::new(Metrics::default());
        let _full = budget.small.acquire(u32::try_from(SMALL_BODIES_BYTES).unwrap()).await.unwrap();
        let answer = Arc::new(Notify::new());
        answer.notify_one();
        assert_eq!(router(&budget, &answer).oneshot(request(0)).await.unwrap().status(), 200);
    }

    #[test]
    fn the_api_page_states_the_enforced_limits() {
        let (mib, small_mib, kib) = (LARGE_BODIES_BYTES >> 20, SMALL_BODIES_BYTES >> 20, MAX_SMALL_BODY_BYTES >> 10);
        let (seconds, most) = (ADMISSION_TIMEOUT.as_secs(), MAX_BODY_BYTES >> 20);
        let limits = format!(
            "more than {mib} MiB of request bodies over {kib} KiB are in flight, or {small_mib} MiB of smaller ones, and none finishes within {seconds} s, or when {MAX_QUEUED} requests already wait. A gzip body counts as {MAX_GZIP_RATIO} times its size, up to {most} MiB."
        );
        assert!(include_str!("../../docs/api.md").contains(&limits), "{limits}");
    }

    #[tokio::test]
    async fn a_compressed_body_counts_by_the_size_that_it_can_have() {
        for (body, expected) in [
            (&b"\x1f\x8b\x08 300 bytes"[..], 13 * 1032),
            (b"not compressed", 14),
            (b"", 0),
            (&[&[0x1f, 0x8b][..], &[0; 6213]].concat(), 6 * 1024 * 1024),
        ] {
            let request = Request::post("/").body(Body::from(body.to_vec())).unwrap();
            let (request, size) = with_size(request).await;
            assert_eq!(size, expected, "{body:?}");
            assert_eq!(request.into_body().collect().await.unwrap().to_bytes(), body);
        }
        let broken = stream::iter([Err::<bytes::Bytes, _>(std::io::Error::other("reset"))]);
        let (request, _) = with_size(Request::post("/").body(Body::from_stream(broken)).unwrap()).await;
        assert!(request.into_body().collect().await.is_err(), "the end of a broken body is no end");
    }

    #[test]
    fn a_body_of_unknown_length_counts_as_the_largest() {
        assert_eq!(size(&Body::from("12")), 2);
        let unknown = Body::from_stream(futures::stream::empty::<Result<bytes::Bytes, std::io::Error>>());
        assert_eq!(size(&unknown) as usize, MAX_BODY_BYTES);
    }
}

//! Room for bodies, so that clients who send much at once take no more memory than that.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ingest::{Deadline, MAX_BODY_BYTES, discard, error::Error, router::finished};
use shared::{metrics::Metrics, redact::excerpt};
use tokio::{
    sync::{Semaphore, SemaphorePermit},
    time::{Instant, timeout},
};

/// For four bodies of the largest size, in bytes. A request takes several times its body: as it comes, as records, and in
/// librdkafka's queue.
const ROOM_BYTES: usize = 4 * MAX_BODY_BYTES;

/// Up to this size a body has a room of its own, in bytes: it does not wait for large ones.
const SMALL_BYTES: u32 = 64 * 1024;

/// That room, in bytes.
const SMALL_ROOM_BYTES: usize = 2 * 1024 * 1024;

/// How long a request waits for room: shorter than clients do.
const TIME_TO_WAIT: Duration = Duration::from_secs(5);

/// How long a client who found none may take to send its body all the same.
const TIME_TO_DISCARD: Duration = Duration::from_secs(5);

/// How many requests wait for room. Each keeps its connection and what has come of its body, also for a while after its
/// client has hung up.
const MAX_WAITING: usize = 100;

/// The rooms that requests share. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    small: Arc<Space>,
    large: Arc<Space>,
    metrics: Metrics,
}

/// So many bytes, and the places of those who wait for them.
#[derive(Debug)]
struct Space {
    free: Semaphore,
    queue: Semaphore,
}

impl Room {
    /// All of it free. Who finds none is counted in `metrics`.
    pub(crate) fn new(metrics: Metrics) -> Self {
        let space = |bytes| Arc::new(Space { free: Semaphore::new(bytes), queue: Semaphore::new(MAX_WAITING) });
        Self { small: space(SMALL_ROOM_BYTES), large: space(ROOM_BYTES), metrics }
    }

    fn of(&self, size: u32) -> &Space {
        if size <= SMALL_BYTES { &self.small } else { &self.large }
    }
}

impl Space {
    /// Takes `size` bytes until they are given back, at once or after a while; `None` when there is too little for too long,
    /// or too many wait.
    async fn take(&self, size: u32) -> Option<SemaphorePermit<'_>> {
        if let Ok(taken) = self.free.try_acquire_many(size) {
            return Some(taken);
        }
        let _place = self.queue.try_acquire().ok()?;
        timeout(TIME_TO_WAIT, self.free.acquire_many(size)).await.ok()?.ok()
    }
}

/// Begins a request once there is room for its body, until it is answered.
pub(crate) async fn in_turn(State(room): State<Room>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let size = size(request.body());
    if let Some(_taken) = room.of(size).take(size).await {
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), excerpt(request.uri().path()));
    discard(request.into_body(), Deadline(Instant::now() + TIME_TO_DISCARD)).await;
    finished(Error::TooManyBodies.into_response(), method.as_str(), &path, begun.elapsed(), &room.metrics)
}

/// How much a body may take. Of one that is too large no more is kept.
fn size(body: &Body) -> u32 {
    let most = MAX_BODY_BYTES as u64;
    let size = body.size_hint().upper().unwrap_or(most).min(most);
    u32::try_from(size).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use axum::{Router, middleware::from_fn_with_state, routing::post};
    use tokio::{sync::Notify, time::sleep};
    use tower::ServiceExt;

    use super::*;

    /// Answers when it is told to.
    fn router(room: &Room, answer: &Arc<Notify>) -> Router {
        let answer = Arc::clone(answer);
        let handler = move || async move { answer.notified().await };
        Router::new().route("/", post(handler)).layer(from_fn_with_state(room.clone(), in_turn))
    }

    fn request(size: usize) -> Request {
        Request::post("/").body(vec![b' '; size].into()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn who_finds_no_room_waits_for_it_and_is_told_after_a_while() {
        let (room, answer) = (Room::new(Metrics::default()), Arc::new(Notify::new()));
        let send = |size| tokio::spawn(router(&room, &answer).oneshot(request(size)));
        let first: Vec<_> = (0..4).map(|_| send(MAX_BODY_BYTES)).collect();
        sleep(Duration::from_millis(1)).await;
        let (second, third) = (send(SMALL_BYTES as usize + 1), send(MAX_BODY_BYTES + 1));
        sleep(TIME_TO_WAIT * 4 / 5).await;
        answer.notify_one();
        // The room that is free now is for the small one, and not enough for the large one.
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
    async fn who_finds_too_many_waiting_is_told_at_once() {
        let (room, answer) = (Room::new(Metrics::default()), Arc::new(Notify::new()));
        let _full = room.large.take(u32::try_from(ROOM_BYTES).unwrap()).await.unwrap();
        let send = || tokio::spawn(router(&room, &answer).oneshot(request(MAX_BODY_BYTES)));
        let waiting: Vec<_> = (0..MAX_WAITING).map(|_| send()).collect();
        let begun = Instant::now();
        sleep(Duration::from_millis(1)).await;
        assert_eq!(send().await.unwrap().unwrap().status(), 429);
        assert_eq!(begun.elapsed(), Duration::from_millis(1));
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().unwrap().status(), 429);
        }
        assert_eq!(begun.elapsed(), TIME_TO_WAIT);
    }

    #[tokio::test]
    async fn a_small_body_does_not_wait_for_large_ones() {
        let (room, answer) = (Room::new(Metrics::default()), Arc::new(Notify::new()));
        let _full = room.large.take(u32::try_from(ROOM_BYTES).unwrap()).await.unwrap();
        answer.notify_one();
        let small = router(&room, &answer).oneshot(request(SMALL_BYTES as usize));
        assert_eq!(timeout(TIME_TO_WAIT / 2, small).await.unwrap().unwrap().status(), 200);
    }

    #[tokio::test]
    async fn a_request_without_a_body_needs_no_room() {
        let room = Room::new(Metrics::default());
        let _full = room.small.take(u32::try_from(SMALL_ROOM_BYTES).unwrap()).await.unwrap();
        let answer = Arc::new(Notify::new());
        answer.notify_one();
        assert_eq!(router(&room, &answer).oneshot(request(0)).await.unwrap().status(), 200);
    }

    #[test]
    fn the_api_page_states_the_enforced_limits() {
        let (mib, small_mib, kib) = (ROOM_BYTES >> 20, SMALL_ROOM_BYTES >> 20, SMALL_BYTES >> 10);
        let seconds = TIME_TO_WAIT.as_secs();
        let limits = format!(
            "more than {mib} MiB of request bodies over {kib} KiB are in flight, or {small_mib} MiB of smaller ones, and none finishes within {seconds} s, or when {MAX_WAITING} requests already wait"
        );
        assert!(include_str!("../../docs/api.md").contains(&limits), "{limits}");
    }

    #[test]
    fn a_body_of_unknown_length_may_be_of_the_largest() {
        assert_eq!(size(&Body::from("12")), 2);
        let unknown = Body::from_stream(futures::stream::empty::<Result<bytes::Bytes, std::io::Error>>());
        assert_eq!(size(&unknown) as usize, MAX_BODY_BYTES);
    }
}

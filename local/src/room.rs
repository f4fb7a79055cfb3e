//! Room for bodies, so that clients who send much at once take no more memory than that.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, HttpBody},
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use ingest::{MAX_BODY_BYTES, error::Error, router::finished};
use shared::{metrics::Metrics, shown::shown};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};

/// For four bodies of the largest size, in bytes. A request takes several times its body: as it comes, as records, and in
/// librdkafka's queue.
const ROOM_BYTES: usize = 4 * MAX_BODY_BYTES;

/// How long a request waits for room: shorter than clients do.
const TIME_TO_WAIT: Duration = Duration::from_secs(5);

/// The room that requests share. A clone is the same room.
#[derive(Debug, Clone)]
pub(crate) struct Room {
    free: Arc<Semaphore>,
    metrics: Metrics,
}

impl Room {
    /// All of it free. Who finds none is counted in `metrics`.
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { free: Arc::new(Semaphore::new(ROOM_BYTES)), metrics }
    }
}

/// Begins a request once there is room for its body, until it is answered.
pub(crate) async fn in_turn(State(room): State<Room>, request: Request, next: Next) -> Response {
    let begun = Instant::now();
    let taken = timeout(TIME_TO_WAIT, room.free.acquire_many(size(request.body()))).await;
    if let Ok(Ok(_taken)) = taken {
        return next.run(request).await;
    }
    let (method, path) = (request.method().clone(), shown(request.uri().path()));
    finished(Error::NoRoom.into_response(), method.as_str(), &path, begun.elapsed(), &room.metrics)
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
        let (second, third) = (send(1), send(MAX_BODY_BYTES + 1));
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

    #[tokio::test]
    async fn a_request_without_a_body_needs_no_room() {
        let room = Room::new(Metrics::default());
        let _full = room.free.acquire_many(u32::try_from(ROOM_BYTES).unwrap()).await.unwrap();
        let answer = Arc::new(Notify::new());
        answer.notify_one();
        assert_eq!(router(&room, &answer).oneshot(request(0)).await.unwrap().status(), 200);
    }

    #[test]
    fn the_readme_states_the_limits_that_are_kept() {
        let (mib, seconds) = (ROOM_BYTES >> 20, TIME_TO_WAIT.as_secs());
        let limits = format!("more than {mib} MiB of bodies come at once and none is done within {seconds} s");
        assert!(include_str!("../../README.md").contains(&limits), "{limits}");
    }

    #[test]
    fn a_body_of_unknown_length_may_be_of_the_largest() {
        assert_eq!(size(&Body::from("12")), 2);
        let unknown = Body::from_stream(futures::stream::empty::<Result<bytes::Bytes, std::io::Error>>());
        assert_eq!(size(&unknown) as usize, MAX_BODY_BYTES);
    }
}

//! What calls the emulator: on AWS a scheduler each minute, here a timer.

use std::time::Duration;

use emulator::Emulator;
use shared::{deadline::REQUEST_TIMEOUT, error_chain::one_line, publish::Publish};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// The shortest time between two runs: a higher rate sends more posts a run.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Sends `posts_per_second` posts each second until `stop`, the first one at once. Of a rate that cannot be reached no more
/// than a second's posts are made up for. `refused` is told of the rows that are not valid.
pub(crate) async fn run<P: Publish>(
    mut emulator: Emulator<P>,
    posts_per_second: f64,
    health: Health,
    mut refused: impl FnMut(Vec<String>),
    stop: CancellationToken,
) {
    if posts_per_second <= 0.0 {
        return stop.cancelled().await;
    }
    let begun = Instant::now();
    let mut now = begun;
    // The posts whose time has come, whether they were sent or given up.
    let mut past = 0;
    loop {
        let due = due(now - begun, posts_per_second);
        let posts = (due - past).min(due_in(Duration::from_secs(1), posts_per_second).max(1));
        past = due;
        match emulator.run(usize::try_from(posts).unwrap_or(usize::MAX), Duration::ZERO, now + REQUEST_TIMEOUT).await {
            Ok(report) => {
                health.mark_healthy();
                refused(report.refused);
            }
            Err(error) => {
                let error = one_line(&error);
                // A database that is away stays away for a while.
                if health.mark_failed(error.clone()) {
                    eprintln!("emulator: {error}; trying again");
                }
            }
        }
        let next = begun + Duration::from_secs_f64(past as f64 / posts_per_second);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep_until(next.max(now + MIN_INTERVAL)) => {}
        }
        now = Instant::now();
    }
}

/// How many posts are due once `passed` is over: the first one at the beginning.
fn due(passed: Duration, posts_per_second: f64) -> u64 {
    1 + due_in(passed, posts_per_second)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither negative nor near 2^63")]
fn due_in(passed: Duration, posts_per_second: f64) -> u64 {
    // A post is due at its time although the time of a third of a second is no exact number.
    (passed.as_secs_f64() * posts_per_second + 1e-6) as u64
}

#[cfg(test)]
mod tests {
    use emulator::{DatabaseUrl, Source};
    use rand::{SeedableRng, rngs::StdRng};
    use shared::{
        metrics::{Metrics, emulator::POSTS_SENT},
        publish::{Outcome, ProducerRecord, Written},
    };

    use super::*;

    /// Writes everything, each time after a while.
    struct Slow(Duration);

    impl Publish for Slow {
        async fn publish(&self, records: Vec<ProducerRecord>, _: Instant) -> Vec<Outcome> {
            tokio::time::sleep(self.0).await;
            vec![Ok(Written { partition: 0, offset: 0, timestamp_ms: None }); records.len()]
        }
    }

    /// The posts of ten seconds and a bit.
    async fn posts(posts_per_second: f64, time_to_write: Duration) -> u64 {
        let source = Source::open(&DatabaseUrl::Sample, |_| None).unwrap();
        let (publisher, rng, metrics) = (Slow(time_to_write), StdRng::seed_from_u64(1), Metrics::default());
        let emulator = Emulator::new(source, publisher, &"u".parse().unwrap(), rng, metrics.clone());
        let stop = CancellationToken::new();
        let ticking = tokio::spawn(run(emulator, posts_per_second, Health::default(), drop, stop.clone()));
        tokio::time::sleep(Duration::from_millis(10_050)).await;
        let posts = metrics.take().sum(&POSTS_SENT);
        stop.cancel();
        ticking.await.unwrap();
        posts
    }

    #[tokio::test(start_paused = true)]
    async fn as_many_posts_are_sent_as_were_asked_for() {
        for (rate, expected) in [(0.1, 2), (0.5, 6), (1.0, 11), (3.0, 31), (7.0, 71), (500.0, 5001), (0.0, 0)] {
            assert_eq!(posts(rate, Duration::ZERO).await, expected, "{rate} a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_that_takes_longer_than_a_tick_is_made_up_for() {
        let sent = posts(500.0, Duration::from_millis(250)).await;
        assert!((4750..=5001).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_that_cannot_be_reached_is_not_made_up_for_later() {
        let sent = posts(500.0, Duration::from_secs(4)).await;
        assert_eq!(sent, 1 + 500, "the second run sends a second's posts, and not four seconds'");
    }
}

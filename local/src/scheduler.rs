//! The timer that runs the emulator. On AWS a scheduler runs it each minute.

use std::time::Duration;

use emulator::Emulator;
use shared::{deadline::REQUEST_TIMEOUT, error_chain::one_line, publish::Publish};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// The shortest interval of runs. A higher rate sends more posts per run.
const MIN_INTERVAL: Duration = Duration::from_millis(100);

/// Sends `posts_per_second`, the first post at once, until `limit` posts are sent, and waits for `stop`. If the rate cannot be
/// reached, at most one second's posts are caught up. Calls `on_refused` with the invalid rows.
pub(crate) async fn run<P: Publish>(
    mut emulator: Emulator<P>,
    posts_per_second: f64,
    limit: Option<u64>,
    health: Health,
    mut on_refused: impl FnMut(Vec<String>),
    stop: CancellationToken,
) {
    let mut left = if posts_per_second > 0.0 { limit.unwrap_or(u64::MAX) } else { 0 };
    let begun = Instant::now();
    let mut now = begun;
    // The posts due so far, whether sent or skipped.
    let mut past = 0;
    while left > 0 {
        let due = due(now - begun, posts_per_second);
        let posts = (due - past).min(due_in(Duration::from_secs(1), posts_per_second).max(1)).min(left);
        past = due;
        match emulator.run(usize::try_from(posts).unwrap_or(usize::MAX), Duration::ZERO, now + REQUEST_TIMEOUT).await {
            Ok(report) => {
                health.mark_healthy();
                left = left.saturating_sub(report.posts);
                on_refused(report.refused);
            }
            // A database outage lasts for many runs.
            Err(error) => health.report_failure("emulator", &one_line(&error)),
        }
        let next = begun + Duration::from_secs_f64(past as f64 / posts_per_second);
        tokio::select! {
            () = stop.cancelled() => return,
            () = sleep_until(next.max(now + MIN_INTERVAL)) => {}
        }
        now = Instant::now();
    }
    stop.cancelled().await;
}

/// Returns the number of posts due after `passed`. The first one is due at the start.
fn due(passed: Duration, posts_per_second: f64) -> u64 {
    1 + due_in(passed, posts_per_second)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "neither negative nor near 2^63")]
fn due_in(passed: Duration, posts_per_second: f64) -> u64 {
    // The margin makes up for rounding: a third of a second has no exact representation.
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

    /// Acknowledges every record after a delay.
    struct Slow(Duration);

    impl Publish for Slow {
        async fn publish(&self, records: Vec<ProducerRecord>, _: Instant) -> Vec<Outcome> {
            tokio::time::sleep(self.0).await;
            vec![Ok(Written { partition: 0, offset: 0, timestamp_ms: None }); records.len()]
        }
    }

    /// Returns the number of posts sent in slightly more than ten seconds.
    async fn posts(posts_per_second: f64, delay: Duration) -> u64 {
        posts_of(posts_per_second, None, delay).await
    }

    async fn posts_of(posts_per_second: f64, limit: Option<u64>, delay: Duration) -> u64 {
        let source = Source::open(&DatabaseUrl::Sample, |_| None).unwrap();
        let (publisher, rng, metrics) = (Slow(delay), StdRng::seed_from_u64(1), Metrics::default());
        let emulator = Emulator::new(source, publisher, &"u".parse().unwrap(), rng, metrics.clone());
        let stop = CancellationToken::new();
        let ticking = tokio::spawn(run(emulator, posts_per_second, limit, Health::default(), drop, stop.clone()));
        tokio::time::sleep(Duration::from_millis(10_050)).await;
        let posts = metrics.take().sum(&POSTS_SENT);
        assert!(!ticking.is_finished(), "its end would stop the pipeline");
        stop.cancel();
        ticking.await.unwrap();
        posts
    }

    #[tokio::test(start_paused = true)]
    async fn posts_are_sent_at_the_requested_rate() {
        for (rate, expected) in [(0.1, 2), (0.5, 6), (1.0, 11), (3.0, 31), (7.0, 71), (500.0, 5001), (0.0, 0)] {
            assert_eq!(posts(rate, Duration::ZERO).await, expected, "{rate} a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_posts_than_the_limit_are_sent() {
        // At 500 a second a run has up to 50 posts.
        for (rate, limit, expected) in [(1.0, 3, 3), (500.0, 131, 131), (1.0, 100, 11), (1.0, 0, 0)] {
            assert_eq!(posts_of(rate, Some(limit), Duration::ZERO).await, expected, "{limit} at {rate} a second");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn runs_longer_than_the_interval_are_caught_up() {
        let sent = posts(500.0, Duration::from_millis(250)).await;
        assert!((4750..=5001).contains(&sent), "{sent}");
    }

    #[tokio::test(start_paused = true)]
    async fn an_unreachable_rate_builds_up_no_debt() {
        let sent = posts(500.0, Duration::from_secs(4)).await;
        assert_eq!(sent, 1 + 500, "the second run sends the posts of one second, not of four");
    }
}

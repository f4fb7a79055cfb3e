//! Deadlines of invocations, on the monotonic clock.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// The time for a request without a Lambda deadline: API Gateway's timeout of 29 s, with a reserve.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(27);

/// Returns the instant `reserve` before `deadline`. Lambda ends the function at `deadline`.
///
/// No invocation begins after its deadline. A deadline in the past, as `cargo lambda watch` sends it, is replaced by
/// [`REQUEST_TIMEOUT`].
#[must_use]
pub fn before(deadline: SystemTime, reserve: Duration) -> Instant {
    #[expect(clippy::disallowed_methods, reason = "Lambda sends the deadline as a time of day")]
    let now = SystemTime::now();
    Instant::now() + time_left(deadline, now, reserve)
}

fn time_left(deadline: SystemTime, now: SystemTime, reserve: Duration) -> Duration {
    match deadline.duration_since(now) {
        Ok(left) if !left.is_zero() => left.saturating_sub(reserve),
        Ok(_) | Err(_) => REQUEST_TIMEOUT,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_left_excludes_the_reserve_and_a_past_deadline_is_ignored() {
        let (now, second) = (SystemTime::UNIX_EPOCH + Duration::from_hours(1), Duration::from_secs(1));
        assert_eq!(time_left(now + 30 * second, now, second), 29 * second);
        assert_eq!(time_left(now + second / 2, now, second), Duration::ZERO);
        assert_eq!(time_left(now, now, second), REQUEST_TIMEOUT);
        assert_eq!(time_left(now - second, now, second), REQUEST_TIMEOUT);
    }
}

//! When an invocation has to be answered, on the clock that timers wait by.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// What API Gateway leaves of its 29 s: the time of a request that came by another way, the same on a laptop as on AWS.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(27);

/// The moment by which a function that Lambda ends at `deadline` has to be done, `reserve` earlier than that.
///
/// An invocation does not begin after its deadline: one that is over, as `cargo lambda watch` gives it, is none, and
/// [`REQUEST_TIMEOUT`] counts.
#[must_use]
pub fn before(deadline: SystemTime, reserve: Duration) -> Instant {
    #[expect(clippy::disallowed_methods, reason = "Lambda tells the deadline as a time of day")]
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
    fn what_is_left_is_less_the_reserve_and_a_deadline_that_is_over_is_none() {
        let (now, second) = (SystemTime::UNIX_EPOCH + Duration::from_hours(1), Duration::from_secs(1));
        assert_eq!(time_left(now + 30 * second, now, second), 29 * second);
        assert_eq!(time_left(now + second / 2, now, second), Duration::ZERO);
        assert_eq!(time_left(now, now, second), REQUEST_TIMEOUT);
        assert_eq!(time_left(now - second, now, second), REQUEST_TIMEOUT);
    }
}

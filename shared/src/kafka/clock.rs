//! A clock that keeps counting while Lambda freezes the environment.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// An instant read from both clocks. While Lambda freezes an environment between invocations, the monotonic clock may stop,
/// and the wall clock may be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct SuspendAwareInstant {
    monotonic: Instant,
    wall: SystemTime,
}

impl SuspendAwareInstant {
    pub(super) fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the only clock that keeps running during a freeze")]
        let wall = SystemTime::now();
        Self { monotonic: Instant::now(), wall }
    }

    /// The time since `earlier`, by whichever clock advanced further.
    pub(super) fn duration_since(self, earlier: Self) -> Duration {
        // An error means that the wall clock was set back.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        wall.max(self.monotonic.saturating_duration_since(earlier.monotonic))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_advanced_further_counts() {
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let start = SuspendAwareInstant::now();
        let thawed = SuspendAwareInstant { monotonic: start.monotonic + second, wall: start.wall + hour };
        assert_eq!(thawed.duration_since(start), hour);
        let set_back = SuspendAwareInstant { monotonic: start.monotonic + second, wall: start.wall - hour };
        assert_eq!(set_back.duration_since(start), second);
    }
}

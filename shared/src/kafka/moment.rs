//! Time that does not stand still while an environment is frozen.

use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// A moment on both clocks. Lambda freezes an environment between invocations: then the steady clock may stand still, and
/// the wall clock may be set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    steady: Instant,
    wall: SystemTime,
}

impl Moment {
    pub(super) fn now() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the only clock that runs on in a freeze")]
        let wall = SystemTime::now();
        Self { steady: Instant::now(), wall }
    }

    /// The time since `earlier`, by the clock that shows more of it.
    pub(super) fn since(self, earlier: Self) -> Duration {
        // An error is a wall clock that was set back.
        let wall = self.wall.duration_since(earlier.wall).unwrap_or_default();
        wall.max(self.steady.saturating_duration_since(earlier.steady))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_that_shows_more_counts() {
        let (second, hour) = (Duration::from_secs(1), Duration::from_hours(1));
        let start = Moment::now();
        let thawed = Moment { steady: start.steady + second, wall: start.wall + hour };
        assert_eq!(thawed.since(start), hour);
        let set_back = Moment { steady: start.steady + second, wall: start.wall - hour };
        assert_eq!(set_back.since(start), second);
    }
}

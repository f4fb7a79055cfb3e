//! How much is tried.

use std::time::Duration;

/// How much is tried.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// How often each trouble comes alone.
    pub(crate) times_each: usize,
    /// How often several come at once.
    pub(crate) mixtures: usize,
    /// How long trouble takes.
    pub(crate) trouble: Duration,
    /// For how long a broker stands still.
    pub(crate) broker_freezes: Vec<Duration>,
    /// How often an environment is frozen in a request.
    pub(crate) freezes: usize,
    /// Environments that start at once.
    pub(crate) storm: usize,
    /// How long clients send too much.
    pub(crate) overload: Duration,
    /// Topics that are archived while things go wrong.
    pub(crate) schedules: usize,
    /// How long that goes on for each.
    pub(crate) schedule: Duration,
    /// How long one process serves.
    pub(crate) soak: Duration,
}

impl Plan {
    /// For the table.
    pub(crate) fn full() -> Self {
        Self {
            times_each: 3,
            mixtures: 20,
            trouble: Duration::from_secs(8),
            broker_freezes: [5, 20, 60].map(Duration::from_secs).into(),
            freezes: 200,
            storm: 200,
            overload: Duration::from_mins(1),
            schedules: 40,
            schedule: Duration::from_secs(15),
            soak: Duration::from_mins(30),
        }
    }

    /// For every change: each kind of trouble once.
    pub(crate) fn short() -> Self {
        Self {
            times_each: 1,
            mixtures: 0,
            trouble: Duration::from_secs(2),
            broker_freezes: vec![Duration::from_secs(5)],
            freezes: 20,
            storm: 30,
            overload: Duration::from_secs(10),
            schedules: 4,
            schedule: Duration::from_secs(8),
            soak: Duration::from_secs(30),
        }
    }

    /// What chance decides, a little of it.
    pub(crate) fn by_chance() -> Self {
        Self { times_each: 0, mixtures: 4, freezes: 10, schedules: 2, ..Self::short() }
    }
}

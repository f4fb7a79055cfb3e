//! The amounts of testing.

use std::time::Duration;

/// The number of clients per frontend and retry policy.
pub(crate) const CLIENTS_EACH: usize = 3;

/// The amounts of testing.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// Runs of each fault alone.
    pub(crate) runs_each: usize,
    /// Runs of random pairs.
    pub(crate) pairs: usize,
    /// The duration of faults.
    pub(crate) fault_duration: Duration,
    /// The durations of a broker's freeze.
    pub(crate) broker_freezes: Vec<Duration>,
    /// Freezes of an environment in a request.
    pub(crate) freezes: usize,
    /// Environments that start simultaneously.
    pub(crate) storm: usize,
    /// The duration of the overload.
    pub(crate) overload: Duration,
    /// Topics that are archived under faults.
    pub(crate) schedules: usize,
    /// The duration of faults for each such topic.
    pub(crate) schedule: Duration,
    /// Tables that are written under faults.
    pub(crate) tables: usize,
    /// The archived records of each such table.
    pub(crate) table_records: u64,
    /// The duration of faults for each such table.
    pub(crate) table: Duration,
    /// The duration of the soak test.
    pub(crate) soak: Duration,
}

impl Plan {
    /// The plan for `docs/reliability.md`.
    pub(crate) fn full() -> Self {
        Self {
            runs_each: 3,
            pairs: 20,
            fault_duration: Duration::from_secs(8),
            broker_freezes: [5, 20, 60].map(Duration::from_secs).into(),
            freezes: 200,
            storm: 200,
            overload: Duration::from_mins(1),
            schedules: 40,
            schedule: Duration::from_secs(15),
            tables: 20,
            table_records: 52_000,
            table: Duration::from_secs(20),
            soak: Duration::from_mins(30),
        }
    }

    /// The plan for every change: each kind of fault once.
    pub(crate) fn short() -> Self {
        Self {
            runs_each: 1,
            pairs: 0,
            fault_duration: Duration::from_secs(2),
            broker_freezes: vec![Duration::from_secs(5)],
            freezes: 20,
            storm: 30,
            overload: Duration::from_secs(10),
            schedules: 4,
            schedule: Duration::from_secs(8),
            tables: 1,
            table_records: 20_000,
            table: Duration::from_secs(12),
            soak: Duration::from_secs(30),
        }
    }

    /// A few random choices.
    pub(crate) fn random() -> Self {
        Self { runs_each: 0, pairs: 4, freezes: 10, schedules: 2, ..Self::short() }
    }
}

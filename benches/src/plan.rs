//! The extent of a run.

use std::time::Duration;

/// The extent of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Marks the document as a trial.
    pub(crate) quick: bool,
    /// Starts of each function.
    pub(crate) starts: usize,
    /// Frozen environments of each function.
    pub(crate) environments: usize,
    /// Passes of each candidate.
    pub(crate) passes: usize,
    /// The duration of a pass.
    pub(crate) pass: Duration,
    /// The duration of the warm-up pass.
    pub(crate) warm_up: Duration,
    /// The duration of a pass of [`crate::growth`].
    pub(crate) growth_pass: Duration,
    /// Requests of 6 MB to each function.
    pub(crate) largest: usize,
    /// Records that librdkafka writes one at a time.
    pub(crate) round_trips: usize,
    /// Records that librdkafka writes as fast as possible.
    pub(crate) throughput: usize,
    /// Records archived in large objects.
    pub(crate) archived: usize,
    /// Records archived in one object each.
    pub(crate) objects: usize,
    /// Rows of a Delta table.
    pub(crate) rows: usize,
}

impl Plan {
    /// The plan for the published figures.
    pub(crate) const FULL: Self = Self {
        quick: false,
        starts: 20,
        environments: 10,
        passes: 5,
        pass: Duration::from_secs(5),
        warm_up: Duration::from_secs(8),
        growth_pass: Duration::from_secs(2),
        largest: 5,
        round_trips: 20_000,
        throughput: 400_000,
        archived: 300_000,
        objects: 6_000,
        rows: 100_000,
    };

    /// A short plan to try out the benchmark.
    pub(crate) const QUICK: Self = Self {
        quick: true,
        starts: 3,
        environments: 2,
        passes: 2,
        pass: Duration::from_secs(1),
        warm_up: Duration::from_secs(1),
        growth_pass: Duration::from_secs(1),
        largest: 1,
        round_trips: 2_000,
        throughput: 50_000,
        archived: 30_000,
        objects: 300,
        rows: 10_000,
    };
}

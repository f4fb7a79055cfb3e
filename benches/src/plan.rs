//! How often and how long something is measured.

use std::time::Duration;

/// How often and how long something is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Whether it is for trying out.
    pub(crate) quick: bool,
    /// Starts of each function.
    pub(crate) starts: usize,
    /// Environments of each function that are frozen.
    pub(crate) environments: usize,
    /// Passes of everyone in turn.
    pub(crate) passes: usize,
    /// One pass.
    pub(crate) pass: Duration,
    /// Before the first pass.
    pub(crate) warm_up: Duration,
    /// Requests of 6 MB to each function.
    pub(crate) largest: usize,
    /// Records that librdkafka writes one after the other.
    pub(crate) round_trips: usize,
    /// Records that librdkafka writes as fast as it can.
    pub(crate) throughput: usize,
    /// Records that are archived in objects as large as they get.
    pub(crate) archived: usize,
    /// Records that are archived in an object each.
    pub(crate) objects: usize,
}

impl Plan {
    /// For figures.
    pub(crate) const FULL: Self = Self {
        quick: false,
        starts: 20,
        environments: 10,
        passes: 5,
        pass: Duration::from_secs(5),
        warm_up: Duration::from_secs(8),
        largest: 5,
        round_trips: 20_000,
        throughput: 400_000,
        archived: 300_000,
        objects: 6_000,
    };

    /// For trying out.
    pub(crate) const QUICK: Self = Self {
        quick: true,
        starts: 3,
        environments: 2,
        passes: 2,
        pass: Duration::from_secs(1),
        warm_up: Duration::from_secs(1),
        largest: 1,
        round_trips: 2_000,
        throughput: 50_000,
        archived: 30_000,
        objects: 300,
    };
}

//! The totals of all components.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use shared::metrics::{Metrics, Recorded, archive, emulator, ingest, tables};

use crate::samples::Second;

/// The totals at one moment. The names are those of the summary's JSON; most of them are metrics of the functions.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Totals {
    /// Posts sent by the emulator.
    pub(crate) posts: u64,
    pub(crate) records_written: u64,
    /// The records written over HTTP.
    #[serde(skip)]
    pub(crate) records_by_http: u64,
    /// The records written to pass-through topics, which are not archived.
    pub(crate) records_passed_through: u64,
    /// The records of rejected requests: one invalid record rejects all of its request.
    pub(crate) records_refused: u64,
    pub(crate) records_unconfirmed: u64,
    pub(crate) requests_refused: u64,
    /// The produce times of `ingest`. Absent from the JSON if it served no request.
    #[serde(skip_serializing_if = "Times::is_empty")]
    pub(crate) produce_time_ms: Times,
    pub(crate) records_archived: u64,
    /// Records dropped by Kafka before they were archived.
    pub(crate) records_lost: u64,
    pub(crate) objects: u64,
    pub(crate) quarantined: u64,
    /// Rows added to the tables.
    pub(crate) table_rows: u64,
    /// Data files added to the tables.
    #[serde(skip)]
    pub(crate) table_files: u64,
    /// Records that the last run of the archive left behind.
    #[serde(skip)]
    pub(crate) archive_lag: u64,
}

/// A summary of durations, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub(crate) struct Times {
    pub(crate) mean: f64,
    pub(crate) longest: f64,
    #[serde(skip)]
    count: u64,
}

impl Times {
    const fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn add(&mut self, values: &[f64]) {
        for value in values {
            self.count += 1;
            self.mean += (value - self.mean) / self.count as f64;
            self.longest = self.longest.max(*value);
        }
    }
}

impl Totals {
    fn add(&mut self, recorded: &Recorded) {
        self.posts += recorded.sum(&emulator::POSTS_SENT);
        for (total, metrics) in [
            (&mut self.records_written, [&ingest::RECORDS_WRITTEN, &emulator::RECORDS_WRITTEN]),
            (&mut self.records_refused, [&ingest::RECORDS_REFUSED, &emulator::RECORDS_REFUSED]),
            (&mut self.records_unconfirmed, [&ingest::RECORDS_UNCONFIRMED, &emulator::RECORDS_UNCONFIRMED]),
        ] {
            *total += metrics.map(|metric| recorded.sum(metric)).iter().sum::<u64>();
        }
        self.records_by_http += recorded.sum(&ingest::RECORDS_WRITTEN);
        self.records_passed_through += recorded.sum_by(&ingest::RECORDS_WRITTEN, ingest::PASS_THROUGH);
        self.requests_refused += recorded.sum(&ingest::REQUESTS_REFUSED);
        self.produce_time_ms.add(recorded.measured(&ingest::PRODUCE_TIME));
        self.records_archived += recorded.sum(&archive::RECORDS_ARCHIVED);
        self.records_lost += recorded.sum(&archive::RECORDS_LOST);
        self.objects += recorded.sum(&archive::OBJECTS_STORED);
        self.quarantined += recorded.sum(&archive::RECORDS_QUARANTINED);
        self.table_rows += recorded.sum(&tables::ROWS_ADDED);
        self.table_files += recorded.sum(&tables::FILES_ADDED);
        self.archive_lag = recorded.gauge(&archive::ARCHIVE_LAG).unwrap_or(self.archive_lag);
    }
}

/// Sums the metrics of all components. Clones share the sums.
#[derive(Debug, Clone, Default)]
pub(crate) struct RunningTotals {
    /// The metrics that the components record.
    pub(crate) metrics: Metrics,
    sums: Arc<Mutex<Sums>>,
}

#[derive(Debug, Default)]
struct Sums {
    totals: Totals,
    second: Second,
}

impl RunningTotals {
    pub(crate) fn snapshot(&self) -> Totals {
        self.up_to_date().totals.clone()
    }

    /// Returns the totals, and the metrics recorded since the last call.
    pub(crate) fn take_second(&self) -> (Totals, Second) {
        let mut sums = self.up_to_date();
        (sums.totals.clone(), std::mem::take(&mut sums.second))
    }

    fn up_to_date(&self) -> MutexGuard<'_, Sums> {
        // Nothing panics while it holds the lock.
        let mut sums = self.sums.lock().unwrap_or_else(PoisonError::into_inner);
        let recorded = self.metrics.take();
        sums.totals.add(&recorded);
        sums.second.add(&recorded);
        sums
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn metrics_are_summed_once_however_often_the_totals_are_read() {
        let running_totals = RunningTotals::default();
        let RunningTotals { metrics, .. } = &running_totals;
        for milliseconds in [1, 2, 6] {
            metrics.add_by(&ingest::RECORDS_WRITTEN, "pin", 2);
            metrics.add(&emulator::RECORDS_WRITTEN, 3);
            metrics.record_duration(&ingest::PRODUCE_TIME, Duration::from_millis(milliseconds));
            metrics.set(&archive::ARCHIVE_LAG, 10 - milliseconds);
            running_totals.snapshot();
        }
        let totals = running_totals.snapshot();
        assert_eq!((totals.records_written, totals.archive_lag), (15, 4));
        assert_eq!(totals.produce_time_ms, Times { mean: 3.0, longest: 6.0, count: 3 });
    }
}

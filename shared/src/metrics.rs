//! The metrics of the functions.
//!
//! [`CATALOG`] lists all of them. Any part of a function records to a [`Metrics`]. At the end of an invocation
//! [`Metrics::flush`] prints the values for CloudWatch; `local` takes and sums them instead.

use std::{
    borrow::Cow,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

mod catalog;
mod emf;
mod recorded;

pub use catalog::{CATALOG, Metric, Unit, archive, emulator, ingest, producer, tables};
pub use emf::{FUNCTION_NAME, NAMESPACE};
pub use recorded::Recorded;
use recorded::Values;

/// A recorder of metrics. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Recorded>>);

impl Metrics {
    /// Adds `count` to a counter.
    pub fn add(&self, metric: &'static Metric, count: u64) {
        self.lock().add(None, metric, count);
    }

    /// Adds `count` to a counter, for `value` of its own dimension. The values must be a bounded vocabulary: CloudWatch stores,
    /// and bills, one metric for each.
    pub fn add_by(&self, metric: &'static Metric, value: impl Into<Cow<'static, str>>, count: u64) {
        self.lock().add(metric.dimension.map(|dimension| (dimension, value.into())), metric, count);
    }

    /// Sets a gauge. A flush reports its last value, also when that is 0.
    pub fn set(&self, metric: &'static Metric, value: u64) {
        self.lock().0.entry(None).or_default().insert(metric, Values::One(value));
    }

    /// Records a duration, to the microsecond.
    pub fn record_duration(&self, metric: &'static Metric, time: Duration) {
        let milliseconds = time.as_micros() as f64 / 1e3;
        let mut recorded = self.lock();
        match recorded.0.entry(None).or_default().entry(metric).or_insert_with(|| Values::Each(Vec::new())) {
            Values::Each(values) => values.push(milliseconds),
            // A metric is either a counter or a measurement.
            Values::One(_) => {}
        }
    }

    /// Takes the values recorded since they were last taken.
    #[must_use]
    pub fn take(&self) -> Recorded {
        std::mem::take(&mut self.lock())
    }

    /// Prints the values recorded since they were last taken, if there are any. CloudWatch reads them from the log of `function`.
    #[expect(clippy::print_stdout, reason = "a function's standard output is its log")]
    pub fn flush(&self, function: &str) {
        #[expect(clippy::disallowed_methods, reason = "only the timestamp of the values")]
        let now = SystemTime::now();
        print!("{}", self.take().lines(function, now));
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        // No code panics under the lock with a half-written value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_values_are_summed_over_the_dimension_and_taken_once() {
        let metrics = Metrics::default();
        metrics.add_by(&ingest::RECORDS_WRITTEN, "pin", 2);
        metrics.clone().add_by(&ingest::RECORDS_WRITTEN, "geo", 3);
        metrics.add(&ingest::RECORDS_UNCONFIRMED, 0);
        metrics.set(&archive::ARCHIVE_LAG, 7);
        metrics.set(&archive::ARCHIVE_LAG, 0);
        metrics.record_duration(&ingest::PRODUCE_TIME, Duration::from_nanos(1_234_567));
        let recorded = metrics.take();
        assert_eq!(recorded.sum(&ingest::RECORDS_WRITTEN), 5);
        let by = ["pin", "geo", "user"].map(|kind| recorded.sum_by(&ingest::RECORDS_WRITTEN, kind));
        assert_eq!(by, [2, 3, 0]);
        let sums: Vec<_> = recorded.sums(&ingest::RECORDS_WRITTEN).collect();
        assert_eq!(sums, [("geo", 3), ("pin", 2)]);
        assert_eq!(recorded.gauge(&archive::ARCHIVE_LAG), Some(0));
        assert_eq!(recorded.measured(&ingest::PRODUCE_TIME), [1.234]);
        assert_eq!(recorded.sum(&emulator::RECORDS_WRITTEN), 0, "a metric of another function");
        assert_eq!(metrics.take(), Recorded::default());
    }
}

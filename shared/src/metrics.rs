//! What the functions count and measure.
//!
//! [`CATALOG`] is the whole list. Any part of a function writes to a [`Metrics`]; at the end of an invocation
//! [`Metrics::flush`] prints what was recorded for CloudWatch, while `local` takes it and sums it up.

use std::{
    borrow::Cow,
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

mod catalog;
mod emf;

pub use catalog::{CATALOG, Metric, Unit, archive, emulator, ingest, producer};
pub use emf::{FUNCTION_NAME, NAMESPACE};

/// Records what happens. A clone is the same recorder.
#[derive(Debug, Clone, Default)]
pub struct Metrics(Arc<Mutex<Recorded>>);

/// What was recorded since it was last taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded(BTreeMap<Label, BTreeMap<&'static Metric, Values>>);

/// The dimension beside [`FUNCTION_NAME`] and its value, for a metric that has one.
type Label = Option<(&'static str, Cow<'static, str>)>;

#[derive(Debug, Clone, PartialEq)]
enum Values {
    /// Of what is counted, or of a state that is as it is now.
    One(u64),
    /// Of what is measured each time.
    Each(Vec<f64>),
}

impl Metrics {
    /// Counts `count` more.
    pub fn add(&self, metric: &'static Metric, count: u64) {
        self.lock().add(None, metric, count);
    }

    /// Counts `count` more under `value` of the metric's own dimension. The values are a bounded vocabulary: CloudWatch keeps,
    /// and bills, a metric for each.
    pub fn add_by(&self, metric: &'static Metric, value: impl Into<Cow<'static, str>>, count: u64) {
        self.lock().add(metric.dimension.map(|dimension| (dimension, value.into())), metric, count);
    }

    /// Notes a state: the last one before a flush counts, also when it is 0.
    pub fn set(&self, metric: &'static Metric, state: u64) {
        self.lock().0.entry(None).or_default().insert(metric, Values::One(state));
    }

    /// Notes how long something took, to the microsecond.
    pub fn took(&self, metric: &'static Metric, time: Duration) {
        let milliseconds = time.as_micros() as f64 / 1e3;
        let mut recorded = self.lock();
        match recorded.0.entry(None).or_default().entry(metric).or_insert_with(|| Values::Each(Vec::new())) {
            Values::Each(values) => values.push(milliseconds),
            // A metric is either counted or measured.
            Values::One(_) => {}
        }
    }

    /// Takes what was recorded since the last time.
    #[must_use]
    pub fn take(&self) -> Recorded {
        std::mem::take(&mut self.lock())
    }

    /// Prints what was recorded since the last time, for CloudWatch to read out of the log of `function`; nothing when nothing
    /// was.
    #[expect(clippy::print_stdout, reason = "a function's standard output is its log")]
    pub fn flush(&self, function: &str) {
        #[expect(clippy::disallowed_methods, reason = "dates the values, decides nothing")]
        let now = SystemTime::now();
        print!("{}", self.take().lines(function, now));
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        // Nothing panics while it holds the lock with a value half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recorded {
    /// What was counted of `metric`, over all values of its dimension; 0 when nothing was.
    #[must_use]
    pub fn sum(&self, metric: &'static Metric) -> u64 {
        self.of(metric).map(|values| if let Values::One(count) = values { *count } else { 0 }).sum()
    }

    /// What was counted of `metric` under `value` of its dimension.
    #[must_use]
    pub fn sum_by(&self, metric: &'static Metric, value: &'static str) -> u64 {
        let label = metric.dimension.map(|dimension| (dimension, Cow::Borrowed(value)));
        let values = self.0.get(&label).and_then(|metrics| metrics.get(metric));
        values.map_or(0, |values| if let Values::One(count) = values { *count } else { 0 })
    }

    /// What was counted of `metric` under each value of its dimension.
    pub fn sums(&self, metric: &'static Metric) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter_map(move |(label, metrics)| match (label, metrics.get(metric)) {
            (Some((_, value)), Some(Values::One(count))) => Some((&**value, *count)),
            _ => None,
        })
    }

    /// The state that was noted of `metric`, if one was.
    #[must_use]
    pub fn state(&self, metric: &'static Metric) -> Option<u64> {
        self.of(metric).find_map(|values| if let Values::One(state) = values { Some(*state) } else { None })
    }

    /// What was measured of `metric`, in its unit.
    #[must_use]
    pub fn measured(&self, metric: &'static Metric) -> &[f64] {
        self.of(metric)
            .find_map(|values| if let Values::Each(values) = values { Some(&values[..]) } else { None })
            .unwrap_or_default()
    }

    fn of(&self, metric: &'static Metric) -> impl Iterator<Item = &Values> {
        self.0.values().filter_map(move |metrics| metrics.get(metric))
    }

    fn add(&mut self, label: Label, metric: &'static Metric, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.entry(label).or_default().entry(metric).or_insert(Values::One(0)) {
            Values::One(sum) => *sum += count,
            // A metric is either counted or measured.
            Values::Each(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_is_summed_over_its_dimension_and_not_taken_again() {
        let metrics = Metrics::default();
        metrics.add_by(&ingest::RECORDS_WRITTEN, "pin", 2);
        metrics.clone().add_by(&ingest::RECORDS_WRITTEN, "geo", 3);
        metrics.add(&ingest::RECORDS_UNCONFIRMED, 0);
        metrics.set(&archive::ARCHIVE_LAG, 7);
        metrics.set(&archive::ARCHIVE_LAG, 0);
        metrics.took(&ingest::PRODUCE_TIME, Duration::from_nanos(1_234_567));
        let recorded = metrics.take();
        assert_eq!(recorded.sum(&ingest::RECORDS_WRITTEN), 5);
        let by = ["pin", "geo", "user"].map(|kind| recorded.sum_by(&ingest::RECORDS_WRITTEN, kind));
        assert_eq!(by, [2, 3, 0]);
        let sums: Vec<_> = recorded.sums(&ingest::RECORDS_WRITTEN).collect();
        assert_eq!(sums, [("geo", 3), ("pin", 2)]);
        assert_eq!(recorded.state(&archive::ARCHIVE_LAG), Some(0));
        assert_eq!(recorded.measured(&ingest::PRODUCE_TIME), [1.234]);
        assert_eq!(recorded.sum(&emulator::RECORDS_WRITTEN), 0, "another function's");
        assert_eq!(metrics.take(), Recorded::default());
    }
}

//! The values of the metrics recorded since the last flush.

use std::{borrow::Cow, collections::BTreeMap};

use super::catalog::Metric;

/// The values recorded since they were last taken.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recorded(pub(super) BTreeMap<Label, BTreeMap<&'static Metric, Values>>);

/// A metric's own dimension with its value; `None` for a metric without one.
pub(super) type Label = Option<(&'static str, Cow<'static, str>)>;

/// The values of one metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Values {
    /// The sum of a counter, or the last value of a gauge.
    One(u64),
    /// Every measurement.
    Each(Vec<f64>),
}

impl Recorded {
    /// The count of `metric` over all values of its dimension.
    #[must_use]
    pub fn sum(&self, metric: &'static Metric) -> u64 {
        self.values(metric).map(|values| if let Values::One(count) = values { *count } else { 0 }).sum()
    }

    /// The count of `metric` for `value` of its dimension.
    #[must_use]
    pub fn sum_by(&self, metric: &'static Metric, value: &'static str) -> u64 {
        let label = metric.dimension.map(|dimension| (dimension, Cow::Borrowed(value)));
        let values = self.0.get(&label).and_then(|metrics| metrics.get(metric));
        values.map_or(0, |values| if let Values::One(count) = values { *count } else { 0 })
    }

    /// The counts of `metric` for each value of its dimension.
    pub fn sums(&self, metric: &'static Metric) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter_map(move |(label, metrics)| match (label, metrics.get(metric)) {
            (Some((_, value)), Some(Values::One(count))) => Some((&**value, *count)),
            _ => None,
        })
    }

    /// The last value of the gauge `metric`, if it was set.
    #[must_use]
    pub fn gauge(&self, metric: &'static Metric) -> Option<u64> {
        self.values(metric).find_map(|values| if let Values::One(value) = values { Some(*value) } else { None })
    }

    /// The measurements of `metric`, in its unit.
    #[must_use]
    pub fn measured(&self, metric: &'static Metric) -> &[f64] {
        self.values(metric)
            .find_map(|values| if let Values::Each(values) = values { Some(&values[..]) } else { None })
            .unwrap_or_default()
    }

    fn values(&self, metric: &'static Metric) -> impl Iterator<Item = &Values> {
        self.0.values().filter_map(move |metrics| metrics.get(metric))
    }

    /// Adds `count` to a counter.
    pub(super) fn add(&mut self, label: Label, metric: &'static Metric, count: u64) {
        if count == 0 {
            return;
        }
        match self.0.entry(label).or_default().entry(metric).or_insert(Values::One(0)) {
            Values::One(sum) => *sum += count,
            // A metric is either a counter or a measurement.
            Values::Each(_) => {}
        }
    }
}

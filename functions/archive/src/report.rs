//! The result of a run or an event.

use std::{collections::BTreeMap, time::Duration};

use serde::Serialize;
use shared::{
    error_chain::Failures,
    metrics::{
        Metrics,
        archive::{
            ARCHIVE_LAG, OBJECTS_STORED, PARTITIONS_FAILED, PARTITIONS_LEFT, RECORDS_ARCHIVED, RECORDS_LOST,
            RECORDS_QUARANTINED,
        },
    },
};

use crate::{failure::Failure, layout::TopicPartition, store::Counts};

/// The result of a run or an event: the function's response.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// By topic.
    pub topics: BTreeMap<String, Counts>,
    /// Partitions not finished before the deadline. The next run continues them.
    pub left_behind: Vec<TopicPartition>,
    /// Offsets that the topics held at a run's start and that are not archived at its end, where both ends are known.
    pub lag: Option<u64>,
    /// All failures. Other partitions may be stored nonetheless.
    pub failures: Vec<Failure>,
    /// The duration.
    pub seconds: f64,
}

impl Report {
    /// The sum over all topics.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.topics.values().copied().fold(Counts::default(), Counts::plus)
    }

    /// Returns the report, or an error if anything failed, so that Lambda counts one.
    ///
    /// # Errors
    /// When there is a failure.
    pub fn into_result(self) -> Result<Self, Failures> {
        Failures::check(&self.failures)?;
        Ok(self)
    }

    /// Adds the report's figures to `metrics`.
    pub fn record(&self, metrics: &Metrics) {
        let Counts { records, objects, quarantined, lost, value_bytes: _ } = self.total();
        metrics.add(&RECORDS_ARCHIVED, records);
        metrics.add(&OBJECTS_STORED, objects);
        metrics.add(&RECORDS_QUARANTINED, quarantined);
        metrics.add(&RECORDS_LOST, lost);
        metrics.add(&PARTITIONS_LEFT, self.left_behind.len() as u64);
        metrics.add(&PARTITIONS_FAILED, self.failures.len() as u64);
        if let Some(lag) = self.lag {
            metrics.set(&ARCHIVE_LAG, lag);
        }
    }

    pub(crate) fn count(&mut self, topic: &str, counts: Counts) {
        let sum = self.topics.entry(topic.to_owned()).or_default();
        *sum = sum.plus(counts);
    }

    /// Completes the report and logs it.
    pub(crate) fn finish(mut self, took: Duration, message: &'static str) -> Self {
        self.seconds = took.as_secs_f64();
        let Counts { records, objects, quarantined, lost, value_bytes } = self.total();
        tracing::info!(
            records,
            objects,
            quarantined,
            lost,
            size_bytes = value_bytes,
            left_behind = self.left_behind.len(),
            lag = self.lag,
            failures = self.failures.len(),
            duration_ms = took.as_secs_f64() * 1e3,
            "{message}"
        );
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn a_failure_is_displayed_in_one_line_with_each_cause_once() {
        let xml = "Server returned 404: <?xml?>\n<Error>NoSuchBucket</Error>";
        let source = object_store::Error::Generic { store: "S3", source: xml.into() };
        let partition = TopicPartition { topic: "a.pin".to_owned(), partition: 0 };
        let report =
            Report { failures: vec![Failure::Store(partition, StoreError::Storage(source))], ..Report::default() };
        assert_eq!(
            report.into_result().unwrap_err().to_string(),
            "a.pin-0: the archive cannot be read or written: Generic S3 error: Server returned 404: <?xml?> \
             <Error>NoSuchBucket</Error>"
        );
    }
}

//! What a run or an event came to.

use std::{collections::BTreeMap, error::Error, fmt, time::Duration};

use serde::{Serialize, Serializer};
use shared::{
    causes::in_one_line,
    metrics::{
        Metrics,
        archive::{
            ARCHIVE_LAG, OBJECTS_STORED, PARTITIONS_FAILED, PARTITIONS_LEFT, RECORDS_ARCHIVED, RECORDS_LOST,
            RECORDS_QUARANTINED,
        },
    },
};

use crate::{
    event::EventError,
    layout::TopicPartition,
    reader::ReadError,
    store::{Counts, StoreError},
};

/// Why a partition, or more, could not be archived.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Nothing is known about any topic.
    #[error("the topics cannot be listed")]
    Topics(#[source] ReadError),
    /// A topic of ours is not there.
    #[error("the topic {0} does not exist")]
    NoTopic(String),
    /// An event brought a topic that is not ours.
    #[error("the topic {0} is not one of USER_IDS' topics: does the event source mapping name another one?")]
    ForeignTopic(String),
    /// Kafka failed.
    #[error("{0}")]
    Read(TopicPartition, #[source] ReadError),
    /// The event cannot be read.
    #[error("{0}")]
    Event(String, #[source] EventError),
    /// Storing failed.
    #[error("{0}")]
    Store(TopicPartition, #[source] StoreError),
    /// An event has to be delivered again: a later one would not bring what is missing.
    #[error("{0} was not done in time")]
    OutOfTime(TopicPartition),
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&in_one_line(self))
    }
}

/// What a run or an event came to: the function's answer.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// By topic.
    pub topics: BTreeMap<String, Counts>,
    /// Partitions that the time was too short for. The next run goes on there.
    pub left_behind: Vec<TopicPartition>,
    /// Offsets that were in the topics as a run began and are not archived as it ends, where Kafka and the archive could be asked.
    pub lag: Option<u64>,
    /// Everything that failed, whatever was stored beside it.
    pub failures: Vec<Failure>,
    /// How long it took.
    pub seconds: f64,
}

impl Report {
    /// All topics together.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.topics.values().copied().fold(Counts::default(), Counts::plus)
    }

    /// The report, unless anything failed: then it is an error, so that Lambda counts one.
    ///
    /// # Errors
    /// When there is a failure.
    pub fn into_result(self) -> Result<Self, Failed> {
        if self.failures.is_empty() { Ok(self) } else { Err(Failed { report: self }) }
    }

    /// Counts in `metrics` what it came to.
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

    /// Ends the report, and writes its line to the log.
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

/// A run or an event that failed for at least one partition, a line each.
#[derive(Debug)]
pub struct Failed {
    /// With what was stored all the same.
    pub report: Report,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.report.failures.iter().map(|failure| in_one_line(failure)).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl Error for Failed {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_told_in_one_line_with_its_causes_once() {
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

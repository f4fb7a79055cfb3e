//! Detects acknowledgements that may be of an earlier record, because librdkafka 2.12.1 may reuse sequence numbers.
//!
//! When a broker denies a write, librdkafka removes the topic's partitions, and creates them again from the next metadata with
//! the sequence numbers that they had when they were removed. Until then, records that were queued may still be sent, and be written
//! with the next numbers. A broker that gets such a number again takes the new record for a duplicate:
//! it acknowledges it with the offset of the earlier one, and does not write it.

use std::{
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use rdkafka::error::{KafkaError, RDKafkaErrorCode};

use super::deliveries::{DeliveryReport, Undelivered};
use crate::publish::{UNKNOWN_OFFSET, Written};

/// The reports of one connection.
#[derive(Debug, Default)]
pub(super) struct WriteHistory {
    topics: Mutex<HashMap<String, TopicHistory>>,
    may_reuse_sequences: AtomicBool,
}

#[derive(Debug, Default)]
struct TopicHistory {
    /// The last acknowledged offset of each partition.
    offsets: HashMap<i32, i64>,
    /// A record was denied.
    denied: bool,
    /// A record was written, or may have been.
    written: bool,
}

impl WriteHistory {
    /// Adds a report and returns it, or a failure if it is an acknowledgement that may be of an earlier record.
    pub(super) fn add(&self, topic: &str, report: DeliveryReport) -> DeliveryReport {
        let mut topics = self.topics.lock().unwrap_or_else(PoisonError::into_inner);
        let history = match topics.get_mut(topic) {
            Some(history) => history,
            None => topics.entry(topic.to_owned()).or_default(),
        };
        let is_doubtful = history.add(&report);
        if is_doubtful || history.may_reuse_sequences() {
            self.may_reuse_sequences.store(true, Ordering::Relaxed);
        }
        match report {
            Ok(Written { partition, offset, .. }) if is_doubtful => {
                tracing::warn!(topic, partition, offset, "not a reliable acknowledgement");
                let error = KafkaError::MessageProduction(RDKafkaErrorCode::DuplicateSequenceNumber);
                Err(Undelivered { error, may_be_written: true })
            }
            report => report,
        }
    }

    /// Returns whether the connection should not be used for new records.
    pub(super) fn may_reuse_sequences(&self) -> bool {
        self.may_reuse_sequences.load(Ordering::Relaxed)
    }
}

impl TopicHistory {
    /// Adds a report, and returns whether it is an acknowledgement that may be of an earlier record.
    fn add(&mut self, report: &DeliveryReport) -> bool {
        match report {
            Ok(Written { partition, offset, .. }) => {
                let last = self.offsets.entry(*partition).or_insert(UNKNOWN_OFFSET);
                // Within a partition, librdkafka reports in the order of offsets.
                let is_repeated = *offset != UNKNOWN_OFFSET && offset <= last;
                *last = *offset.max(last);
                let is_doubtful = is_repeated || self.may_reuse_sequences();
                self.written = true;
                is_doubtful
            }
            Err(Undelivered { error, may_be_written }) => {
                self.written |= may_be_written;
                self.denied |= error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed);
                false
            }
        }
    }

    const fn may_reuse_sequences(&self) -> bool {
        self.denied && self.written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "the type of a report")]
    fn written(partition: i32, offset: i64) -> DeliveryReport {
        Ok(Written { partition, offset, timestamp_ms: None })
    }

    fn failed(code: RDKafkaErrorCode, may_be_written: bool) -> DeliveryReport {
        Err(Undelivered { error: KafkaError::MessageProduction(code), may_be_written })
    }

    #[test]
    fn an_offset_that_is_not_new_is_no_acknowledgement() {
        let history = WriteHistory::default();
        for (partition, offset) in [(0, 7), (0, 9), (1, 7), (0, UNKNOWN_OFFSET), (0, 10)] {
            assert_eq!(history.add("u.pin", written(partition, offset)), written(partition, offset));
            assert_eq!(history.add("u.geo", written(partition, offset)), written(partition, offset));
        }
        assert!(!history.may_reuse_sequences());
        for (partition, offset) in [(0, 10), (1, 6)] {
            let report = history.add("u.pin", written(partition, offset));
            assert_eq!(report, failed(RDKafkaErrorCode::DuplicateSequenceNumber, true));
        }
        assert_eq!(history.add("u.pin", written(0, 11)), written(0, 11));
        assert!(history.may_reuse_sequences());
    }

    #[test]
    fn a_topic_that_was_both_denied_and_written_to_has_no_reliable_acknowledgements() {
        let denied = || failed(RDKafkaErrorCode::TopicAuthorizationFailed, false);
        let unconfirmed = || failed(RDKafkaErrorCode::MessageTimedOut, true);
        let unsent = || failed(RDKafkaErrorCode::MessageTimedOut, false);
        let cases: [(&[(&str, DeliveryReport)], bool); 6] = [
            (&[("a", denied()), ("a", denied()), ("a", unsent())], false),
            (&[("a", denied()), ("b", written(0, 0))], false),
            (&[("a", unconfirmed()), ("a", written(0, 0))], false),
            (&[("a", denied()), ("a", written(0, UNKNOWN_OFFSET))], true),
            (&[("a", written(0, 0)), ("a", denied())], true),
            (&[("a", unconfirmed()), ("a", denied())], true),
        ];
        for (reports, reuse) in cases {
            let history = WriteHistory::default();
            for (topic, report) in reports {
                assert_eq!(&history.add(topic, report.clone()), report);
            }
            assert_eq!(history.may_reuse_sequences(), reuse, "{reports:?}");
            assert_eq!(history.add("a", written(1, 5)).is_err(), reuse, "{reports:?}");
        }
    }
}

//! The failures that a report lists.

use serde::{Serialize, Serializer};
use shared::error_chain::one_line;

use crate::{layout::TopicPartition, reader::ReadError, store::StoreError};

/// A failure to archive one or more partitions.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// Kafka did not list the topics.
    #[error("the topics cannot be listed")]
    Topics(#[source] ReadError),
    /// A user id's topic does not exist.
    #[error("the topic {0} does not exist")]
    NoTopic(String),
    /// An event delivered records of another topic.
    #[error("the topic {0} does not belong to USER_IDS: does the event source mapping name another topic?")]
    ForeignTopic(String),
    /// Kafka could not be read.
    #[error("{0}")]
    Read(TopicPartition, #[source] ReadError),
    /// An event's record could not be decoded.
    #[error("{0}")]
    Event(String, #[source] EventError),
    /// The records could not be stored.
    #[error("{0}")]
    Store(TopicPartition, #[source] StoreError),
    /// The event must be redelivered: no later one brings its missing records.
    #[error("{0} was not finished in time")]
    OutOfTime(TopicPartition),
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&one_line(self))
    }
}

/// The error of decoding an event's record.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Lambda always sends one.
    #[error("a record has no topic")]
    Topic,
    /// Kafka's partitions are 31-bit numbers.
    #[error("a record has the partition {0}")]
    Partition(i64),
    /// Kafka's offsets begin at 0.
    #[error("a record has the offset {0}")]
    Offset(i64),
    /// Lambda always sends base64.
    #[error("the value of offset {offset} is not base64")]
    Value {
        /// The record's offset.
        offset: i64,
        /// The decoder's error.
        #[source]
        source: base64::DecodeError,
    },
}

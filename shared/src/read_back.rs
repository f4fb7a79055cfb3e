//! Records read back from topics, without a consumer group.

use std::{future::Future, time::Duration};

use bytes::Bytes;

use crate::{metadata::DescribeError, publish::Header};

/// The first offset to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// The first record that Kafka still keeps.
    Earliest,
    /// The next record to be written.
    Latest,
    /// This offset, from 0.
    Offset(i64),
    /// This many records before the end, or the earliest.
    FromEnd(i64),
}

/// The records to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// The records of a partition from here on, in their order.
    From {
        /// The partition, which has to exist.
        partition: i32,
        /// The first record.
        start: Start,
    },
    /// The newest records of these partitions by their timestamps, the newest last.
    Newest {
        /// The partitions, which have to exist.
        partitions: Vec<i32>,
    },
}

/// The limits of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadLimits {
    /// The most records.
    pub records: usize,
    /// The size of keys, values and headers, in bytes, after which no further record is read.
    pub bytes: usize,
    /// The time to wait for a first record if there is none.
    pub wait: Duration,
}

/// A record as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// The partition, from 0.
    pub partition: i32,
    /// The offset, from 0.
    pub offset: i64,
    /// The producer's or the broker's timestamp, depending on the topic's setting, in milliseconds since 1970; `None` if unknown.
    pub timestamp_ms: Option<i64>,
    /// The key; `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// The value; `None` is Kafka's null.
    pub value: Option<Bytes>,
    /// The headers, in their order.
    pub headers: Vec<Header>,
}

/// The bytes that a record or a header takes in memory or in a response, without its content. Thousands of headers may be empty.
const ENTRY_BYTES: usize = 64;

impl StoredRecord {
    /// The approximate size in memory, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let header = |Header { name, value }: &Header| ENTRY_BYTES + name.len() + size(value);
        ENTRY_BYTES + size(&self.key) + size(&self.value) + self.headers.iter().map(header).sum::<usize>()
    }
}

/// The records that were read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRecords {
    /// Committed records only.
    pub records: Vec<StoredRecord>,
    /// The offset from which to read on, if one partition was read.
    pub next_offset: Option<i64>,
}

/// The reason why no records were read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadBackError {
    /// The topic cannot be read.
    #[error(transparent)]
    Describe(#[from] DescribeError),
    /// As many reads as this process has consumers for are in progress. Nothing was read.
    #[error("too many reads at once: retry later")]
    Busy,
    /// The partition has no such offset.
    #[error("offset {offset} is not in the partition, which has {first} to {end}")]
    OutOfRange {
        /// The requested offset.
        offset: i64,
        /// The first offset that Kafka still keeps.
        first: i64,
        /// The offset of the next record to be written.
        end: i64,
    },
}

/// Reads records back from topics. Reads share no state, and delay no record that is being written.
pub trait ReadBack: Send + Sync + 'static {
    /// Reads records of a topic. Kafka has `within`, besides [`ReadLimits::wait`], to respond.
    fn read_back(
        &self,
        topic: &str,
        selection: Selection,
        limits: ReadLimits,
        within: Duration,
    ) -> impl Future<Output = Result<ReadRecords, ReadBackError>> + Send;
}

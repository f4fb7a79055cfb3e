//! Records to be written to topics, and their outcomes.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

/// A record to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// The topic's name, shared by the records of a request.
    pub topic: Arc<str>,
    /// The partition; `None` leaves the choice to the partitioner (murmur2 of the key, like the Java client).
    pub partition: Option<i32>,
    /// The key; `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// The value; `None` is Kafka's null.
    pub value: Option<Bytes>,
    /// The timestamp, in milliseconds since 1970, above 0; `None` is the time at which the producer receives the record.
    pub timestamp_ms: Option<i64>,
    /// The headers, in this order. Names may repeat.
    pub headers: Vec<Header>,
}

/// A record's header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The name, which need not be unique.
    pub name: String,
    /// The value; `None` is Kafka's null.
    pub value: Option<Bytes>,
}

impl ProducerRecord {
    /// The size of key, value and headers, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter().map(|Header { name, value }| name.len() + size(value)).sum::<usize>();
        size(&self.key) + size(&self.value) + headers
    }
}

/// The offset of a record that the brokers confirmed only by acknowledging a later one of the same producer. The Java client
/// uses the same number.
pub const UNKNOWN_OFFSET: i64 = -1;

/// The position at which a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// The partition, from 0.
    pub partition: i32,
    /// The offset, from 0, or [`UNKNOWN_OFFSET`].
    pub offset: i64,
    /// The record's or the broker's timestamp, depending on the topic's setting, in milliseconds since 1970; `None` if unknown.
    pub timestamp_ms: Option<i64>,
}

/// The reason why a record was not acknowledged. `ingest` puts the message into the record's entry of the response as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The record may or may not be written: the brokers did not respond in time, or reported a transient error.
    #[error("not confirmed in time: it may have been written; a retry may duplicate it")]
    Unconfirmed,
    /// Not written: the topic does not exist on the cluster.
    #[error("the topic does not exist on the cluster; retry once it has been created")]
    NoSuchTopic,
    /// Not written: the topic has no such partition.
    #[error("the topic has no such partition")]
    NoSuchPartition,
    /// Not written: the record is larger than the topic allows.
    #[error("the record is larger than the topic allows (max.message.bytes)")]
    TooLarge,
    /// Not written: the cluster rejected the record permanently, for a reason that no client can fix.
    #[error("the cluster rejected the record")]
    Refused,
    /// Not written: the brokers rejected our credentials, or there were none.
    #[error("authentication to the cluster failed")]
    Unauthenticated,
    /// Not written: our identity has no permission to write to the topic.
    #[error("the cluster does not allow writing to this topic")]
    Unauthorized,
}

impl Failure {
    /// All failures.
    pub const ALL: [Self; 7] = [
        Self::Unconfirmed,
        Self::NoSuchTopic,
        Self::NoSuchPartition,
        Self::TooLarge,
        Self::Refused,
        Self::Unauthenticated,
        Self::Unauthorized,
    ];
}

/// The outcome of one record.
pub type Outcome = Result<Written, Failure>;

/// Writes records to their topics.
pub trait Publish: Send + Sync + 'static {
    /// Writes `records` and returns the outcome of each, in their order. A record is [`Written`] when all in-sync replicas
    /// hold it, and [`Failure::Unconfirmed`] if its outcome is unknown at `deadline`.
    ///
    /// # Cancellation
    /// The records of a dropped future may or may not be written, now or later.
    fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// The reason why Kafka is unavailable. `ingest` answers with the message alone; the source is for the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No broker responded.
    #[error("no Kafka broker answered within {:.1} s", .within.as_secs_f32())]
    NoResponse {
        /// The time that was waited.
        within: Duration,
        /// The last error of a connection, if one was reported.
        source: Option<LastError>,
    },
    /// The brokers rejected our credentials, or there were none.
    #[error("Kafka rejected the authentication")]
    AuthenticationFailed,
}

/// The last error of a connection, in the words of the broker or the client library.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LastError(pub String);

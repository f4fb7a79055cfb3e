//! Records on their way to a topic, and what became of each.

use std::{future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

/// One message to be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProducerRecord {
    /// Shared by the records of a request.
    pub topic: Arc<str>,
    /// `None` leaves the choice to the partitioner (murmur2 of the key, as the Java client).
    pub partition: Option<i32>,
    /// `None` is Kafka's null.
    pub key: Option<Bytes>,
    /// `None` is Kafka's null.
    pub value: Option<Bytes>,
    /// Milliseconds since 1970, above 0. `None` stands for the moment in which it is handed over.
    pub timestamp_ms: Option<i64>,
    /// In this order; names may repeat.
    pub headers: Vec<Header>,
}

/// What stands beside a record's key and value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Not unique.
    pub name: String,
    /// `None` is Kafka's null.
    pub value: Option<Bytes>,
}

impl ProducerRecord {
    /// Key, value and headers, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let size = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
        let headers = self.headers.iter().map(|Header { name, value }| name.len() + size(value)).sum::<usize>();
        size(&self.key) + size(&self.value) + headers
    }
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// From 0.
    pub partition: i32,
    /// From 0.
    pub offset: i64,
    /// The record's own or the broker's, as the topic is set, in milliseconds since 1970; `None` when nobody told.
    pub timestamp_ms: Option<i64>,
}

/// Why a record is not known to be written. The messages go to the client as they stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// Nobody can know whether it is written: the brokers gave no answer in time, or one that may pass.
    #[error("not confirmed in time: it may or may not be written; it may be sent again")]
    Unconfirmed,
    /// The topic is not on the cluster. Not written.
    #[error("the topic is not on the cluster; it may be sent again once the topic is made")]
    NoSuchTopic,
    /// The topic has no such partition. Not written.
    #[error("the topic has no such partition")]
    NoSuchPartition,
    /// Larger than the topic admits. Not written.
    #[error("the record is larger than the topic admits (max.message.bytes)")]
    TooLarge,
    /// Refused for good, for a reason that no client can mend. Not written.
    #[error("the cluster refused the record")]
    Refused,
    /// The cluster does not know who we are. Not written.
    #[error("the cluster refused the log-in")]
    Unauthenticated,
    /// The cluster knows us and does not let us write to this topic. Not written.
    #[error("the cluster does not allow writing to this topic")]
    Unauthorized,
}

impl Failure {
    /// Each of them.
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

/// What became of one record.
pub type Outcome = Result<Written, Failure>;

/// Writes records to their topics.
pub trait Publish: Send + Sync + 'static {
    /// Writes `records` and says what became of each, in their order. A record is [`Written`] when all in-sync replicas
    /// hold it. What is not answered by `deadline` is [`Failure::Unconfirmed`].
    ///
    /// # Cancellation
    /// Records of a dropped future may or may not be written, now or later.
    fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> impl Future<Output = Vec<Outcome>> + Send;
}

/// Kafka cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// No broker answered.
    #[error("no Kafka broker answered within {:.1} s", .within.as_secs_f32())]
    NoResponse {
        /// How long was waited.
        within: Duration,
        /// What was last said of a connection, if anything was.
        source: Option<LastError>,
    },
    /// The brokers do not know who we are.
    #[error("Kafka rejected the authentication")]
    AuthenticationFailed,
}

/// What a broker, or the client library, said of a connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LastError(pub String);

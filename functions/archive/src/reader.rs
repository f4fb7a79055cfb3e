//! Reads Kafka by offset, without a consumer group.

use std::{ops::Range, time::Duration};

use shared::tls::TlsConfigError;

use crate::{layout::TopicPartition, record::ConsumerRecord};

mod batches;
mod compression;
mod connection;
mod error;
mod kafka;
mod on_demand;
mod protocol;
#[cfg(test)]
mod tests;

pub use error::RequestError;
pub use kafka::Kafka;
pub(crate) use on_demand::OnDemand;

/// The Kafka operations that a run needs. Tests implement it in memory.
pub trait Reader: Sync {
    /// Every partition of every topic that may be read.
    fn partitions(&self) -> impl Future<Output = Result<Vec<TopicPartition>, ReadError>> + Send;

    /// The first offset that the partition still holds, and the offset of its next record.
    fn bounds(&self, partition: &TopicPartition) -> impl Future<Output = Result<Range<u64>, ReadError>> + Send;

    /// Reads some of the committed records from offset `from` on, in order. Empty when there are none up to the end.
    fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
    ) -> impl Future<Output = Result<Vec<ConsumerRecord>, ReadError>> + Send;
}

/// The error of reading Kafka.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No broker could be used.
    #[error("cannot connect to Kafka at {servers}")]
    Connect {
        /// The bootstrap servers.
        servers: String,
        /// The error of the last attempt.
        source: RequestError,
    },
    /// The authorities cannot be read.
    #[error(transparent)]
    Tls(#[from] TlsConfigError),
    /// No response in time.
    #[error("Kafka at {servers} did not answer within {} s", after.as_secs())]
    Timeout {
        /// The bootstrap servers.
        servers: String,
        /// The timeout.
        after: Duration,
    },
    /// The partition does not hold the offset: dropped since, or not written yet.
    #[error("offset {0} is not in the topic")]
    OutOfRange(u64),
    /// The broker refused the request, or its response or records cannot be read.
    #[error("Kafka cannot be read")]
    Kafka(#[source] RequestError),
    /// A negative offset.
    #[error("Kafka returned the offset {0}")]
    Offset(i64),
}

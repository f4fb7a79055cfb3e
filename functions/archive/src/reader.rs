//! Reads Kafka by offset, without a consumer group.

use std::{ops::Range, time::Duration};

use shared::client::ConnectError;

use crate::{layout::TopicPartition, record::ConsumerRecord};

mod kafka;
mod on_demand;
#[cfg(test)]
mod tests;

pub use kafka::Kafka;
pub(crate) use on_demand::OnDemand;

/// The Kafka operations that a run needs. Tests implement it in memory.
pub trait Reader: Sync {
    /// Every partition of every topic that may be read.
    fn partitions(&self) -> impl Future<Output = Result<Vec<TopicPartition>, ReadError>> + Send;

    /// The first offset that the partition still holds, and the offset of its next record.
    fn bounds(&self, partition: &TopicPartition) -> impl Future<Output = Result<Range<u64>, ReadError>> + Send;

    /// Reads some of the records from offset `from` on, in order, without transaction markers. Empty when there are none
    /// up to the end.
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
    #[error(transparent)]
    Connect(#[from] ConnectError),
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
    /// The broker refused the request, or the client could not read the response.
    #[error("Kafka cannot be read")]
    Kafka(#[source] Box<rskafka::client::error::Error>),
    /// A negative offset.
    #[error("Kafka returned the offset {0}")]
    Offset(i64),
}

//! Reading Kafka by offset, without a consumer group.

use std::{ops::Range, time::Duration};

use shared::client::ConnectError;

use crate::{layout::TopicPartition, record::ConsumerRecord};

mod kafka;
mod on_demand;
#[cfg(test)]
mod tests;

pub use kafka::Kafka;
pub(crate) use on_demand::OnDemand;

/// What a run asks of Kafka. Tests have a log of their own.
pub trait Reader: Sync {
    /// Every partition of every topic there is, and that may be read.
    fn partitions(&self) -> impl Future<Output = Result<Vec<TopicPartition>, ReadError>> + Send;

    /// The first offset that the partition still has, and the first that it does not have yet.
    fn bounds(&self, partition: &TopicPartition) -> impl Future<Output = Result<Range<u64>, ReadError>> + Send;

    /// Some of the records from offset `from` on, in order, without those that are no records (transactions' markers).
    /// None when there is none up to the end.
    fn read(
        &self,
        partition: &TopicPartition,
        from: u64,
    ) -> impl Future<Output = Result<Vec<ConsumerRecord>, ReadError>> + Send;
}

/// Why Kafka could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// No broker could be used.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Nobody said no, and nobody answered.
    #[error("Kafka at {servers} did not answer within {} s", after.as_secs())]
    Timeout {
        /// The bootstrap servers.
        servers: String,
        /// How long it was given.
        after: Duration,
    },
    /// The offset is not in the partition: dropped meanwhile, or not there yet.
    #[error("offset {0} is not in the topic")]
    OutOfRange(u64),
    /// The broker refused or the client did not understand it.
    #[error("Kafka cannot be read")]
    Kafka(#[source] Box<rskafka::client::error::Error>),
    /// Kafka's offsets begin at 0.
    #[error("Kafka gave the offset {0}")]
    Offset(i64),
}

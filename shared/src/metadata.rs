//! The metadata of a cluster and its topics.

use std::{future::Future, time::Duration};

use serde::Serialize;

use crate::publish::Unreachable;

/// A partition of a topic. Serializes as in the REST Proxy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// The partition's number, from 0.
    pub partition: i32,
    /// The id of the leader's broker; -1 while there is none.
    pub leader: i32,
    /// The replicas, the leader included.
    pub replicas: Vec<Replica>,
}

/// A replica of a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// The broker's id.
    pub broker: i32,
    /// True for the leader.
    pub leader: bool,
    /// True if the replica is in sync.
    pub in_sync: bool,
}

/// The offsets of a partition. Serializes as in the REST Proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Offsets {
    /// The offset of the first record that Kafka still keeps.
    pub beginning_offset: i64,
    /// The offset of the next record to be written.
    pub end_offset: i64,
}

/// The reason why there is no metadata. `ingest` answers with a message of its own for each but [`Unreachable`]'s.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum DescribeError {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the topic {topic} does not exist on the cluster")]
    NoSuchTopic { topic: String },
    #[error("the cluster does not allow describing or reading this topic")]
    Unauthorized,
}

/// Fetches a cluster's metadata. These requests delay no record.
pub trait Describe: Send + Sync + 'static {
    /// Returns at once if a broker responded in the last seconds, and otherwise sends a request to one.
    fn reach(&self, within: Duration) -> impl Future<Output = Result<(), Unreachable>> + Send;

    /// The id that the cluster got at its creation: 22 characters.
    fn cluster_id(&self, within: Duration) -> impl Future<Output = Result<String, DescribeError>> + Send;

    /// The ids of the brokers that are up, in ascending order.
    fn brokers(&self, within: Duration) -> impl Future<Output = Result<Vec<i32>, DescribeError>> + Send;

    /// A topic's partitions, in ascending order.
    fn partitions(
        &self,
        topic: &str,
        within: Duration,
    ) -> impl Future<Output = Result<Vec<Partition>, DescribeError>> + Send;

    /// The offsets of a partition, which has to exist.
    fn offsets(
        &self,
        topic: &str,
        partition: i32,
        within: Duration,
    ) -> impl Future<Output = Result<Offsets, DescribeError>> + Send;
}

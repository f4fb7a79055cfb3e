//! What a cluster says of itself and of its topics.

use std::{future::Future, time::Duration};

use serde::Serialize;

use crate::publish::Unreachable;

/// A topic's partition, in the REST Proxy's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// From 0.
    pub partition: i32,
    /// The id of the broker that takes its records; -1 while there is none.
    pub leader: i32,
    /// The brokers that keep it.
    pub replicas: Vec<Replica>,
}

/// A broker that keeps a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Replica {
    /// The broker's id.
    pub broker: i32,
    /// Whether it is the leader.
    pub leader: bool,
    /// Whether it has everything that the leader has.
    pub in_sync: bool,
}

/// Which offsets a partition has, in the REST Proxy's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Offsets {
    /// The first record that Kafka still keeps.
    pub beginning_offset: i64,
    /// Where the next record is written.
    pub end_offset: i64,
}

/// Why a cluster did not tell. The messages go to the client as they stand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum DescribeError {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("the topic {topic} is not on the cluster")]
    NoSuchTopic { topic: String },
    #[error("the cluster does not allow describing this topic")]
    Unauthorized,
}

/// Tells what a cluster says of itself. What is asked here delays no record.
pub trait Describe: Send + Sync + 'static {
    /// Succeeds when a broker answered in the last seconds, else asks one now.
    fn reach(&self, within: Duration) -> impl Future<Output = Result<(), Unreachable>> + Send;

    /// As the cluster was named when it was made: 22 characters.
    fn cluster_id(&self, within: Duration) -> impl Future<Output = Result<String, DescribeError>> + Send;

    /// The ids of the brokers that are up, in ascending order.
    fn brokers(&self, within: Duration) -> impl Future<Output = Result<Vec<i32>, DescribeError>> + Send;

    /// A topic's partitions, in ascending order.
    fn partitions(
        &self,
        topic: &str,
        within: Duration,
    ) -> impl Future<Output = Result<Vec<Partition>, DescribeError>> + Send;

    /// The offsets of a partition that the topic has.
    fn offsets(
        &self,
        topic: &str,
        partition: i32,
        within: Duration,
    ) -> impl Future<Output = Result<Offsets, DescribeError>> + Send;
}

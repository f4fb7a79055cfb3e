//! A lazy connection, for an invocation that may not need one.

use std::ops::Range;

use shared::cluster::Cluster;
use tokio::sync::OnceCell;

use super::{Kafka, ReadError, Reader};
use crate::{layout::TopicPartition, record::ConsumerRecord};

/// Kafka, connected on the first request. The next request retries a failed connection.
#[derive(Debug)]
pub(crate) struct OnDemand<'a> {
    cluster: &'a Cluster,
    kafka: OnceCell<Kafka>,
}

impl<'a> OnDemand<'a> {
    pub(crate) fn new(cluster: &'a Cluster) -> Self {
        Self { cluster, kafka: OnceCell::new() }
    }

    async fn kafka(&self) -> Result<&Kafka, ReadError> {
        self.kafka.get_or_try_init(|| Kafka::connect(self.cluster)).await
    }
}

impl Reader for OnDemand<'_> {
    async fn partitions(&self) -> Result<Vec<TopicPartition>, ReadError> {
        self.kafka().await?.partitions().await
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Range<u64>, ReadError> {
        self.kafka().await?.bounds(partition).await
    }

    async fn read(&self, partition: &TopicPartition, from: u64) -> Result<Vec<ConsumerRecord>, ReadError> {
        self.kafka().await?.read(partition, from).await
    }
}

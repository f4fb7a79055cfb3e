//! What stands before Kafka and tells what is written there.

use std::{sync::Arc, time::Duration};

use shared::{
    metadata::{Describe, DescribeError, Offsets, Partition},
    publish::{Outcome, ProducerRecord, Publish, Unreachable},
};
use tokio::time::Instant;

use super::{Dashboard, posts::KEPT};

/// A publisher whose records are seen once they are written.
#[derive(Debug, Clone)]
pub(crate) struct RecordingPublisher<P> {
    inner: P,
    dashboard: Dashboard,
}

impl<P> RecordingPublisher<P> {
    pub(crate) const fn new(inner: P, dashboard: Dashboard) -> Self {
        Self { inner, dashboard }
    }
}

impl<P: Publish> Publish for RecordingPublisher<P> {
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        let topics: Vec<_> = records.iter().map(|record| Arc::clone(&record.topic)).collect();
        // No more than can be shown: a request may have more.
        let first = records.len().saturating_sub(3 * KEPT);
        let latest = records[first..].to_vec();
        let outcomes = self.inner.publish(records, deadline).await;
        self.dashboard.written(&topics, &latest, &outcomes);
        outcomes
    }
}

impl<P: Describe> Describe for RecordingPublisher<P> {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        self.inner.reach(within).await
    }

    async fn cluster_id(&self, within: Duration) -> Result<String, DescribeError> {
        self.inner.cluster_id(within).await
    }

    async fn brokers(&self, within: Duration) -> Result<Vec<i32>, DescribeError> {
        self.inner.brokers(within).await
    }

    async fn partitions(&self, topic: &str, within: Duration) -> Result<Vec<Partition>, DescribeError> {
        self.inner.partitions(topic, within).await
    }

    async fn offsets(&self, topic: &str, partition: i32, within: Duration) -> Result<Offsets, DescribeError> {
        self.inner.offsets(topic, partition, within).await
    }
}

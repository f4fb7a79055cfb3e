//! The publisher that reports written records to the dashboard.

use std::sync::Arc;

use shared::publish::{Outcome, ProducerRecord, Publish};
use tokio::time::Instant;

use super::{posts::MAX_POSTS, state::Dashboard};

/// A publisher that reports its outcomes to the dashboard.
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
        // Three records make a post. Older ones would not be shown.
        let first = records.len().saturating_sub(3 * MAX_POSTS);
        let latest = records[first..].to_vec();
        let outcomes = self.inner.publish(records, deadline).await;
        self.dashboard.written(&topics, &latest, &outcomes);
        outcomes
    }
}

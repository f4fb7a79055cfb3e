//! A publisher that writes to memory, for what needs no Kafka.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use ingest::{App, router};
use shared::{
    metrics::Metrics,
    publish::{Outcome, Publish, Reach, Record, Unreachable, Written},
    topic::UserIds,
};
use tokio::time::Instant;

/// Writes everything that it is given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder(Arc<Mutex<Vec<Record>>>);

impl Recorder {
    /// What was written since the last time this was asked.
    pub(crate) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    /// The router of `ingest` for the user id `u`, which writes here.
    pub(crate) fn router(&self) -> Router {
        let user_ids: UserIds = "u".parse().unwrap();
        router(App::new(self.clone(), &user_ids, Metrics::default()))
    }
}

impl Publish for Recorder {
    async fn publish(&self, records: Vec<Record>, _: Instant) -> Vec<Outcome> {
        let mut written = self.0.lock().unwrap();
        let write = |record| {
            written.push(record);
            Ok(Written { partition: 0, offset: i64::try_from(written.len()).unwrap() - 1 })
        };
        records.into_iter().map(write).collect()
    }
}

impl Reach for Recorder {
    async fn reach(&self, _: Duration) -> Result<(), Unreachable> {
        Ok(())
    }
}

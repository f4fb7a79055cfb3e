//! A publisher that writes to memory, or fails as it is told to, for what needs no Kafka.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use ingest::{App, router};
use shared::{
    metadata::{Describe, DescribeError, Offsets, Partition, Replica},
    metrics::Metrics,
    publish::{Failure, Outcome, Publish, Record, Unreachable, Written},
    topic::UserIds,
};
use tokio::time::Instant;

/// Writes everything that it is given, unless it is told otherwise. Each topic has one partition; offsets are counted over
/// all of them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    written: Arc<Mutex<Vec<Record>>>,
    conduct: Conduct,
}

/// What becomes of records.
#[derive(Debug, Clone, Copy, Default)]
enum Conduct {
    #[default]
    Written,
    Failed(Failure),
    Panic,
}

impl Recorder {
    /// One that writes nothing, for this reason.
    pub(crate) fn failing(failure: Failure) -> Self {
        Self { conduct: Conduct::Failed(failure), ..Self::default() }
    }

    /// One with a defect.
    pub(crate) fn panicking() -> Self {
        Self { conduct: Conduct::Panic, ..Self::default() }
    }

    /// What was written since the last time this was asked.
    pub(crate) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.written.lock().unwrap())
    }

    /// The application of `ingest` for the user id `u`, which writes here.
    pub(crate) fn app(&self) -> App<Self> {
        self.app_of("u")
    }

    /// The same for another user id.
    pub(crate) fn app_of(&self, user_id: &str) -> App<Self> {
        let user_ids: UserIds = user_id.parse().unwrap();
        App::new(self.clone(), &user_ids, Metrics::default())
    }

    /// The router of that application.
    pub(crate) fn router(&self) -> Router {
        router(self.app())
    }
}

impl Publish for Recorder {
    async fn publish(&self, records: Vec<Record>, _: Instant) -> Vec<Outcome> {
        let mut written = self.written.lock().unwrap();
        let write = |record: Record| match self.conduct {
            Conduct::Written => {
                let (partition, timestamp_ms) = (record.partition.unwrap_or(0), record.timestamp_ms);
                written.push(record);
                Ok(Written { partition, offset: i64::try_from(written.len()).unwrap() - 1, timestamp_ms })
            }
            Conduct::Failed(failure) => Err(failure),
            Conduct::Panic => panic!("arn:aws:secret"),
        };
        records.into_iter().map(write).collect()
    }
}

impl Describe for Recorder {
    async fn reach(&self, _: Duration) -> Result<(), Unreachable> {
        Ok(())
    }

    async fn cluster_id(&self, _: Duration) -> Result<String, DescribeError> {
        Ok("recorder".to_owned())
    }

    async fn brokers(&self, _: Duration) -> Result<Vec<i32>, DescribeError> {
        Ok(vec![1])
    }

    async fn partitions(&self, _: &str, _: Duration) -> Result<Vec<Partition>, DescribeError> {
        let replica = Replica { broker: 1, leader: true, in_sync: true };
        Ok(vec![Partition { partition: 0, leader: 1, replicas: vec![replica] }])
    }

    async fn offsets(&self, _: &str, _: i32, _: Duration) -> Result<Offsets, DescribeError> {
        let written = self.written.lock().unwrap().len();
        Ok(Offsets { beginning_offset: 0, end_offset: i64::try_from(written).unwrap() })
    }
}

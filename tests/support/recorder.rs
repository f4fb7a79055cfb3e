//! A test double of the producer that writes to memory, or fails as configured.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::Router;
use ingest::{App, router};
use shared::{
    metadata::{Describe, DescribeError, Offsets, Partition, Replica},
    metrics::Metrics,
    publish::{Failure, Outcome, ProducerRecord, Publish, Unreachable, Written},
    read_back::{ReadBack, ReadBackError, ReadLimits, ReadRecords, Selection, Start, StoredRecord},
    topic::UserIds,
};
use tokio::time::Instant;

/// An in-memory publisher. Each topic has one partition, and all topics share one sequence of offsets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorder {
    written: Arc<Mutex<Vec<ProducerRecord>>>,
    behavior: Behavior,
}

/// The treatment of published records.
#[derive(Debug, Clone, Copy, Default)]
enum Behavior {
    #[default]
    Written,
    Failed(Failure),
    Panic,
}

impl Recorder {
    /// A publisher that fails every record with `failure`.
    pub(crate) fn failing(failure: Failure) -> Self {
        Self { behavior: Behavior::Failed(failure), ..Self::default() }
    }

    /// A publisher that panics.
    pub(crate) fn panicking() -> Self {
        Self { behavior: Behavior::Panic, ..Self::default() }
    }

    /// Returns the records written since the last call.
    pub(crate) fn take(&self) -> Vec<ProducerRecord> {
        std::mem::take(&mut self.written.lock().unwrap())
    }

    /// An `ingest` application for the user id `u` that publishes here.
    pub(crate) fn app(&self) -> App<Self, Self> {
        self.app_for("u")
    }

    /// The same for another user id.
    pub(crate) fn app_for(&self, user_id: &str) -> App<Self, Self> {
        let user_ids: UserIds = user_id.parse().unwrap();
        App::new(self.clone(), self.clone(), &user_ids, Metrics::default())
    }

    /// The router of that application.
    pub(crate) fn router(&self) -> Router {
        router(self.app())
    }
}

impl Publish for Recorder {
    async fn publish(&self, records: Vec<ProducerRecord>, _: Instant) -> Vec<Outcome> {
        let mut written = self.written.lock().unwrap();
        let write = |record: ProducerRecord| match self.behavior {
            Behavior::Written => {
                let (partition, timestamp_ms) = (record.partition.unwrap_or(0), record.timestamp_ms);
                written.push(record);
                Ok(Written { partition, offset: i64::try_from(written.len()).unwrap() - 1, timestamp_ms })
            }
            Behavior::Failed(failure) => Err(failure),
            Behavior::Panic => panic!("arn:aws:secret"),
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

/// Returns records that were written to the topic since the last [`Recorder::take`].
impl ReadBack for Recorder {
    async fn read_back(
        &self,
        topic: &str,
        selection: Selection,
        limits: ReadLimits,
        _: Duration,
    ) -> Result<ReadRecords, ReadBackError> {
        let written = self.written.lock().unwrap();
        let of_topic = written.iter().enumerate().filter(|(_, record)| &*record.topic == topic);
        let stored = of_topic.map(|(offset, record)| StoredRecord {
            partition: record.partition.unwrap_or(0),
            offset: i64::try_from(offset).unwrap(),
            timestamp_ms: record.timestamp_ms,
            key: record.key.clone(),
            value: record.value.clone(),
            headers: record.headers.clone(),
        });
        let mut records: Vec<_> = stored.collect();
        let end = records.last().map_or(0, |record| record.offset + 1);
        let last_ones = |count: usize| records.len().saturating_sub(count);
        let first = match selection {
            Selection::Newest { .. } => last_ones(limits.records),
            Selection::From { start, .. } => match start {
                Start::Earliest => 0,
                Start::Latest => records.len(),
                Start::Offset(offset) => records.partition_point(|record| record.offset < offset),
                Start::FromEnd(count) => last_ones(usize::try_from(count).unwrap()),
            },
        };
        records.drain(..first);
        records.truncate(limits.records);
        let next = records.last().map_or(end, |record| record.offset + 1);
        Ok(ReadRecords { records, next_offset: matches!(selection, Selection::From { .. }).then_some(next) })
    }
}

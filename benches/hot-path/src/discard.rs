use std::{future, hint::black_box, time::Duration};

use shared::{
    metadata::{Describe, DescribeError, Offsets, Partition},
    publish::{Outcome, ProducerRecord, Publish, Unreachable, Written},
    read_back::{ReadBack, ReadBackError, ReadLimits, ReadRecords, Selection},
};
use tokio::time::Instant;

/// A publisher that discards records and acknowledges all of them.
#[derive(Debug, Clone, Copy)]
pub struct Discard;

impl Publish for Discard {
    fn publish(&self, records: Vec<ProducerRecord>, _: Instant) -> impl Future<Output = Vec<Outcome>> + Send {
        let written = Written { partition: 0, offset: 0, timestamp_ms: None };
        future::ready(black_box(records).iter().map(|_| Ok(written)).collect())
    }
}

/// Unused in the benchmarks.
impl Describe for Discard {
    async fn reach(&self, _: Duration) -> Result<(), Unreachable> {
        future::pending().await
    }

    async fn cluster_id(&self, _: Duration) -> Result<String, DescribeError> {
        future::pending().await
    }

    async fn brokers(&self, _: Duration) -> Result<Vec<i32>, DescribeError> {
        future::pending().await
    }

    async fn partitions(&self, _: &str, _: Duration) -> Result<Vec<Partition>, DescribeError> {
        future::pending().await
    }

    async fn offsets(&self, _: &str, _: i32, _: Duration) -> Result<Offsets, DescribeError> {
        future::pending().await
    }
}

/// Unused in the benchmarks.
impl ReadBack for Discard {
    async fn read_back(&self, _: &str, _: Selection, _: ReadLimits, _: Duration) -> Result<ReadRecords, ReadBackError> {
        future::pending().await
    }
}

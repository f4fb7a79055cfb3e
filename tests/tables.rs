//! Tables on a real S3: random schedules of several writers of one table, each stopped at any moment, while requests fail.
//! Readers of other projects compare the tables with their archive.

use std::{array::from_fn, sync::Arc, time::Duration};

use archive::{
    bucket::Bucket,
    layout::{Content, TopicPartition},
};
use futures::{StreamExt, future::join_all, stream};
use object_store::{
    BackoffConfig, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, S3ConditionalPut},
    prefix::PrefixStore,
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use shared::kind::GEO;
use stack::s3::{ACCESS_KEY, Errors, Flaky, S3, SECRET_KEY};
use tables::{
    append::{Counts, Limits, Tables},
    layout::TableName,
};
use tokio::time::timeout;
use tools::table_check::check_tables;

const SCHEDULES: u64 = 30;
const CONCURRENT_SCHEDULES: usize = 5;
const STEPS: usize = 12;
const WRITERS: usize = 3;
const PARTITIONS: usize = 2;

/// The archive at an endpoint. Requests are repeated at once.
fn store(endpoint: String) -> PrefixStore<AmazonS3> {
    let builder = AmazonS3Builder::new().with_bucket_name("pinterest").with_endpoint(endpoint).with_allow_http(true);
    let builder = builder.with_access_key_id(ACCESS_KEY).with_secret_access_key(SECRET_KEY).with_region("us-east-1");
    let backoff =
        BackoffConfig { init_backoff: Duration::from_millis(1), max_backoff: Duration::from_millis(10), base: 2.0 };
    let retry = RetryConfig { backoff, max_retries: 2, retry_timeout: Duration::from_secs(5) };
    let s3 = builder.with_retry(retry).with_conditional_put(S3ConditionalPut::ETagMatch).build().unwrap();
    PrefixStore::new(s3, "archive")
}

fn bucket(endpoint: String) -> Bucket {
    Bucket::new(Arc::new(store(endpoint)), 1_000)
}

/// A table's archive, and the writers of both.
struct Schedule {
    random: StdRng,
    table: TableName,
    bucket: Bucket,
    ends: [u64; PARTITIONS],
    writers: [Tables; WRITERS],
}

impl Schedule {
    fn new(number: u64, bucket: Bucket, faulty: &Bucket) -> Self {
        let mut random = StdRng::seed_from_u64(number);
        let table = TableName::new(format!("s{number}").parse().unwrap(), &GEO);
        let small_files = random.random_range(1..5);
        let limits = Limits { rows: random.random_range(1..30), small_files, ..Limits::default() };
        let writers = from_fn(|_| Tables::new(faulty.clone(), limits, tables::function::now_ms));
        Self { random, table, bucket, ends: [0; PARTITIONS], writers }
    }

    /// Archives an object, sometimes behind a gap.
    async fn archive(&mut self) {
        let at = self.random.random_range(0..PARTITIONS);
        let partition = TopicPartition { topic: self.table.topic(), partition: i32::try_from(at).unwrap() };
        let start = self.ends[at] + u64::from(self.random.random_bool(0.2));
        self.ends[at] = start + self.random.random_range(1..10);
        let line =
            |offset: u64| format!("{{\"ind\":{offset},\"latitude\":1.5,\"longitude\":-2,\"country\":\"{at}\"}}\n");
        let lines: String = (start..self.ends[at]).map(line).collect();
        assert!(self.bucket.create(&partition.object(Content::Lines, start), lines.into()).await.unwrap());
    }

    /// Lets the archive grow, and all writers append at once, each until it is stopped.
    async fn step(&mut self) {
        for _ in 0..self.random.random_range(0..4) {
            self.archive().await;
        }
        let Self { random, table, writers, .. } = self;
        let table = &*table;
        let work = writers.iter().map(|writer| {
            // A failure is met by the next step.
            let append = async move { drop(writer.append(table, &mut Counts::default()).await) };
            timeout(Duration::from_millis(random.random_range(0..300)), append)
        });
        join_all(work).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs SeaweedFS and DuckDB: make test"]
async fn writers_that_are_stopped_at_any_moment_append_each_record_once_on_a_real_s3() {
    let s3 = S3::start().await.unwrap();
    s3.create_bucket("pinterest").await.unwrap();
    let flaky = Flaky::start(&s3, 1).await.unwrap();
    let faulty = bucket(flaky.endpoint());
    flaky.set(Errors { refused: 10, done: 10 });
    let schedules = stream::iter(0..SCHEDULES).map(|number| {
        let mut schedule = Schedule::new(number, bucket(s3.endpoint()), &faulty);
        async move {
            for _ in 0..STEPS {
                schedule.step().await;
            }
            schedule.archive().await;
            schedule
        }
    });
    let mut schedules: Vec<_> = schedules.buffer_unordered(CONCURRENT_SCHEDULES).collect().await;
    flaky.set(Errors::default());
    for Schedule { table, writers, .. } in &schedules {
        writers[0].append(table, &mut Counts::default()).await.unwrap();
    }
    let archive = store(s3.endpoint());
    let check = check_tables(&archive).await.unwrap();
    assert_eq!((check.tables, check.differences), (SCHEDULES, 0), "{:?}", check.problems);
    // A slow machine commits less within the same time.
    assert!(check.commits > 4 * SCHEDULES && check.merges > 0 && check.checkpoints > 0, "{check:?}");

    // What the readers would say if a record were lost.
    schedules[0].archive().await;
    assert!(check_tables(&archive).await.unwrap().differences > 0);
}

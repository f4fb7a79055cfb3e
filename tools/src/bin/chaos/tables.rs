//! **In the tables exactly once**: several environments of `tables` write a table while its archive grows, and S3 and they
//! themselves fail. Then readers of other projects compare the tables with the archive, row by row.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use archive::{
    bucket::Bucket,
    layout::{Content, TopicPartition},
};
use chrono::DateTime;
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use stack::lambda::Lambda;
use tokio::{sync::watch, time::sleep};
use tools::table_check::{TableCheck, check_tables};

use crate::{
    Result,
    plan::Plan,
    progress::log_progress,
    storage::{Storage, WRITERS, finish, is_finished},
};

/// The archive's prefix in the bucket.
const ARCHIVE: &str = "archive";

/// The partitions of each topic.
pub(crate) const PARTITIONS: usize = 2;

/// The maximum number of records in an object.
const OBJECT_RECORDS: u64 = 700;

/// The function's timeout. The programs are not optimized, and a last run may have to append all records of a table.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(15);

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub(crate) check: TableCheck,
    pub(crate) invocations: u64,
    /// Invocations that failed, got no response, or left something behind.
    pub(crate) failed: u64,
    pub(crate) kills: u64,
}

/// # Errors
/// When the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Tables> {
    let storage = Storage::start(seed).await?;
    let mut tables = Tables::default();
    for number in 0..plan.tables {
        log_progress(&format!("tables, {} of {}", number + 1, plan.tables));
        write_table(&storage, &format!("s{number}"), plan, seed.wrapping_add(number as u64), &mut tables).await?;
    }
    let problems = std::mem::take(&mut tables.check.problems);
    tables.check = check_tables(&storage.archive(ARCHIVE)?).await?;
    tables.check.problems.extend(problems);
    Ok(tables)
}

/// Lets the archive of one user id grow, and its table with it, until everything is in both.
async fn write_table(storage: &Storage, user_id: &str, plan: &Plan, seed: u64, tables: &mut Tables) -> Result<()> {
    let lambda = Arc::new(storage.function("tables", ARCHIVE, user_id, FUNCTION_TIMEOUT, []).await?);
    let (going, seen) = watch::channel(true);
    let work = Arc::new(Work::default());
    let writers = (0..WRITERS).map(|writer| {
        let random = StdRng::seed_from_u64(seed ^ (writer as u64 + 1) << 32);
        tokio::spawn(invoke(Arc::clone(&lambda), Arc::clone(&work), seen.clone(), random))
    });
    let writers: Vec<_> = writers.collect();
    // The store lists pages as S3 does.
    let bucket = Bucket::new(Arc::new(storage.archive(ARCHIVE)?), 1_000);
    let interval = plan.table.div_f64(plan.table_records as f64);
    let random = StdRng::seed_from_u64(seed ^ 1 << 60);
    let archiving = tokio::spawn(grow(bucket, format!("{user_id}.geo"), plan.table_records, interval, random));
    let mut random = StdRng::seed_from_u64(seed);
    while !archiving.is_finished() {
        tables.kills += storage.inject_fault(&lambda, &mut random).await?;
    }
    archiving.await??;
    going.send_replace(false);
    for writer in writers {
        writer.await?;
    }
    tables.invocations += work.invocations.load(Ordering::Relaxed);
    tables.failed += work.failed.load(Ordering::Relaxed);
    let last_report = finish(&lambda).await;
    if !is_finished(&last_report) {
        tables.check.problems.push(format!("{user_id}: the last run returned {last_report}"));
    }
    Ok(())
}

/// The counts of a table's writers.
#[derive(Debug, Default)]
struct Work {
    invocations: AtomicU64,
    failed: AtomicU64,
}

/// Invokes the function again and again.
async fn invoke(lambda: Arc<Lambda>, work: Arc<Work>, going: watch::Receiver<bool>, mut random: StdRng) {
    while *going.borrow() {
        work.invocations.fetch_add(1, Ordering::Relaxed);
        if !lambda.invoke(&json!({})).await.is_ok_and(|report| is_finished(&report)) {
            work.failed.fetch_add(1, Ordering::Relaxed);
        }
        sleep(Duration::from_millis(random.random_range(0..200))).await;
    }
}

/// Archives `records` as `archive` does: in objects of consecutive offsets, with gaps and quarantined values between them.
async fn grow(bucket: Bucket, topic: String, records: u64, interval: Duration, mut random: StdRng) -> Result<()> {
    let mut ends = [0; PARTITIONS];
    let mut archived = 0;
    while archived < records {
        let number = random.random_range(0..PARTITIONS);
        let partition = TopicPartition { topic: topic.clone(), partition: i32::try_from(number)? };
        let end = &mut ends[number];
        if random.random_bool(0.2) {
            for _ in 0..random.random_range(1..4) {
                if random.random_bool(0.5) {
                    bucket.create(&partition.object(Content::NotJson, *end), "not JSON".into()).await?;
                }
                *end += 1;
            }
        }
        let count = random.random_range(1..=OBJECT_RECORDS).min(records - archived);
        let lines: String = (0..count).map(|_| value(&mut random).to_string() + "\n").collect();
        bucket.create(&partition.object(Content::Lines, *end), lines.into()).await?;
        *end += count;
        archived += count;
        sleep(interval.mul_f64(count as f64)).await;
    }
    Ok(())
}

/// A value: mostly a row.
fn value(random: &mut StdRng) -> Value {
    match random.random_range(0..40) {
        0 => (0..random.random_range(2..5)).map(|_| row(random)).collect(),
        1 => json!([]),
        2 => json!("no row"),
        _ => row(random),
    }
}

fn row(random: &mut StdRng) -> Value {
    let time = DateTime::from_timestamp(random.random_range(0..2_000_000_000), 0).unwrap_or_default();
    json!({
        "ind": random.random_range(0..=i32::MAX),
        "timestamp": time.format("%F %T").to_string(),
        "latitude": random.random_range(-90.0..90.0),
        "longitude": random.random_range(-180.0..180.0),
        "country": format!("Country {}", random.random_range(0..200)),
    })
}

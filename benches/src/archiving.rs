//! The archive: from the topics of a user id, one partition each, to S3, with large objects and with one object per
//! record.

use std::{process::Stdio, time::Duration};

use serde_json::{Value, json};
use shared::topic::{UserId, UserIds};
use stack::{
    kafka::Kafka,
    lambda::{Function, Lambda},
    s3::S3,
};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    limits::librdkafka,
    peers::{for_benchmarks, kafka},
    plan::Plan,
    process::{self, command, peak_memory_mb},
    progress::log_progress,
};

pub(crate) const SCENE: &str = "from Kafka to S3";
pub(crate) const LARGE: &str = "`archive`, large objects";
pub(crate) const ONE_PER_OBJECT: &str = "its library, one object per record";

pub(crate) const COLUMNS: &[Metric] = &[Metric::Records, Metric::CpuPerThousand, Metric::Memory];

/// The user ids whose records are archived in large objects and one object per record.
const STORED: &str = "stored";
const STORED_ONE_PER_OBJECT: &str = "singly";

const BUCKET: &str = "archive";

/// Kafka Connect's figures, measured once elsewhere: it is in no package registry.
pub(crate) const CONNECT_OBJECTS_PER_SECOND: f64 = 195.0;
pub(crate) const CONNECT_RECORDS_PER_SECOND: f64 = 12_000.0;
pub(crate) const CONNECT_MEMORY_MB: f64 = 890.0;

/// Longer than a run takes.
const TIMEOUT: Duration = Duration::from_mins(10);

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let kafka = kafka(for_benchmarks().with("log.retention.bytes", "-1")).await?;
    for (user_id, count) in [(STORED, plan.archived), (STORED_ONE_PER_OBJECT, plan.objects)] {
        let topics = UserIds::new(vec![user_id.parse::<UserId>()?])?.topic_names();
        for topic in &topics {
            kafka.create_topic(topic, 1).await?;
            librdkafka(&kafka.internal_servers(), topic, "throughput", count / topics.len()).await?;
        }
    }
    // The first pass only fills the broker's page cache.
    for pass in 0..=plan.passes {
        // A new server for each pass, because it becomes slower as it fills.
        let s3 = S3::start().await?;
        s3.create_bucket(BUCKET).await?;
        log_progress(&format!("{SCENE}, pass {pass} of {}: large objects", plan.passes));
        let large = large(&kafka, &s3, plan.archived).await?;
        log_progress(&format!("{SCENE}, pass {pass} of {}: one object per record", plan.passes));
        let one_per_object = one_per_object(&kafka, &s3, plan.objects).await?;
        if pass > 0 {
            large.record(figures, LARGE);
            one_per_object.record(figures, ONE_PER_OBJECT);
        }
    }
    Ok(())
}

/// The result of a run.
struct Archived {
    records_per_second: f64,
    cpu_ms_per_thousand: f64,
    memory_mb: f64,
}

impl Archived {
    fn of(records: u64, expected: usize, seconds: &Value, process: u32) -> Result<Self> {
        if records < expected as u64 {
            return Err(format!("only {records} of {expected} records were archived").into());
        }
        Ok(Self {
            records_per_second: records as f64 / seconds.as_f64().ok_or("the archive reported no duration")?,
            cpu_ms_per_thousand: process::cpu(process)?.as_secs_f64() * 1e6 / records as f64,
            memory_mb: peak_memory_mb(process)?,
        })
    }

    fn record(&self, figures: &mut Figures, candidate: &'static str) {
        figures.push(SCENE, candidate, Metric::Records, self.records_per_second);
        figures.push(SCENE, candidate, Metric::CpuPerThousand, self.cpu_ms_per_thousand);
        figures.push(SCENE, candidate, Metric::Memory, self.memory_mb);
    }
}

/// Runs the function with one event of its timer.
async fn large(kafka: &Kafka, s3: &S3, count: usize) -> Result<Archived> {
    let mut variables = s3.environment();
    variables.extend([
        ("BOOTSTRAP_SERVERS", kafka.internal_servers()),
        ("SECURITY_PROTOCOL", "PLAINTEXT".to_owned()),
        ("USER_IDS", STORED.to_owned()),
        ("ARCHIVE_URL", format!("s3://{BUCKET}/large")),
    ]);
    let function = Function { timeout: TIMEOUT, ..Function::new(&folders::program("archive"), variables) };
    let lambda = Lambda::start(&function).await?;
    let report = lambda.invoke(&json!({})).await?;
    let topics = report["topics"].as_object().into_iter().flatten();
    let records = topics.filter_map(|(_, counts)| counts["records"].as_u64()).sum();
    let process = lambda.processes().pop().ok_or("no process")?;
    Archived::of(records, count, &report["seconds"], process)
}

async fn one_per_object(kafka: &Kafka, s3: &S3, count: usize) -> Result<Archived> {
    let mut command = command(&folders::program("one-object-a-record"));
    command.args([&kafka.internal_servers(), STORED_ONE_PER_OBJECT, &format!("s3://{BUCKET}/singly")]);
    command.envs(s3.environment()).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let stdout = child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(stdout).read_line(&mut line).await?;
    let report: Value = serde_json::from_str(&line).map_err(|error| format!("one-object-a-record: {error}: {line}"))?;
    let records = report["records"].as_u64().unwrap_or_default();
    if report["objects"].as_u64() != Some(records) {
        return Err(format!("not one object per record: {report}").into());
    }
    // The program waits for the end of its input, so its memory can still be read.
    Archived::of(records, count, &report["seconds"], child.id().ok_or("it has ended")?)
}

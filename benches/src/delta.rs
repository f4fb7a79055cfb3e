//! The tables: from an archive of pins on S3 to a Delta table of cleaned rows.

use std::path::PathBuf;

use archive::{
    layout::{Content, TopicPartition},
    record::Form,
};
use bytes::Bytes;
use hot_path::payload::rows;
use object_store::{
    ObjectStoreExt,
    aws::{AmazonS3, AmazonS3Builder},
};
use serde_json::{Value, json};
use shared::kind::PIN;
use stack::{
    lambda::{Function, Lambda, deployed_timeout},
    s3::S3,
};
use tempfile::TempDir;

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    package::{built_for_arm64, zip_mb},
    peers::{TOPIC, USER_ID, python, start_script},
    plan::Plan,
    process::{self, peak_memory_mb},
    progress::log_progress,
};

pub(crate) const SCENE: &str = "from S3 to a Delta table";
pub(crate) const TABLES: &str = "`tables`, Rust";
const DELTALAKE: &str = "Python, deltalake";

pub(crate) const COLUMNS: &[Metric] = &[Metric::Records, Metric::CpuPerThousand, Metric::Memory, Metric::Package];

/// The rows of an object.
pub(crate) const OBJECT_ROWS: usize = 10_000;

/// A function with an archive of its own.
struct Candidate {
    name: &'static str,
    bucket: &'static str,
    binary: PathBuf,
    package: Option<PathBuf>,
    /// The JSON pointer to the number of rows in its response.
    rows: &'static str,
}

/// The result of a pass.
struct Written {
    rows_per_second: f64,
    cpu_ms_per_thousand: f64,
    memory_mb: f64,
}

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let candidates = candidates(&folder)?;
    let objects = objects(plan.rows);
    // Pass 0 is a discarded warm-up.
    for pass in 0..=plan.passes {
        for candidate in &candidates {
            // A new server each time, because it becomes slower as it fills.
            let s3 = S3::start().await?;
            log_progress(&format!("{SCENE}, pass {pass} of {}: {}", plan.passes, candidate.name));
            let written = candidate.write(&s3, &objects, plan.rows).await?;
            if pass > 0 {
                written.record(figures, candidate.name);
            }
        }
    }
    for candidate in &candidates {
        if let Some(package) = &candidate.package {
            figures.push(SCENE, candidate.name, Metric::Package, zip_mb(package).await?);
        }
    }
    Ok(())
}

/// Returns the candidates, ours first. The peer's start script is in `folder`.
fn candidates(folder: &TempDir) -> Result<[Candidate; 2]> {
    let (package, binary) = start_script(folder, "deltalake", &python())?;
    Ok([
        Candidate {
            name: TABLES,
            bucket: "ours",
            binary: folders::program("tables"),
            package: built_for_arm64("TablesFunction"),
            rows: "/tables/bench~1pin/rows",
        },
        Candidate { name: DELTALAKE, bucket: "theirs", binary, package: Some(package), rows: "/rows" },
    ])
}

/// Returns archive objects of sample pins in rotation, with the same lines that `archive` writes.
fn objects(count: usize) -> Vec<Bytes> {
    let line = |row: &'static str| match Form::of(Some(&Bytes::from_static(row.as_bytes()))) {
        Form::Line(line) => Some(line),
        Form::NotJson(_) | Form::Null => None,
    };
    let lines: Vec<_> = rows(&PIN).filter_map(line).collect();
    let lines: Vec<_> = lines.iter().cycle().take(count).map(|line| &line[..]).collect();
    let object = |lines: &[&[u8]]| Bytes::from([lines.join(&b'\n').as_slice(), b"\n"].concat());
    lines.chunks(OBJECT_ROWS).map(object).collect()
}

fn open(s3: &S3, bucket: &str) -> Result<AmazonS3> {
    let mut builder = AmazonS3Builder::new().with_bucket_name(bucket);
    for (name, value) in s3.environment() {
        builder = builder.with_config(name.to_lowercase().parse()?, value);
    }
    Ok(builder.build()?)
}

impl Candidate {
    /// Starts the function on an empty archive, stores the objects, and measures the run that finds them.
    async fn write(&self, s3: &S3, objects: &[Bytes], count: usize) -> Result<Written> {
        s3.create_bucket(self.bucket).await?;
        let mut variables = s3.environment();
        variables.extend([("USER_IDS", USER_ID.to_owned()), ("ARCHIVE_URL", format!("s3://{}", self.bucket))]);
        let function = Function { timeout: deployed_timeout("tables")?, ..Function::new(&self.binary, variables) };
        let lambda = Lambda::start(&function).await?;
        self.invoke(&lambda, 0).await?;
        let store = open(s3, self.bucket)?;
        let partition = TopicPartition { topic: TOPIC.to_owned(), partition: 0 };
        for (at, object) in objects.iter().enumerate() {
            let path = partition.object(Content::Lines, (at * OBJECT_ROWS) as u64);
            store.put(&path, object.clone().into()).await?;
        }
        let process = lambda.processes().pop().ok_or("no process")?;
        let cpu_before = process::cpu(process)?;
        let seconds = self.invoke(&lambda, count).await?;
        let cpu = process::cpu(process)?.saturating_sub(cpu_before);
        Ok(Written {
            rows_per_second: count as f64 / seconds,
            cpu_ms_per_thousand: cpu.as_secs_f64() * 1e6 / count as f64,
            memory_mb: peak_memory_mb(process)?,
        })
    }

    /// Runs the function, and returns the seconds that it reports.
    ///
    /// # Errors
    /// When it does not report the expected number of rows.
    async fn invoke(&self, lambda: &Lambda, expected: usize) -> Result<f64> {
        let report = lambda.invoke(&json!({})).await?;
        if report.pointer(self.rows).and_then(Value::as_u64) != Some(expected as u64) {
            return Err(format!("{}: not {expected} rows: {report}", self.name).into());
        }
        Ok(report["seconds"].as_f64().ok_or("the function reported no duration")?)
    }
}

impl Written {
    fn record(&self, figures: &mut Figures, candidate: &'static str) {
        figures.push(SCENE, candidate, Metric::Records, self.rows_per_second);
        figures.push(SCENE, candidate, Metric::CpuPerThousand, self.cpu_ms_per_thousand);
        figures.push(SCENE, candidate, Metric::Memory, self.memory_mb);
    }
}

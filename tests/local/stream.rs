//! Spark reads the archive as a stream: the replacement of a Kinesis stream's reader.

use std::{process::Stdio, time::Duration};

use serde_json::json;
use shared::kind::GEO;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
    time::{sleep, timeout},
};

use super::GEO_TOPIC;
use crate::support::{local::Local, pipeline::envelope, rows::with, template::workspace};

/// The rows that are sent.
const ROWS: usize = 60;

/// Much longer than Spark ever takes to start and to read.
const SPARK_TIMEOUT: Duration = Duration::from_mins(4);

#[tokio::test]
#[ignore = "needs PySpark: make test"]
async fn spark_reads_each_row_of_a_growing_archive_once() {
    let archive = tempfile::tempdir().unwrap();
    let folder = archive.path().to_str().unwrap().to_owned();
    let local = Local::start(&["--posts-per-second", "0", "--archive", &folder]).await;
    let send = async |ind: usize| {
        let (status, body) = local.post(GEO_TOPIC, &envelope(&[&with(&GEO, &[("ind", Some(json!(ind)))])])).await;
        assert_eq!(status, 200, "{body}");
    };
    // Spark needs the folder to exist.
    send(0).await;
    let partition = archive.path().join("topics").join(GEO_TOPIC).join("partition=0");
    while !partition.exists() {
        sleep(Duration::from_millis(50)).await;
    }
    let mut spark = Command::new(workspace(".tools/venv/bin/python"));
    spark.arg(workspace("tests/local/stream.py")).arg(&partition).arg(ROWS.to_string());
    spark.env("NO_PROXY", "*").stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = spark.spawn().expect("`make tools` fetches Python's packages");
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut stderr = String::new();
    // What is sent before Spark reads would be one batch, however long Spark takes to start.
    while !stderr.contains("rows read: ") {
        let line = timeout(SPARK_TIMEOUT, lines.next_line()).await.expect("a first batch in time").unwrap();
        stderr += &(line.unwrap_or_else(|| panic!("no batch: {stderr}")) + "\n");
    }
    let log = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            stderr += &(line + "\n");
        }
    };
    let sending = async {
        // Over several batches of Spark and objects of the archive.
        for ind in 1..ROWS {
            send(ind).await;
            sleep(Duration::from_millis(300)).await;
        }
    };
    let (output, (), ()) = tokio::join!(timeout(SPARK_TIMEOUT, child.wait_with_output()), log, sending);
    let output = output.expect("all rows in time").unwrap();
    assert!(output.status.success(), "{stderr}");
    let read = String::from_utf8(output.stdout).unwrap();
    let mut inds: Vec<usize> = read.split_whitespace().map(|ind| ind.parse().unwrap()).collect();
    inds.sort_unstable();
    assert_eq!(inds, (0..ROWS).collect::<Vec<_>>(), "{stderr}");
    assert!(stderr.matches("rows read: ").count() > 2, "in several batches: {stderr}");
}

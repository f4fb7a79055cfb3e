//! `tables` as it is deployed, beside what [`end_to_end`](super::end_to_end) shows.

use std::{fs, time::Duration};

use archive::layout::{Content, TopicPartition};
use serde_json::{Value, json};
use shared::{kind::PIN, sample};
use stack::lambda::{Function, Lambda, built};

use crate::support::memory::memory_kib;

/// The rows of a run: up to as many as a data file has.
const ROWS: usize = 100_000;

/// The lines of an object.
const OBJECT: usize = 10_000;

/// 256 MB, in KiB: half of the function's memory.
const MAX_MEMORY_KIB: u64 = 256_000_000 / 1024;

/// Longer than an unoptimized build takes on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(10);

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Lambda runtime: make test"]
async fn a_run_of_100_000_pins_takes_less_than_256_mb() {
    let archive = tempfile::tempdir().unwrap();
    let partition = TopicPartition { topic: "demo.pin".to_owned(), partition: 0 };
    let rows: Vec<_> = sample::rows(PIN.table).unwrap().lines().cycle().take(ROWS).collect();
    for (object, rows) in rows.chunks(OBJECT).enumerate() {
        let name = partition.object(Content::Lines, (object * OBJECT) as u64);
        let file = archive.path().join(name.as_ref());
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, rows.join("\n") + "\n").unwrap();
    }
    let variables = [("USER_IDS", "demo"), ("ARCHIVE_URL", archive.path().to_str().unwrap())];
    let function = Function { timeout: TIMEOUT, ..Function::new(&built("tables").await.unwrap(), variables) };
    let tables = Lambda::start(&function).await.unwrap();
    let report = tables.invoke(&json!({})).await.unwrap();
    assert_eq!(report["tables"]["demo/pin"]["rows"], ROWS, "{report}");
    assert_eq!(report["left_behind"], Value::Array(vec![]), "{report}");
    let peak = memory_kib(tables.processes()[0], "VmHWM:");
    assert!(peak < MAX_MEMORY_KIB, "{peak} KiB");
}

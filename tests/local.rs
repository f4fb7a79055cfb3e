//! `cargo run` runs the whole pipeline: every record that `local` acknowledges is in its archive at the end, for any client
//! and however the program stops.

use std::{collections::BTreeMap, fs, time::Duration};

use serde_json::{Value, json};
use shared::{
    kind::{CATALOG, GEO},
    sample::{self, COURSE_ORDER},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::support::{
    local::{Answer, Exited, Local, head, output, python},
    pipeline::envelope,
    rows::{parse, with},
};

mod clients;
mod commands;
mod embedded;
mod sizes;
mod stop;
mod stream;
mod usage;

/// The emulator's default topics.
const TOPICS: [&str; 3] = ["demo.pin", "demo.geo", "demo.user"];
const GEO_TOPIC: &str = "demo.geo";

/// In bytes. The course's pin table, 8.4 MB, is too large as well, but its unread rest would fit into the socket buffers, so
/// clients would not notice a server that stops reading.
const TOO_LARGE: usize = 32_000_000;

/// Longer than the attempts to reach a missing Kafka and a missing database.
const FAILURE_TIMEOUT: Duration = Duration::from_secs(20);

/// `count` geo rows, repeating the sample's.
fn geo_rows(count: usize) -> String {
    let rows: Vec<_> = sample::rows(GEO.table).unwrap().lines().cycle().take(count).collect();
    envelope(&rows)
}

fn geo_row() -> String {
    envelope(&[&with(&GEO, &[])])
}

/// The response to one record with this offset.
fn written(offset: u64) -> Answer {
    let body = format!(
        r#"{{"offsets":[{{"partition":0,"offset":{offset},"error_code":null,"error":null}}],"key_schema_id":null,"value_schema_id":null}}"#
    );
    (200, body)
}

fn assert_offsets((status, body): &Answer, count: usize) {
    assert_eq!(*status, 200, "{body}");
    let answer: Value = serde_json::from_str(body).unwrap();
    let offsets = answer["offsets"].as_array().unwrap();
    let expected =
        (0..count).map(|offset| json!({"partition": 0, "offset": offset, "error_code": null, "error": null}));
    assert!(offsets.iter().cloned().eq(expected), "{body}");
}

fn assert_all_archived(ended: &Exited, records: u64) {
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.figure(" records written"), records, "{}", ended.summary());
    assert_eq!(ended.figure(" archived"), records, "{}", ended.summary());
    assert_eq!(ended.figure(" rows in tables"), records, "{}", ended.summary());
    let archived: usize = TOPICS.iter().map(|topic| ended.archived(topic).len()).sum();
    assert_eq!(archived as u64, records, "{}", ended.summary());
}

/// Sends a request's head and waits until the server asks for the body.
async fn begin(local: &Local, body: &str) -> TcpStream {
    let mut client = local.connect().await;
    let head = format!("{}Expect: 100-continue\r\n\r\n", head(GEO_TOPIC, body.len()));
    client.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; b"HTTP/1.1 100 Continue\r\n\r\n".len()];
    client.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    client
}

#[tokio::test]
async fn a_timed_run_archives_everything_the_emulator_sent_and_prints_a_json_summary() {
    let local = Local::start(&["--for", "3s", "--posts-per-second", "20", "--summary", "json"]).await;
    let ended = local.process.wait_for_exit().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);

    let summary: BTreeMap<String, Value> = serde_json::from_str(ended.summary()).unwrap();
    let names = [
        "objects",
        "peak_memory_bytes",
        "posts",
        "quarantined",
        "records_archived",
        "records_lost",
        "records_passed_through",
        "records_refused",
        "records_unconfirmed",
        "records_written",
        "requests_refused",
        "seconds",
        "table_rows",
    ];
    assert_eq!(summary.keys().collect::<Vec<_>>(), names);
    let figure = |name: &str| summary[name].as_u64().unwrap();
    assert!(figure("posts") > 0);
    assert_eq!(figure("records_written"), 3 * figure("posts"));
    assert_eq!(figure("records_archived"), figure("records_written"));
    assert_eq!((figure("records_refused"), figure("quarantined")), (0, 0));
    assert!(summary["seconds"].as_f64().unwrap() >= 3.0);

    let mut objects = 0;
    for topic in TOPICS {
        assert_eq!(ended.archived(topic).len() as u64, figure("posts"), "{topic}");
        objects += ended.objects(topic).len() as u64;
    }
    assert_eq!(objects, figure("objects"));
}

#[tokio::test]
async fn the_archive_has_the_posts_of_the_courses_order_from_the_first() {
    let local = Local::start(&["--for", "2s", "--posts-per-second", "50", "--order", "course"]).await;
    let settings = fs::read_to_string(local.settings_file()).unwrap();
    assert!(settings.lines().any(|line| line == "POST_ORDER=course"), "{settings}");
    let ended = local.process.wait_for_exit().await;
    for (kind, topic) in CATALOG.iter().zip(TOPICS) {
        let rows = ended.archived(topic);
        let archived: Vec<u64> = rows.iter().map(|row| row[kind.join_key].as_u64().unwrap()).collect();
        assert!(archived.len() > 20, "{topic}: {}", archived.len());
        assert!(
            archived.iter().copied().eq(COURSE_ORDER.iter().copied().map(u64::from).take(archived.len())),
            "{topic}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Python with requests: make test"]
async fn the_courses_two_scripts_find_their_rows_in_the_archive() {
    let local = Local::start_without_emulator().await;
    let rows: Vec<Vec<Value>> = CATALOG
        .iter()
        .map(|kind| sample::rows(kind.table).unwrap().lines().take(50).map(|row| Value::Object(parse(row))).collect())
        .collect();
    let post = |at: usize| {
        let of_kind = CATALOG.iter().zip(&rows).map(|(kind, rows)| (kind.name.to_owned(), rows[at].clone()));
        Value::Object(of_kind.collect())
    };
    let posts: Vec<_> = (0..50).map(|at| post(at).to_string()).collect();
    let api = format!("http://{}/test", local.address);
    output(python("course_script.py").arg(format!("{api}/topics/demo")), &posts.join("\n")).await;
    output(python("course_streaming_script.py").args([format!("{api}/streams"), "demo".to_owned()]), &posts.join("\n"))
        .await;

    let ended = local.stop().await;
    assert_all_archived(&ended, 300);
    for (kind, rows) in CATALOG.iter().zip(&rows) {
        assert_eq!(ended.archived(&format!("demo.{}", kind.name)), [&rows[..], rows].concat(), "{kind}");
    }
}

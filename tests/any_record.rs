//! Every record that a producer can write is archived: exactly what Kafka's own consumer of committed records reads, for
//! topics that Kafka's own producer wrote.

use std::{collections::BTreeMap, fs, path::Path};

use archive::{
    bucket::{ArchiveUrl, Bucket},
    event,
    layout::{Folder, TopicPartition},
    reader::{Kafka as Reading, Reader},
    record::Form,
    report::Report,
    run,
    store::{Archiver, Counts, Limits},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use rdkafka::{
    ClientConfig,
    producer::{FutureProducer, FutureRecord},
};
use serde_json::{Map, Value, json};
use shared::cluster::Cluster;
use stack::kafka::{Kafka, Options};
use tokio::{
    process::Command,
    time::{Duration, Instant},
};

use crate::support::local::output;

/// The records of an event, far fewer than Lambda's 10,000, so that many events end within one of Kafka's batches.
const EVENT_RECORDS: usize = 250;

/// Each offset's stored form.
type Forms = BTreeMap<u64, Form>;

/// Runs a command of the Java program, and returns the lines it prints.
async fn java(kafka: &Kafka, command: &str) -> Vec<Value> {
    let mut java = Command::from(kafka.java("stack.EveryRecord"));
    let printed = output(java.args([command, &kafka.internal_servers()]), "").await;
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Writes records from before 1970, which the Java client cannot.
async fn write_before_1970(kafka: &Kafka) {
    let mut config = ClientConfig::new();
    let producer: FutureProducer = config.set("bootstrap.servers", kafka.internal_servers()).create().unwrap();
    for timestamp_ms in [-1, -2, -86_400_000, i64::MIN] {
        let value = format!("{{\"timestamp\":{timestamp_ms}}}");
        let record = FutureRecord::<(), _>::to("timestamps").partition(0).payload(&value).timestamp(timestamp_ms);
        producer.send(record, Duration::from_secs(20)).await.unwrap();
    }
}

fn partition(topic: &str) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition: 0 }
}

/// The records by topic, each as Lambda delivers it.
fn by_topic(records: Vec<Value>) -> BTreeMap<String, Vec<Value>> {
    let mut topics: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for record in records {
        topics.entry(record["topic"].as_str().unwrap().to_owned()).or_default().push(record);
    }
    topics
}

fn forms(records: &[Value]) -> Forms {
    let form = |record: &Value| {
        let value = record["value"].as_str().map(|value| Bytes::from(BASE64_STANDARD.decode(value).unwrap()));
        (record["offset"].as_u64().unwrap(), Form::of(value.as_ref()))
    };
    records.iter().map(form).collect()
}

/// The records of a topic that the archive in `folder` holds.
fn archived(folder: &Path, topic: &str) -> Forms {
    let mut found = Forms::new();
    for place in Folder::ALL {
        let below = partition(topic).folder(place);
        let Ok(entries) = fs::read_dir(folder.join(below.as_ref())) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            let bytes = Bytes::from(fs::read(&path).unwrap());
            let name = below.clone().join(path.file_name().unwrap().to_str().unwrap());
            let first = partition(topic).offset_of(place, &name).unwrap();
            let forms = match path.extension().unwrap().to_str().unwrap() {
                "null" => vec![Form::Null],
                "bin" => vec![Form::NotJson(bytes)],
                _ => {
                    let lines = bytes.strip_suffix(b"\n").unwrap().split(|byte| *byte == b'\n');
                    lines.map(|line| Form::Line(bytes.slice_ref(line))).collect()
                }
            };
            for (offset, form) in (first..).zip(forms) {
                assert_eq!(found.insert(offset, form), None, "{topic}: offset {offset} twice");
            }
        }
    }
    found
}

async fn archiver(folder: &Path) -> Archiver {
    let bucket = Bucket::open(&ArchiveUrl::Folder(folder.to_owned())).await.unwrap();
    Archiver::new(bucket, Limits::default())
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

/// Returns the counts of a report that has neither a failure nor a loss.
fn complete(report: Report) -> Counts {
    assert!(report.left_behind.is_empty(), "{report:?}");
    let total = report.into_result().unwrap().total();
    assert_eq!(total.lost, 0);
    total
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn a_run_and_events_archive_exactly_what_kafkas_own_consumer_reads() {
    // Kafka looks every 15 s for something to compact, by default.
    let kafka = Kafka::start(Options::default().with("log.cleaner.backoff.ms", "50")).await.unwrap();
    java(&kafka, "write").await;
    write_before_1970(&kafka).await;
    let consumed = by_topic(java(&kafka, "read").await);
    let reader = Reading::connect(&Cluster::plaintext(kafka.internal_servers())).await.unwrap();
    let partitions = reader.partitions().await.unwrap();
    let topics: Vec<String> = partitions.into_iter().map(|partition| partition.topic).collect();
    let without: Vec<_> = topics.iter().filter(|topic| !consumed.contains_key(*topic)).collect();
    assert_eq!(without, ["transactions.none"], "the topics without a committed record");

    let by_run = tempfile::tempdir().unwrap();
    complete(run::run(&reader, &archiver(by_run.path()).await, &topics, in_a_minute()).await);
    let by_events = tempfile::tempdir().unwrap();
    let writer = archiver(by_events.path()).await;
    for (topic, records) in &consumed {
        for batch in records.chunks(EVENT_RECORDS) {
            let records = Map::from_iter([(format!("{topic}-0"), json!(batch))]);
            let event = serde_json::from_value(json!({"eventSource": "aws:kafka", "records": records})).unwrap();
            complete(event::store(&reader, &writer, &topics, event, in_a_minute()).await);
        }
    }
    for topic in &topics {
        let expected = consumed.get(topic).map(|records| forms(records)).unwrap_or_default();
        for (folder, source) in [(&by_run, "a run"), (&by_events, "events")] {
            let found = archived(folder.path(), topic);
            let differing: Vec<_> =
                expected.keys().chain(found.keys()).filter(|at| expected.get(at) != found.get(at)).collect();
            assert!(differing.is_empty(), "{topic} by {source}: offsets {differing:?}");
        }
    }
    for folder in [&by_run, &by_events] {
        let again = run::run(&reader, &archiver(folder.path()).await, &topics, in_a_minute()).await;
        assert_eq!(complete(again), Counts::default(), "a run after all records are archived");
    }
}

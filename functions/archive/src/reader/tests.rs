//! Runs against librdkafka's mock cluster: a broker's protocol without authentication, retention by time and
//! transactions.

use std::time::Duration;

use rdkafka::{
    ClientConfig,
    message::{Header, OwnedHeaders},
    mocking::MockCluster,
    producer::{FutureProducer, FutureRecord, Producer},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::time::Instant;

use super::*;
use crate::{
    run::run,
    store::{Archiver, Limits},
    testing::{Memory, forms, rows, stored},
};

type Cluster = MockCluster<'static, rdkafka::producer::DefaultProducerContext>;

fn cluster(topics: &[&str]) -> Cluster {
    let cluster = MockCluster::new(2).unwrap();
    for topic in topics {
        cluster.create_topic(topic, 1, 1).unwrap();
    }
    cluster
}

fn of(topic: &str) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition: 0 }
}

/// Headers with a null value, an empty one, and the same name twice.
fn headers() -> OwnedHeaders {
    let values = [("null", None), ("empty", Some("")), ("twice", Some("1")), ("twice", None)];
    values.into_iter().fold(OwnedHeaders::new(), |headers, (key, value)| headers.insert(Header { key, value }))
}

async fn produce(cluster: &Cluster, topic: &str, compression: &str, records: &[ConsumerRecord]) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", cluster.bootstrap_servers());
    config.set("compression.type", compression).set("linger.ms", "20").set("max.in.flight", "1");
    let producer: FutureProducer = config.create().unwrap();
    let sent: Vec<_> = records
        .iter()
        .map(|record| {
            let mut message = FutureRecord::<(), [u8]>::to(topic).partition(0);
            message.payload = record.value.as_deref();
            message.headers = Some(headers());
            producer.send_result(message).unwrap()
        })
        .collect();
    producer.flush(Duration::from_secs(10)).unwrap();
    for (record, sent) in records.iter().zip(sent) {
        assert_eq!(sent.await.unwrap().unwrap().offset, i64::try_from(record.offset).unwrap());
    }
}

async fn connect(servers: &str) -> Result<Kafka, ReadError> {
    Kafka::connect(&shared::cluster::Cluster::plaintext(servers.to_owned())).await
}

#[tokio::test]
async fn a_run_reads_every_compression_and_the_next_run_continues() {
    let compressions = ["none", "gzip", "snappy", "lz4", "zstd"];
    let topics = compressions.map(|compression| format!("{compression}.pin"));
    let cluster = cluster(&topics.each_ref().map(String::as_str));
    let memory = Memory::default();
    let warm = Archiver::new(memory.bucket(1_000), Limits { records: 64, ..Limits::default() });
    for (known, end) in [(0, 300), (300, 450)] {
        for (topic, compression) in topics.iter().zip(compressions) {
            produce(&cluster, topic, compression, &rows(topic, known..end)).await;
        }
        let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
        let report = run(&kafka, &warm, &topics, Instant::now() + Duration::from_mins(1)).await;
        let report = report.into_result().unwrap();
        for topic in &topics {
            assert_eq!(report.topics[topic].records, end - known, "{topic}");
            assert_eq!(stored(&memory, &of(topic)).await.0, forms(&rows(topic, 0..end)), "{topic}");
        }
    }
}

#[tokio::test]
async fn nulls_and_values_that_are_not_json_are_read_as_sent() {
    let cluster = cluster(&["a.pin"]);
    let values = [Some(&b"1"[..]), None, Some(b""), Some(b"\xff{")];
    let records: Vec<ConsumerRecord> =
        (0..).zip(values).map(|(offset, value)| ConsumerRecord { offset, value: value.map(Into::into) }).collect();
    produce(&cluster, "a.pin", "none", &records).await;
    let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
    assert_eq!(kafka.partitions().await.unwrap(), [of("a.pin")]);
    assert_eq!(kafka.bounds(&of("a.pin")).await.unwrap(), 0..4);
    assert_eq!(kafka.read(&of("a.pin"), 0).await.unwrap(), records);
}

#[tokio::test]
async fn reading_begins_inside_a_batch_and_ends_at_the_topics_end() {
    let cluster = cluster(&["a.pin"]);
    let records = rows("a", 0..100);
    produce(&cluster, "a.pin", "zstd", &records).await;
    let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
    assert_eq!(kafka.read(&of("a.pin"), 41).await.unwrap(), records[41..]);
    assert_eq!(kafka.read(&of("a.pin"), 100).await.unwrap(), []);
    assert!(matches!(kafka.read(&of("a.pin"), 101).await, Err(ReadError::OutOfRange(101))));
}

#[tokio::test]
async fn an_election_and_a_lost_broker_only_delay_a_request() {
    let cluster = cluster(&["a.pin"]);
    let records = rows("a", 0..9);
    produce(&cluster, "a.pin", "none", &records).await;
    let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
    let elected = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION; 2];
    for request in [RDKafkaApiKey::Fetch, RDKafkaApiKey::ListOffsets] {
        cluster.request_errors(request, &elected);
    }
    assert_eq!(kafka.read(&of("a.pin"), 0).await.unwrap(), records);
    assert_eq!(kafka.bounds(&of("a.pin")).await.unwrap(), 0..9);
    for (down, leader) in [(1, 2), (2, 1)] {
        cluster.partition_leader("a.pin", 0, Some(leader)).unwrap();
        cluster.broker_down(down).unwrap();
        assert_eq!(kafka.read(&of("a.pin"), 0).await.unwrap(), records, "{leader} leads");
        cluster.broker_up(down).unwrap();
    }
}

#[tokio::test]
async fn a_permanent_error_is_named_at_once() {
    let cluster = cluster(&["a.pin"]);
    let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
    cluster.request_errors(RDKafkaApiKey::Fetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED]);
    let error = shared::error_chain::one_line(&kafka.read(&of("a.pin"), 0).await.unwrap_err());
    assert_eq!(error, "Kafka cannot be read: the broker responded with TOPIC_AUTHORIZATION_FAILED");
    assert_eq!(kafka.read(&of("a.pin"), 0).await.unwrap(), []);
}

#[tokio::test]
async fn concurrent_requests_leave_no_more_connections_than_they_needed() {
    let cluster = cluster(&["a.pin", "a.geo", "a.user"]);
    let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
    for _ in 0..3 {
        for topic in ["a.pin", "a.geo", "a.user"] {
            kafka.bounds(&of(topic)).await.unwrap();
        }
    }
    // One for each broker.
    assert!(kafka.open_connections() <= 2, "{}", kafka.open_connections());
}

#[tokio::test]
async fn records_that_the_cluster_dropped_are_reported_as_lost() {
    let cluster = cluster(&["a.pin"]);
    // The mock cluster keeps 5 MiB per partition.
    let value = format!("\"{}\"", "x".repeat(100_000));
    let records: Vec<ConsumerRecord> =
        (0..80).map(|offset| ConsumerRecord { offset, value: Some(value.clone().into()) }).collect();
    for batch in records.chunks(8) {
        produce(&cluster, "a.pin", "none", batch).await;
    }
    let memory = Memory::default();
    let archiver = Archiver::new(memory.bucket(1_000), Limits::default());
    let kafka = connect(&cluster.bootstrap_servers()).await.unwrap();
    let start = kafka.bounds(&of("a.pin")).await.unwrap().start;
    assert!((10..80).contains(&start), "{start}");
    let topics = ["a.pin".to_owned()];
    let report = run(&kafka, &archiver, &topics, Instant::now() + Duration::from_mins(1)).await;
    let total = report.into_result().unwrap().total();
    assert_eq!((total.lost, total.records), (start, 80 - start));
    assert!(matches!(kafka.read(&of("a.pin"), 0).await, Err(ReadError::OutOfRange(0))));
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_cluster_is_named_within_ten_seconds() {
    let started = Instant::now();
    let error = connect("127.0.0.1:1, localhost:2").await.unwrap_err();
    assert!(started.elapsed() < Duration::from_secs(11));
    let line = shared::error_chain::one_line(&error);
    assert!(line.starts_with("cannot connect to Kafka at 127.0.0.1:1, localhost:2: "), "{line}");
    assert!(line.contains("Connection refused"), "{line}");
}

#[tokio::test(start_paused = true)]
async fn an_unresponsive_cluster_is_named_within_ten_seconds() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = silent.local_addr().unwrap().to_string();
    let error = connect(&address).await.unwrap_err();
    let error = shared::error_chain::one_line(&error);
    assert!(error.ends_with(&format!("the connection to {address} failed: no response within 4 s")), "{error}");
}

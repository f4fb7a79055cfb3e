//! The loss of one or two of three brokers, where a record needs two in-sync replicas.

use archive::{
    layout::TopicPartition,
    reader::{Kafka as Reading, Reader},
    record::ConsumerRecord,
};
use serde_json::Value;
use shared::{cluster::Cluster, deadline::REQUEST_TIMEOUT, kind::GEO};
use stack::kafka::{Kafka, Options};
use tokio::time::{Duration, sleep};

use crate::support::{
    msk::{Ingest, cluster, tenant},
    pipeline::envelope,
    rows::with,
};

fn geo(ind: u32) -> String {
    envelope(&[&with(&GEO, &[("ind", Some(ind.into()))])])
}

/// The broker's default timeout is 9 s, and requests wait that long.
async fn three_brokers() -> Kafka {
    Kafka::start(Options::three().with("broker.session.timeout.ms", "3000")).await.unwrap()
}

/// The `ind` of each row in the geo topic.
async fn written(cluster: &Cluster, topic: &str) -> Vec<u32> {
    let reading = Reading::connect(cluster).await.unwrap();
    let partition = TopicPartition { topic: topic.to_owned(), partition: 0 };
    let end = reading.bounds(&partition).await.unwrap().end;
    let mut read = Vec::new();
    while (read.len() as u64) < end {
        read.extend(reading.read(&partition, read.len() as u64).await.unwrap());
    }
    let ind = |record: &ConsumerRecord| {
        let row: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
        row["ind"].as_u64().unwrap().try_into().unwrap()
    };
    read.iter().map(ind).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn a_broker_restart_neither_loses_nor_duplicates_a_record() {
    let kafka = three_brokers().await;
    let (user_ids, role) = tenant(&kafka, "three").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let ingest = Ingest::start(&cluster, &user_ids).await;
    for ind in 0..60 {
        if ind == 20 {
            kafka.kill_broker(1).await.unwrap();
        }
        if ind == 40 {
            kafka.restart_broker(1).await.unwrap();
        }
        let answer = ingest.post("/topics/three.geo", geo(ind)).await;
        assert_eq!(answer.status, 200, "{ind}: {}", answer.body);
        if ind % 10 == 9 {
            let read = ingest.get("/topics/three.geo/records?count=1").await;
            assert_eq!(read.json()["records"][0]["value"]["ind"], ind, "{ind}: {}", read.body);
        }
    }
    assert_eq!(written(&cluster, "three.geo").await, (0..60).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn without_enough_replicas_a_record_is_a_503_and_written_at_most_once() {
    let kafka = three_brokers().await;
    let (user_ids, role) = tenant(&kafka, "alone").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let mut ingest = Ingest::start(&cluster, &user_ids).await;
    let answer = ingest.post("/topics/alone.geo", geo(1)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    kafka.kill_broker(2).await.unwrap();
    kafka.kill_broker(3).await.unwrap();
    ingest.request_timeout = Duration::from_secs(5);
    let answer = ingest.post("/topics/alone.geo", geo(2)).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"), "{:?}", answer.headers);

    tokio::join!(async { kafka.restart_broker(2).await.unwrap() }, async { kafka.restart_broker(3).await.unwrap() });
    ingest.request_timeout = REQUEST_TIMEOUT;
    let answer = ingest.post("/topics/alone.geo", geo(3)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let written = written(&cluster, "alone.geo").await;
    // The unconfirmed one may have been written later.
    assert!([&[1, 3][..], &[1, 2, 3]].contains(&written.as_slice()), "{written:?}");
}

/// librdkafka would number all records anew once one expires in its queue, and a broker could not recognize those that it has.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn a_record_that_waits_for_replicas_is_written_once_whatever_waits_before_it() {
    // The leader takes records for the lost replicas this long.
    let kafka = Kafka::start(Options::three().with("broker.session.timeout.ms", "20000")).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "wait").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let mut ingest = Ingest::start(&cluster, &user_ids).await;
    let answer = ingest.post("/topics/wait.geo", geo(1)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let topic = ingest.get("/topics/wait.geo").await;
    let leader = topic.json()["partitions"][0]["leader"].as_u64().unwrap();
    let followers: Vec<_> = (1..=3).filter(|number| *number as u64 != leader).collect();
    for follower in &followers {
        kafka.kill_broker(*follower).await.unwrap();
    }
    ingest.request_timeout = Duration::from_secs(50);
    let late = async {
        sleep(Duration::from_secs(15)).await;
        ingest.post("/topics/wait.geo", geo(3)).await
    };
    // Later than any timeout of a record that librdkafka has.
    let restart = async {
        sleep(Duration::from_secs(32)).await;
        for follower in &followers {
            kafka.restart_broker(*follower).await.unwrap();
        }
    };
    let (early, late, ()) = tokio::join!(ingest.post("/topics/wait.geo", geo(2)), late, restart);
    let written = written(&cluster, "wait.geo").await;
    let statuses = [early.status.as_u16(), late.status.as_u16()];
    assert_eq!(statuses, [200, 200], "{} {} {written:?}", early.body, late.body);
    assert_eq!(written, [1, 2, 3]);
}

//! Three brokers, of which two must hold a record: what the loss of brokers costs.

use archive::{
    layout::TopicPartition,
    reader::{Kafka as Reading, Reader},
};
use shared::{deadline::USUAL_TIME, kind::GEO};
use stack::kafka::{Kafka, Options};
use tokio::time::{Duration, Instant, sleep};

use crate::support::{
    msk::{Ingest, cluster, tenant},
    pipeline::envelope,
    rows::with,
};

fn geo(ind: u32) -> String {
    envelope(&[&with(&GEO, &[("ind", Some(ind.into()))])])
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn what_was_answered_200_is_there_once_after_the_loss_of_a_broker_and_a_503_without_replicas() {
    // The broker's own default is 9 s, which a request waits for as well.
    let kafka = Kafka::start(Options::three().with("broker.session.timeout.ms", "3000")).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "three").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let mut ingest = Ingest::start(&cluster, &user_ids).await;
    let mut written = Vec::new();
    let mut slowest = Duration::ZERO;
    for ind in 0..60 {
        if ind == 20 {
            kafka.kill_broker(1).await.unwrap();
        }
        if ind == 40 {
            kafka.restart_broker(1).await.unwrap();
        }
        let begun = Instant::now();
        let answer = ingest.post("/topics/three.geo", geo(ind)).await;
        slowest = slowest.max(begun.elapsed());
        assert_eq!(answer.status, 200, "{ind}: {}", answer.body);
        written.push(ind);
        sleep(Duration::from_millis(20)).await;
    }
    eprintln!("the slowest of them took {slowest:?}");
    kafka.kill_broker(2).await.unwrap();
    kafka.kill_broker(3).await.unwrap();
    ingest.time = Duration::from_secs(5);
    let answer = ingest.post("/topics/three.geo", geo(1000)).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(answer.headers.contains_key("retry-after"));
    tokio::join!(async { kafka.restart_broker(2).await.unwrap() }, async { kafka.restart_broker(3).await.unwrap() });
    ingest.time = USUAL_TIME;
    let answer = ingest.post("/topics/three.geo", geo(1001)).await;
    assert_eq!(answer.status, 200, "{}", answer.body);

    let reading = Reading::connect(&cluster).await.unwrap();
    let partition = TopicPartition { topic: "three.geo".to_owned(), partition: 0 };
    let mut read = Vec::new();
    let end = reading.bounds(&partition).await.unwrap().end;
    while let Some(next) = Some(read.len() as u64).filter(|next| *next < end) {
        read.extend(reading.read(&partition, next).await.unwrap());
    }
    let inds: Vec<u64> = read
        .iter()
        .map(|record| {
            serde_json::from_slice::<serde_json::Value>(record.value.as_ref().unwrap()).unwrap()["ind"]
                .as_u64()
                .unwrap()
        })
        .collect();
    let mut expected: Vec<u64> = written.iter().map(|ind| u64::from(*ind)).collect();
    // The unconfirmed one may have been written later, once.
    expected.extend(inds.iter().filter(|ind| **ind == 1000).take(1));
    expected.push(1001);
    assert_eq!(inds, expected);
}

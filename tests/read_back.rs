//! Records are read back over HTTP, without a group, and from a real Kafka only committed ones.

use std::time::Duration;

use aws_credential_types::Credentials;
use axum::{
    body::Body,
    http::{Request, header},
};
use futures::future::join_all;
use rdkafka::{
    ClientConfig,
    producer::{BaseProducer, BaseRecord, Producer},
};
use serde_json::{Value, json};
use shared::kind::GEO;
use tokio::time::{Instant, sleep};

use crate::support::{
    msk::{Ingest, cluster, shared_kafka, tenant},
    pipeline::{Answer, Pipeline, answer, envelope},
    recorder::Recorder,
    rows::with,
};

/// Writes geo rows with these join keys to `topic`, one request each, and returns their offsets by partition.
async fn write(pipeline: &Pipeline, topic: &str, inds: impl IntoIterator<Item = i64>) -> Vec<(i64, i64)> {
    let mut written = Vec::new();
    for ind in inds {
        let row = with(&GEO, &[("ind", Some(json!(ind)))]);
        let answer = pipeline.post(&format!("/topics/{topic}"), envelope(&[&row])).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let at = &answer.json()["offsets"][0];
        written.push((at["partition"].as_i64().unwrap(), at["offset"].as_i64().unwrap()));
    }
    written
}

fn inds(answer: &Answer) -> Vec<i64> {
    assert_eq!(answer.status, 200, "{}", answer.body);
    let records = answer.json()["records"].as_array().unwrap().clone();
    records.iter().map(|record| record["value"]["ind"].as_i64().unwrap()).collect()
}

#[tokio::test]
async fn records_are_read_from_any_offset_in_their_order() {
    let pipeline = Pipeline::start().await;
    write(&pipeline, "u.geo", 0..30).await;
    for (query, expected, next) in [
        ("?offset=earliest", 0..10, 10),
        ("?offset=0&count=3", 0..3, 3),
        ("?offset=25&count=1000", 25..30, 30),
        ("?offset=-4", 26..30, 30),
        ("?offset=-40&count=2", 0..2, 2),
        ("?offset=latest&timeout=0", 30..30, 30),
        ("?offset=30&timeout=0", 30..30, 30),
        ("?count=5", 25..30, 30),
        ("", 20..30, 30),
    ] {
        let answer = pipeline.get(&format!("/topics/u.geo/partitions/0/records{query}")).await;
        assert_eq!(inds(&answer), expected.collect::<Vec<_>>(), "{query}");
        assert_eq!(answer.json()["next_offset"], next, "{query}");
    }
    let answer = pipeline.get("/topics/u.geo/partitions/0/records?offset=31").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error_code"].clone()), (400, json!(400)));
    assert!(answer.body.contains("offset 31 is not in the partition, which has 0 to 30"), "{}", answer.body);
}

#[tokio::test]
async fn the_newest_records_of_all_partitions_are_read_together() {
    let pipeline = Pipeline::start().await;
    let partitions = write(&pipeline, "v.geo", 0..40).await;
    assert!(partitions.iter().any(|(partition, _)| *partition != partitions[0].0), "{partitions:?}");
    let times = |answer: &Answer| -> Vec<i64> {
        let records = answer.json()["records"].as_array().unwrap().clone();
        records.iter().map(|record| record["timestamp"].as_i64().unwrap()).collect()
    };
    let all = pipeline.get("/topics/v.geo/records?count=1000").await;
    let mut every = inds(&all);
    every.sort_unstable();
    assert_eq!(every, (0..40).collect::<Vec<_>>());
    let answer = pipeline.get("/topics/v.geo/records?count=25").await;
    assert_eq!(times(&answer), times(&all)[15..], "the newest last");
    assert!(times(&answer).is_sorted());
    assert_eq!(answer.json()["next_offset"], Value::Null);
    assert_eq!(inds(&pipeline.get("/topics/v.user/records").await), [0_i64; 0], "an empty topic");
}

/// librdkafka reports the end of a partition only if nothing new is in a fetch's response.
#[tokio::test]
async fn a_topic_that_is_written_to_all_the_time_is_read_to_the_end_that_it_had() {
    let pipeline = Pipeline::start().await;
    write(&pipeline, "v.geo", 0..20).await;
    let writing = async {
        for ind in 20.. {
            write(&pipeline, "v.geo", [ind]).await;
        }
    };
    let reading = async {
        for _ in 0..5 {
            assert_eq!(inds(&pipeline.get("/topics/v.geo/records?count=5").await).len(), 5);
            let path = "/topics/v.geo/partitions/0/records?offset=earliest&count=1000";
            assert!(!inds(&pipeline.get(path).await).is_empty());
        }
    };
    tokio::select! {
        () = writing => {}
        () = reading => {}
    }
}

#[tokio::test]
async fn a_reader_at_the_end_waits_for_the_next_record() {
    let pipeline = Pipeline::start().await;
    write(&pipeline, "u.geo", [1]).await;
    let begun = Instant::now();
    let read = pipeline.get("/topics/u.geo/partitions/0/records?offset=latest&timeout=10000");
    let (answer, _) = tokio::join!(read, async {
        // The consumer reads the end first.
        sleep(Duration::from_secs(1)).await;
        write(&pipeline, "u.geo", [2]).await
    });
    assert_eq!(inds(&answer), [2]);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    let begun = Instant::now();
    let answer = pipeline.get("/topics/u.geo/partitions/0/records?offset=latest&timeout=1500").await;
    assert_eq!((inds(&answer), answer.json()["next_offset"].clone()), (Vec::new(), json!(2)));
    assert!(begun.elapsed() >= Duration::from_millis(1500), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_record_has_its_key_headers_and_time_in_json_or_in_base64() {
    let pipeline = Pipeline::start().await;
    let row = with(&GEO, &[("ind", Some(json!(7)))]);
    let sent =
        format!(r#"{{"records":[{{"key":"k","value":{row},"headers":[{{"key":"trace","value":"dGV4dA=="}}]}}]}}"#);
    assert_eq!(pipeline.post("/topics/u.geo", sent).await.status, 200);
    let get = |accept: &'static str| {
        Request::get("/topics/u.geo/partitions/0/records").header("Accept", accept).body(Body::empty()).unwrap()
    };
    let answer = pipeline.send(get("*/*")).await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/vnd.kafka.json.v2+json");
    let record = &answer.json()["records"][0];
    let headers = json!([{"key": "trace", "value": "dGV4dA=="}]);
    assert_eq!((&record["key"], &record["headers"], &record["topic"]), (&json!("k"), &headers, &json!("u.geo")));
    assert!(record["timestamp"].as_i64().unwrap() > 1_700_000_000_000, "{record}");
    assert!(answer.body.contains(&row), "the value as it was written: {}", answer.body);
    let answer = pipeline.send(get("application/vnd.kafka.binary.v2+json")).await;
    assert_eq!(answer.header(header::CONTENT_TYPE), "application/vnd.kafka.binary.v2+json");
    assert_eq!(answer.json()["records"][0]["key"], "Imsi");
    assert_eq!(pipeline.send(get("text/html")).await.status, 406);
}

#[tokio::test]
async fn a_lost_broker_is_a_503_until_it_returns() {
    let pipeline = Pipeline::start().await;
    write(&pipeline, "u.geo", [1]).await;
    pipeline.cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let answer = pipeline.get("/topics/u.geo/records").await;
    assert_eq!((answer.status.as_u16(), answer.json()["error_code"].clone()), (503, json!(50003)));
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    pipeline.cluster.broker_up(1).unwrap();
    write(&pipeline, "u.geo", [2]).await;
    assert_eq!(inds(&pipeline.get("/topics/u.geo/records").await), [1, 2]);
}

#[tokio::test]
async fn reads_beyond_the_limit_are_a_429_within_seconds() {
    let pipeline = Pipeline::start().await;
    let waiting = (0..16).map(|_| pipeline.get("/topics/u.geo/partitions/0/records?offset=latest&timeout=5000"));
    let beyond = async || {
        // Until all of them read.
        loop {
            let begun = Instant::now();
            let answer = pipeline.get("/topics/u.geo/partitions/0/records?offset=latest&timeout=0").await;
            if answer.status != 200 {
                return (answer, begun.elapsed());
            }
        }
    };
    let (waited, (answer, took)) = tokio::join!(join_all(waiting), beyond());
    assert!(waited.iter().all(|answer| answer.status == 200), "{:?}", waited.iter().map(|it| it.status));
    assert_eq!((answer.status.as_u16(), answer.header(header::RETRY_AFTER)), (429, "1"), "{}", answer.body);
    assert!(took < Duration::from_secs(3), "{took:?}");
}

#[tokio::test]
async fn reading_can_be_switched_off() {
    let router = ingest::router(Recorder::default().app().with_read_back(false));
    for path in ["/topics/u.geo/records", "/topics/u.geo/partitions/0/records"] {
        let answer = answer(&router, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, 404);
        assert!(answer.body.contains("reading records is switched off here"), "{}", answer.body);
    }
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_record_is_found_within_a_second_by_iam_and_only_once_it_is_committed() {
    let kafka = shared_kafka().await;
    // Without any right on groups.
    let (user_ids, role) = tenant(kafka, "read-back").await;
    let ingest = Ingest::start(&cluster(kafka, kafka.region(), role.credentials()), &user_ids).await;
    let row = with(&GEO, &[("ind", Some(json!(1)))]);
    assert_eq!(ingest.post("/topics/read-back.geo", envelope(&[&row])).await.status, 200);
    let begun = Instant::now();
    let answer = ingest.get("/topics/read-back.geo/records").await;
    assert_eq!(inds(&answer), [1]);
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());

    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", kafka.internal_servers())
        .set("transactional.id", "read-back")
        .create()
        .unwrap();
    let within = Duration::from_secs(20);
    producer.init_transactions(within).unwrap();
    for (ind, commits) in [(2, true), (3, false), (4, true)] {
        producer.begin_transaction().unwrap();
        let row = with(&GEO, &[("ind", Some(json!(ind)))]);
        producer.send(BaseRecord::<(), str>::to("read-back.geo").payload(&row)).unwrap();
        producer.flush(within).unwrap();
        if commits { producer.commit_transaction(within).unwrap() } else { producer.abort_transaction(within).unwrap() }
    }
    let path = "/topics/read-back.geo/partitions/0/records?offset=earliest";
    assert_eq!(inds(&ingest.get(path).await), [1, 2, 4]);
    assert_eq!(inds(&ingest.get("/topics/read-back.geo/records").await), [1, 2, 4]);

    producer.begin_transaction().unwrap();
    let row = with(&GEO, &[("ind", Some(json!(5)))]);
    producer.send(BaseRecord::<(), str>::to("read-back.geo").payload(&row)).unwrap();
    producer.flush(within).unwrap();
    assert_eq!(inds(&ingest.get(path).await), [1, 2, 4], "an open transaction");
    producer.commit_transaction(within).unwrap();
    assert_eq!(inds(&ingest.get(path).await), [1, 2, 4, 5]);
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn rejected_credentials_are_an_error_within_seconds() {
    let kafka = shared_kafka().await;
    let (user_ids, role) = tenant(kafka, "read-denied").await;
    let wrong = Credentials::new(&role.access_key, "wrong", role.session_token.clone(), None, "test");
    let denied = Ingest::start(&cluster(kafka, kafka.region(), wrong), &user_ids).await;
    let begun = Instant::now();
    let answer = denied.get("/topics/read-denied.geo/records").await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

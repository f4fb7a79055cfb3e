use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;
use crate::{
    store::Limits,
    testing::{Memory, forms, stored},
};

fn of(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

/// As Lambda writes a record; `null` where Kafka has none.
fn delivered(topic: &str, partition: i32, offset: i64, value: Option<&str>) -> serde_json::Value {
    json!({
        "topic": topic, "partition": partition, "offset": offset,
        "timestamp": 1_595_035_749_700_i64, "timestampType": "CREATE_TIME",
        "key": null, "value": value.map(|value| STANDARD.encode(value)), "headers": [],
    })
}

fn event(records: &serde_json::Value) -> KafkaEvent {
    let event = json!({"eventSource": "aws:kafka", "bootstrapServers": "b-1:9098", "records": records});
    serde_json::from_value(event).unwrap()
}

async fn store_with(memory: &Memory, event: KafkaEvent) -> Report {
    let archiver = Archiver::new(memory.bucket(10), Limits::default());
    let topics = ["a.pin".to_owned(), "a.geo".to_owned()];
    store(&archiver, &topics, event, Instant::now() + Duration::from_mins(1)).await
}

#[tokio::test]
async fn every_partition_of_an_event_is_stored_and_storing_it_again_changes_nothing() {
    let memory = Memory::default();
    let event = event(&json!({
        "a.pin-0": [delivered("a.pin", 0, 7, Some("{\"a\": 1}")), delivered("a.pin", 0, 8, None)],
        "a.pin-1": [delivered("a.pin", 1, 0, Some("2"))],
        "a.geo-0": [delivered("a.geo", 0, 3, Some("{"))],
    }));
    for (records, quarantined) in [(2, 2), (0, 0)] {
        let total = store_with(&memory, event.clone()).await.into_result().unwrap().total();
        assert_eq!((total.records, total.quarantined), (records, quarantined));
        for (partition, expected) in [
            (of("a.pin", 0), vec![(7, Some("{\"a\": 1}")), (8, None)]),
            (of("a.pin", 1), vec![(0, Some("2"))]),
            (of("a.geo", 0), vec![(3, Some("{"))]),
        ] {
            let record = |(offset, value): (u64, Option<&'static str>)| Record { offset, value: value.map(Into::into) };
            let expected: Vec<Record> = expected.into_iter().map(record).collect();
            assert_eq!(stored(&memory, &partition).await.0, forms(&expected), "{partition}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_stored_fails_the_event_and_the_rest_is_stored() {
    let mut no_topic = delivered("a.pin", 2, 0, Some("1"));
    no_topic["topic"] = json!(null);
    let mut not_base64 = delivered("a.pin", 3, 0, Some("1"));
    not_base64["value"] = json!("=");
    for (name, record, problem) in [
        ("b.pin-0", delivered("b.pin", 0, 0, Some("1")), "the topic b.pin is not one of USER_IDS' topics"),
        ("a.pin-2", no_topic, "a.pin-2: a record names no topic"),
        ("a.pin-3", not_base64, "a.pin-3: the value of offset 0 is not base64"),
        ("a.pin-4", delivered("a.pin", 4, -1, None), "a.pin-4: a record has the offset -1"),
        ("a.pin-5", delivered("a.pin", -5, 0, None), "a.pin-5: a record is of partition -5"),
    ] {
        let memory = Memory::default();
        let event = event(&json!({name: [record], "a.pin-0": [delivered("a.pin", 0, 0, Some("1"))]}));
        let report = store_with(&memory, event).await;
        assert_eq!(report.topics["a.pin"].records, 1, "{name}");
        assert_eq!(stored(&memory, &of("a.pin", 0)).await.0.len(), 1, "{name}");
        let failed = report.into_result().unwrap_err().to_string();
        assert!(failed.starts_with(problem), "{failed}");
    }
}

#[tokio::test]
async fn an_event_that_is_not_done_in_time_fails() {
    let archiver = Archiver::new(Memory::default().bucket(10), Limits::default());
    let event = event(&json!({"a.pin-0": [delivered("a.pin", 0, 0, Some("1"))]}));
    let report = store(&archiver, &["a.pin".to_owned()], event, Instant::now()).await;
    assert_eq!(report.into_result().unwrap_err().to_string(), "a.pin-0 was not done in time");
}

#[tokio::test]
async fn an_event_of_a_topic_that_was_made_again_fails() {
    let memory = Memory::default();
    for (value, is_stored) in [("1", true), ("2", false)] {
        let report = store_with(&memory, event(&json!({"a.pin-0": [delivered("a.pin", 0, 0, Some(value))]}))).await;
        match report.failures.as_slice() {
            [] => assert!(is_stored),
            [Failure::Store(_, StoreError::Differs { offset: 0 })] => assert!(!is_stored),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn what_lies_between_the_archive_and_an_event_is_counted_as_lost_once() {
    let memory = Memory::default();
    let archiver = Archiver::new(memory.bucket(10), Limits::default());
    for (offset, lost) in [(0, 0), (1, 0), (5, 3), (5, 0), (6, 0)] {
        let event = event(&json!({"a.pin-0": [delivered("a.pin", 0, offset, Some("1"))]}));
        let report = store(&archiver, &["a.pin".to_owned()], event, Instant::now() + Duration::from_mins(1)).await;
        assert_eq!(report.into_result().unwrap().total().lost, lost, "{offset}");
    }
}

#[tokio::test]
async fn the_end_is_looked_up_once_for_the_first_event_and_not_for_those_that_follow_on() {
    let memory = Memory::default();
    let batch = [delivered("a.pin", 0, 0, Some("1"))];
    let records = [Record { offset: 0, value: Some("1".into()) }];
    Archiver::new(memory.bucket(10), Limits::default())
        .store(&of("a.pin", 0), &records, &mut Counts::default())
        .await
        .unwrap();
    let alone = memory.requests();
    let memory = Memory::default();
    store_with(&memory, event(&json!({"a.pin-0": batch}))).await;
    assert_eq!(memory.requests(), alone);
}

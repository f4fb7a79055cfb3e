use std::time::Duration;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use super::*;
use crate::{
    layout::MAX_OFFSET,
    store::{Counts, Limits, StoreError},
    testing::{Memory, Topic, Topics, forms, row, rows, stored},
};

fn of(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition }
}

/// A record in Lambda's form; `null` for Kafka's null.
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

/// Stores an event that needs no Kafka: any request to it panics.
async fn store_with(memory: &Memory, event: KafkaEvent) -> Report {
    store_beside(memory, &Topics::default(), event).await
}

async fn store_beside(memory: &Memory, kafka: &Topics, event: KafkaEvent) -> Report {
    let archiver = Archiver::new(memory.bucket(10), Limits::default());
    let topics = ["a.pin".to_owned(), "a.geo".to_owned()];
    store(kafka, &archiver, &topics, event, Instant::now() + Duration::from_mins(1)).await
}

/// An event with some of `a.pin`'s `records`.
fn batch(records: &[ConsumerRecord], offsets: impl IntoIterator<Item = u64>) -> KafkaEvent {
    let find = |offset| records.iter().find(|record| record.offset == offset).unwrap();
    let text = |record: &ConsumerRecord| String::from_utf8(record.value.clone().unwrap().to_vec()).unwrap();
    let records = offsets.into_iter().map(find);
    let records = records.map(|record| delivered("a.pin", 0, record.offset.try_into().unwrap(), Some(&text(record))));
    event(&json!({"a.pin-0": records.collect::<Vec<_>>()}))
}

fn kafka(topic: Topic) -> Topics {
    let topics = Topics::default();
    topics.set(of("a.pin", 0), topic);
    topics
}

#[tokio::test]
async fn an_event_stores_every_partition_and_its_redelivery_changes_nothing() {
    let memory = Memory::default();
    let event = event(&json!({
        "a.pin-0": [delivered("a.pin", 0, 0, Some("{\"a\": 1}")), delivered("a.pin", 0, 1, None)],
        "a.pin-1": [delivered("a.pin", 1, 0, Some("2"))],
        "a.geo-0": [delivered("a.geo", 0, 0, Some("{"))],
    }));
    for (records, quarantined) in [(2, 2), (0, 0)] {
        let total = store_with(&memory, event.clone()).await.into_result().unwrap().total();
        assert_eq!((total.records, total.quarantined), (records, quarantined));
        for (partition, expected) in [
            (of("a.pin", 0), vec![(0, Some("{\"a\": 1}")), (1, None)]),
            (of("a.pin", 1), vec![(0, Some("2"))]),
            (of("a.geo", 0), vec![(0, Some("{"))]),
        ] {
            let record =
                |(offset, value): (u64, Option<&'static str>)| ConsumerRecord { offset, value: value.map(Into::into) };
            let expected: Vec<ConsumerRecord> = expected.into_iter().map(record).collect();
            assert_eq!(stored(&memory, &partition).await.0, forms(&expected), "{partition}");
        }
    }
}

#[tokio::test]
async fn keys_headers_and_timestamps_of_any_form_do_not_stop_a_record() {
    let forms = [
        // Lambda's forms: a null header value leaves an empty object, and bytes are signed.
        json!({"headers": [{}, {"empty": []}, {"bytes": [104, -61, -128]}, {"twice": [1]}, {"twice": [2]}]}),
        json!({"headers": [{"null": null}, {"byte": [200]}, {"base64": "aGk="}, null]}),
        json!({"headers": null, "key": null, "timestamp": -1}),
        json!({"timestamp": i64::MAX, "timestampType": "NO_TIMESTAMP_TYPE"}),
        json!({"key": "not base64", "timestamp": "2026"}),
        json!({}),
    ];
    let value = STANDARD.encode("1");
    let record = |(offset, form): (usize, &serde_json::Value)| {
        let mut record = form.clone();
        for (name, member) in
            [("topic", json!("a.pin")), ("partition", json!(0)), ("offset", json!(offset)), ("value", json!(value))]
        {
            record[name] = member;
        }
        record
    };
    let records: Vec<_> = forms.iter().enumerate().map(record).collect();
    let memory = Memory::default();
    let report = store_with(&memory, event(&json!({"a.pin-0": records}))).await;
    assert_eq!(report.into_result().unwrap().total().records, forms.len() as u64);
}

#[tokio::test]
async fn a_value_that_an_event_leaves_out_is_null() {
    let memory = Memory::default();
    let record = json!({"topic": "a.pin", "partition": 0, "offset": 0});
    store_with(&memory, event(&json!({"a.pin-0": [record]}))).await.into_result().unwrap();
    assert_eq!(stored(&memory, &of("a.pin", 0)).await.0, forms(&[ConsumerRecord { offset: 0, value: None }]));
}

#[tokio::test]
async fn a_partition_that_cannot_be_stored_fails_the_event_and_the_others_are_stored() {
    let mut no_topic = delivered("a.pin", 2, 0, Some("1"));
    no_topic["topic"] = json!(null);
    let mut not_base64 = delivered("a.pin", 3, 0, Some("1"));
    not_base64["value"] = json!("=");
    for (name, record, problem) in [
        ("b.pin-0", delivered("b.pin", 0, 0, Some("1")), "the topic b.pin does not belong to USER_IDS"),
        ("a.pin-2", no_topic, "a.pin-2: a record has no topic"),
        ("a.pin-3", not_base64, "a.pin-3: the value of offset 0 is not base64"),
        ("a.pin-4", delivered("a.pin", 4, -1, None), "a.pin-4: a record has the offset -1"),
        ("a.pin-5", delivered("a.pin", -5, 0, None), "a.pin-5: a record has the partition -5"),
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
async fn an_event_that_misses_its_deadline_fails() {
    let archiver = Archiver::new(Memory::default().bucket(10), Limits::default());
    let event = event(&json!({"a.pin-0": [delivered("a.pin", 0, 0, Some("1"))]}));
    let report = store(&Topics::default(), &archiver, &["a.pin".to_owned()], event, Instant::now()).await;
    assert_eq!(report.into_result().unwrap_err().to_string(), "a.pin-0 was not finished in time");
}

#[tokio::test]
async fn an_event_of_a_recreated_topic_fails() {
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
async fn skipped_records_are_read_from_kafka_before_a_batch_is_stored() {
    let records = rows("a", 0..40);
    let (memory, kafka) = (Memory::default(), kafka(Topic::of(records.clone())));
    // The first records, a batch after a gap, a batch with gaps, both of these again, and an old batch.
    for (offsets, end) in [
        ((0..3).collect(), 3),
        ((10..12).collect(), 12),
        (vec![20, 21, 26, 28], 29),
        ((10..12).collect(), 29),
        (vec![20, 21, 26, 28], 29),
        ((5..7).collect::<Vec<_>>(), 29),
    ] {
        let report = store_beside(&memory, &kafka, batch(&records, offsets.clone())).await;
        assert_eq!(report.into_result().unwrap().total().lost, 0, "{offsets:?}");
        let stored = stored(&memory, &of("a.pin", 0)).await.0;
        assert!(stored.len() >= end, "{offsets:?}: {}", stored.len());
        assert_eq!(stored, forms(&records[..stored.len()]), "{offsets:?}");
    }
}

#[tokio::test]
async fn only_records_that_kafka_dropped_count_as_lost_and_only_once() {
    let records = rows("a", 0..40);
    let memory = Memory::default();
    for (offset, start, lost, why) in [
        (0, 0, 0, "nothing is missing"),
        (5, 0, 0, "Kafka holds all missing records"),
        (20, 15, 9, "Kafka holds some of them"),
        (20, 15, 0, "the batch is redelivered"),
        (30, 35, 9, "Kafka dropped the batch's own record too"),
    ] {
        // Records read beyond the batch are stored too.
        let topic =
            Topic { at_once: 1, bounds: start..40, ..Topic::of(records[usize::try_from(start).unwrap()..].to_vec()) };
        let report = store_beside(&memory, &kafka(topic), batch(&records, [offset])).await;
        let known = stored(&memory, &of("a.pin", 0)).await.0;
        assert!(known.contains_key(&offset), "{why}");
        assert_eq!(report.into_result().unwrap().total().lost, lost, "{why}: {:?}", known.keys());
    }
}

#[tokio::test]
async fn offsets_without_records_between_batches_are_not_lost() {
    let records = [row("a", 0), row("a", 4), row("a", 9)];
    let (memory, kafka) = (Memory::default(), kafka(Topic::of(records.to_vec())));
    for offset in [0, 4, 9] {
        let report = store_beside(&memory, &kafka, batch(&records, [offset])).await;
        assert_eq!(report.into_result().unwrap().total().lost, 0, "{offset}");
    }
    assert_eq!(stored(&memory, &of("a.pin", 0)).await.0, forms(&records));
}

#[tokio::test]
async fn nothing_is_stored_after_a_gap_that_cannot_be_read() {
    let records = rows("a", 0..9);
    let (memory, kafka) = (Memory::default(), kafka(Topic { failures: 1, ..Topic::of(records.clone()) }));
    let error = store_beside(&memory, &kafka, batch(&records, [7])).await.into_result().unwrap_err();
    assert_eq!(error.to_string(), "a.pin-0: Kafka returned the offset -1");
    assert!(stored(&memory, &of("a.pin", 0)).await.0.is_empty());
    store_beside(&memory, &kafka, batch(&records, [7])).await.into_result().unwrap();
    assert!(stored(&memory, &of("a.pin", 0)).await.0.len() >= 8);
}

#[tokio::test]
async fn lost_records_before_a_batch_that_cannot_be_stored_are_not_counted_yet() {
    let first = MAX_OFFSET + 1;
    let (memory, kafka) = (Memory::default(), kafka(Topic { bounds: first + 1..first + 1, ..Topic::default() }));
    let report = store_beside(&memory, &kafka, batch(&[row("a", first)], [first])).await;
    assert_eq!(report.total().lost, 0);
    let error = report.into_result().unwrap_err().to_string();
    assert!(error.contains("has more than 10 digits"), "{error}");
}

#[tokio::test]
async fn a_batch_of_the_old_topic_is_not_mixed_into_the_recreated_one() {
    let old = rows("old", 0..12);
    for (length, problem) in [(20, "offset 10 differs from the archived record"), (5, "offset 10 is not in the topic")]
    {
        let new = rows("new", 0..length);
        let (memory, kafka) = (Memory::default(), kafka(Topic::of(new.clone())));
        let error = store_beside(&memory, &kafka, batch(&old, [10, 11])).await.into_result().unwrap_err().to_string();
        assert!(error.contains(problem), "{error}");
        let stored = stored(&memory, &of("a.pin", 0)).await.0;
        assert_eq!(stored, forms(&new[..stored.len()]), "{length}");
    }
}

#[tokio::test]
async fn an_event_needs_no_more_requests_than_storing_its_records() {
    let memory = Memory::default();
    let batch = [delivered("a.pin", 0, 0, Some("1"))];
    let records = [ConsumerRecord { offset: 0, value: Some("1".into()) }];
    Archiver::new(memory.bucket(10), Limits::default())
        .store(&of("a.pin", 0), &records, &mut Counts::default())
        .await
        .unwrap();
    let alone = memory.requests();
    let memory = Memory::default();
    store_with(&memory, event(&json!({"a.pin-0": batch}))).await;
    assert_eq!(memory.requests(), alone);
}

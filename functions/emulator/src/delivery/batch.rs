//! Records as the events that API Gateway would send for them.
//!
//! They go as base64 (`application/vnd.kafka.binary.v2+json`): `ingest` validates them as it does JSON, and writes a key and a
//! value byte for byte whatever they are, as the producer does.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::json;
use shared::publish::Record;

/// The most bytes of one event: [Lambda takes 6 MB] in an invocation that waits for its answer.
///
/// [Lambda takes 6 MB]: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
pub const MAX_EVENT_BYTES: usize = 6_000_000;

/// The most records of one event: fewer than `ingest` takes, which are as many as its answer has room for.
pub const MAX_RECORDS: usize = 10_000;

/// What an event holds beside its records, its topic's name included; generously.
const ENVELOPE_BYTES: usize = 4_000;

/// What a record takes beside its base64, quotes escaped: `{\"key\":\"\",\"value\":\"\",\"partition\":2147483647},`.
const ENTRY_BYTES: usize = 64;

const CONTENT_TYPE: &str = "application/vnd.kafka.binary.v2+json";

/// Some records of one topic, by their places among those of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) topic: Arc<str>,
    pub(super) places: Vec<usize>,
}

/// The records by topic, each topic's in their order, in as few batches as the limits allow.
pub(super) fn batches(records: &[Record]) -> Vec<Batch> {
    let mut topics: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (place, record) in records.iter().enumerate() {
        topics.entry(&record.topic).or_default().push(place);
    }
    let mut batches = Vec::new();
    for (topic, places) in topics {
        let sizes: Vec<usize> = places.iter().map(|place| size_bytes(&records[*place])).collect();
        for part in parts(&sizes) {
            batches.push(Batch { topic: Arc::clone(topic), places: places[part].to_vec() });
        }
    }
    batches
}

/// Consecutive sizes, together within the limits. One that is too large stands alone: Lambda says so.
fn parts(sizes: &[usize]) -> Vec<Range<usize>> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, size) in sizes.iter().enumerate() {
        if at > start && (bytes + size > MAX_EVENT_BYTES - ENVELOPE_BYTES || at - start == MAX_RECORDS) {
            parts.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    if start < sizes.len() {
        parts.push(start..sizes.len());
    }
    parts
}

/// What a record takes in an event.
fn size_bytes(record: &Record) -> usize {
    let base64 = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, |bytes| bytes.len().div_ceil(3) * 4);
    base64(&record.key) + base64(&record.value) + ENTRY_BYTES
}

#[derive(Serialize)]
struct Envelope<'a> {
    records: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Base64<'a>>,
    value: Option<Base64<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    partition: Option<i32>,
}

struct Base64<'a>(&'a [u8]);

impl Serialize for Base64<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64_STANDARD.encode(self.0))
    }
}

impl Batch {
    /// The event of a REST API's proxy integration (version 1) for `POST /topics/<topic>`. It has no place for timestamps and
    /// headers: the emulator's records have none.
    pub(super) fn event(&self, records: &[Record]) -> serde_json::Result<Vec<u8>> {
        let entry = |place: &usize| {
            let Record { key, value, partition, .. } = &records[*place];
            Entry { key: key.as_deref().map(Base64), value: value.as_deref().map(Base64), partition: *partition }
        };
        let envelope = Envelope { records: self.places.iter().map(entry).collect() };
        let (resource, proxy) = ("/{proxy+}", format!("topics/{}", self.topic));
        let path = format!("/{proxy}");
        serde_json::to_vec(&json!({
            "resource": resource,
            "path": path,
            "httpMethod": "POST",
            "headers": {"Content-Type": CONTENT_TYPE},
            "multiValueHeaders": {"Content-Type": [CONTENT_TYPE]},
            "queryStringParameters": null,
            "multiValueQueryStringParameters": null,
            "pathParameters": {"proxy": proxy},
            "stageVariables": null,
            "requestContext": {"httpMethod": "POST", "path": path, "resourcePath": resource},
            "body": serde_json::to_string(&envelope)?,
            "isBase64Encoded": false,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(topic: &str, value: usize) -> Record {
        let value = Some(vec![b'x'; value].into());
        Record {
            topic: topic.into(),
            partition: Some(i32::MAX),
            key: Some("12345678".into()),
            value,
            ..Record::default()
        }
    }

    #[test]
    fn a_topics_records_keep_their_order_and_places() {
        let records = ["b", "a", "b", "c", "a"].map(|topic| record(topic, 1));
        let batches: Vec<_> =
            batches(&records).into_iter().map(|batch| (batch.topic.to_string(), batch.places)).collect();
        assert_eq!(batches, [("a".to_owned(), vec![1, 4]), ("b".to_owned(), vec![0, 2]), ("c".to_owned(), vec![3])]);
    }

    #[test]
    fn an_event_is_within_what_lambda_takes_unless_one_record_is_not() {
        for (size, count) in [(1, 25_000), (1_000, 10_000), (1_500_000, 5), (4_400_000, 3), (7_000_000, 1)] {
            let records = vec![record("t", size); count];
            let batches = batches(&records);
            let mut places = Vec::new();
            for batch in batches {
                assert!(batch.places.len() <= MAX_RECORDS);
                let event = batch.event(&records).unwrap();
                assert!(event.len() <= MAX_EVENT_BYTES || batch.places.len() == 1, "{size}: {}", event.len());
                places.extend(batch.places);
            }
            assert_eq!(places, (0..count).collect::<Vec<_>>(), "{size}");
        }
    }
}

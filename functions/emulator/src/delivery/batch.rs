//! Batches of records, as the events that API Gateway would send for them.
//!
//! Records are sent as base64 (`application/vnd.kafka.binary.v2+json`): `ingest` validates them like JSON, and writes keys and
//! values byte for byte, as the producer does.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::json;
use shared::publish::ProducerRecord;

/// The maximum size of an event: [Lambda accepts 6 MB] in a synchronous invocation.
///
/// [Lambda accepts 6 MB]: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
pub const MAX_EVENT_BYTES: usize = 6_000_000;

/// The maximum number of records per event. `ingest` accepts more: as many as fit its response.
pub const MAX_RECORDS: usize = 10_000;

/// An upper bound of an event's size without its records, topic name included.
const ENVELOPE_BYTES: usize = 4_000;

/// The size of a record without its base64, quotes escaped: `{\"key\":\"\",\"value\":\"\",\"partition\":2147483647},`.
const ENTRY_BYTES: usize = 64;

const CONTENT_TYPE: &str = "application/vnd.kafka.binary.v2+json";

/// Records of one topic, by their indexes among the run's records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) topic: Arc<str>,
    pub(super) indexes: Vec<usize>,
}

/// Groups the records by topic, in order, into as few batches as the limits allow.
pub(super) fn batches(records: &[ProducerRecord]) -> Vec<Batch> {
    let mut topics: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        topics.entry(&record.topic).or_default().push(index);
    }
    let mut batches = Vec::new();
    for (topic, indexes) in topics {
        let sizes: Vec<usize> = indexes.iter().map(|index| size_bytes(&records[*index])).collect();
        for part in split(&sizes) {
            batches.push(Batch { topic: Arc::clone(topic), indexes: indexes[part].to_vec() });
        }
    }
    batches
}

/// Splits consecutive sizes into ranges within the limits. A size above the limit gets its own range: Lambda rejects it.
fn split(sizes: &[usize]) -> Vec<Range<usize>> {
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

/// The size of a record in an event.
fn size_bytes(record: &ProducerRecord) -> usize {
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
    /// The event of a REST API's proxy integration (version 1) for `POST /topics/<topic>`. The format lacks timestamps and
    /// headers, which the emulator does not set.
    pub(super) fn event(&self, records: &[ProducerRecord]) -> serde_json::Result<Vec<u8>> {
        let entry = |index: &usize| {
            let ProducerRecord { key, value, partition, .. } = &records[*index];
            Entry { key: key.as_deref().map(Base64), value: value.as_deref().map(Base64), partition: *partition }
        };
        let envelope = Envelope { records: self.indexes.iter().map(entry).collect() };
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

    fn record(topic: &str, value: usize) -> ProducerRecord {
        let value = Some(vec![b'x'; value].into());
        ProducerRecord {
            topic: topic.into(),
            partition: Some(i32::MAX),
            key: Some("12345678".into()),
            value,
            ..ProducerRecord::default()
        }
    }

    #[test]
    fn a_topics_records_keep_their_order_and_indexes() {
        let records = ["b", "a", "b", "c", "a"].map(|topic| record(topic, 1));
        let batches: Vec<_> =
            batches(&records).into_iter().map(|batch| (batch.topic.to_string(), batch.indexes)).collect();
        assert_eq!(batches, [("a".to_owned(), vec![1, 4]), ("b".to_owned(), vec![0, 2]), ("c".to_owned(), vec![3])]);
    }

    #[test]
    fn an_event_is_within_lambdas_limit_unless_a_single_record_exceeds_it() {
        for (size, count) in [(1, 25_000), (1_000, 10_000), (1_500_000, 5), (4_400_000, 3), (7_000_000, 1)] {
            let records = vec![record("t", size); count];
            let batches = batches(&records);
            let mut indexes = Vec::new();
            for batch in batches {
                assert!(batch.indexes.len() <= MAX_RECORDS);
                let event = batch.event(&records).unwrap();
                assert!(event.len() <= MAX_EVENT_BYTES || batch.indexes.len() == 1, "{size}: {}", event.len());
                indexes.extend(batch.indexes);
            }
            assert_eq!(indexes, (0..count).collect::<Vec<_>>(), "{size}");
        }
    }
}

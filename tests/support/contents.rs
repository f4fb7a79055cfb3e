//! What a request wrote to the mock cluster, held to what it should have written.

use std::{collections::BTreeMap, sync::Mutex};

use axum::http::Response;
use bytes::Bytes;
use rdkafka::{
    Message,
    consumer::BaseConsumer,
    message::{Headers, OwnedMessage},
};
use serde_json::Value;
use vectors::{Difference, Record};

use crate::support::pipeline::{Pipeline, next};

/// A partition of a topic.
type Place = (String, i32);

/// What the topics hold, as far as it was looked at.
pub(crate) struct Contents<'p> {
    pipeline: &'p Pipeline,
    seen: Mutex<BTreeMap<Place, Seen>>,
}

/// How far a partition was looked at, and what goes on from there once it had records.
struct Seen {
    end: i64,
    reader: Option<BaseConsumer>,
}

impl<'p> Contents<'p> {
    pub(crate) fn of(pipeline: &'p Pipeline) -> Self {
        let places = pipeline
            .topics()
            .into_iter()
            .flat_map(|topic| (0..Pipeline::partitions(&topic)).map(move |partition| (topic.clone(), partition)));
        let seen = |(topic, partition): &Place| Seen { end: pipeline.end(topic, *partition), reader: None };
        Self { pipeline, seen: Mutex::new(places.map(|place| (place.clone(), seen(&place))).collect()) }
    }

    /// How what was written since the last time differs from `expected`. Each record has to be where the answer says.
    pub(crate) fn differences(
        &self,
        expected: impl Iterator<Item = Record>,
        answer: &Response<Bytes>,
    ) -> Vec<Difference> {
        let written = self.written();
        let expected: Vec<_> = expected.collect();
        let told = told(answer.body());
        if (written.len(), told.len()) != (expected.len(), expected.len()) {
            let found = format!("{} records, of which the answer names {}", written.len(), told.len());
            return vec![Difference::new("Kafka", format!("{} records", expected.len()), found)];
        }
        let mut differences = Vec::new();
        for (at, (expected, (told, offset))) in expected.into_iter().zip(told).enumerate() {
            // Where the contract does not say which, any is as it should be.
            let found = written.get(&((expected.topic.clone(), told), offset)).map(|found| Record {
                partition: expected.partition.and(found.partition),
                timestamp_ms: expected.timestamp_ms.and(found.timestamp_ms),
                ..found.clone()
            });
            if found.as_ref() != Some(&expected) {
                differences.push(Difference::new(
                    format!("Kafka, record {at} of {} in partition {told} at {offset}", expected.topic),
                    shown(&expected),
                    found.as_ref().map_or("nothing".to_owned(), shown),
                ));
            }
        }
        differences
    }

    /// What was written since the last time, with its offsets.
    fn written(&self) -> BTreeMap<(Place, i64), Record> {
        let mut written = BTreeMap::new();
        for (place, seen) in self.seen.lock().unwrap().iter_mut() {
            let (topic, partition) = place;
            let offsets = seen.end..self.pipeline.end(topic, *partition);
            seen.end = offsets.end;
            if !offsets.is_empty() {
                let reader = seen.reader.get_or_insert_with(|| self.pipeline.reader(topic, *partition, offsets.start));
                let records = next(reader, offsets.clone());
                written.extend(offsets.zip(records).map(|(offset, found)| ((place.clone(), offset), record(&found))));
            }
        }
        written
    }
}

/// As it is in Kafka.
fn record(found: &OwnedMessage) -> Record {
    let bytes = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
    let headers = found.headers().into_iter().flat_map(Headers::iter);
    Record {
        topic: found.topic().to_owned(),
        partition: Some(found.partition()),
        key: bytes(found.key()),
        value: bytes(found.payload()),
        headers: headers.map(|header| (header.key.to_owned(), bytes(header.value))).collect(),
        timestamp_ms: found.timestamp().to_millis(),
    }
}

/// Partition and offset of each record that an answer says is written: of v2's entries, or of v3's results or successes.
fn told(answer: &[u8]) -> Vec<(i32, i64)> {
    let texts = serde_json::Deserializer::from_slice(answer).into_iter::<Value>();
    let entries = texts.map_while(Result::ok).flat_map(|answer| {
        let list = answer["offsets"].as_array().or(answer["successes"].as_array());
        list.cloned().unwrap_or_else(|| vec![answer])
    });
    let place = |entry: Value| {
        let partition = entry["partition"].as_i64().or(entry["partition_id"].as_i64())?;
        Some((partition.try_into().ok()?, entry["offset"].as_i64()?))
    };
    entries.filter_map(place).collect()
}

fn shown(record: &Record) -> String {
    let text = |bytes: &Option<Vec<u8>>| {
        bytes.as_deref().map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let mut shown = format!("{}: {}", text(&record.key), text(&record.value));
    shown.extend(record.headers.iter().map(|(name, value)| format!(", header {name}: {}", text(value))));
    shown.extend(record.partition.map(|partition| format!(", in partition {partition}")));
    shown.extend(record.timestamp_ms.map(|timestamp_ms| format!(", at {timestamp_ms} ms")));
    shown
}

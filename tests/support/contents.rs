//! The comparison of the records that a request wrote to the mock cluster with the expected ones.

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

/// A topic and a partition.
type TopicPartition = (String, i32);

/// A reader of all topics that remembers its positions.
pub(crate) struct Contents<'p> {
    pipeline: &'p Pipeline,
    positions: Mutex<BTreeMap<TopicPartition, Position>>,
}

/// The end of the records read so far, and the consumer that goes on from there.
struct Position {
    end: i64,
    reader: Option<BaseConsumer>,
}

impl<'p> Contents<'p> {
    pub(crate) fn of(pipeline: &'p Pipeline) -> Self {
        let partitions = pipeline
            .topics()
            .into_iter()
            .flat_map(|topic| (0..Pipeline::partitions(&topic)).map(move |partition| (topic.clone(), partition)));
        let position =
            |(topic, partition): &TopicPartition| Position { end: pipeline.end(topic, *partition), reader: None };
        let positions = partitions.map(|partition| (partition.clone(), position(&partition))).collect();
        Self { pipeline, positions: Mutex::new(positions) }
    }

    /// Compares the records written since the last call with `expected`. Each one has to be at the offset in the answer.
    pub(crate) fn differences(
        &self,
        expected: impl Iterator<Item = Record>,
        answer: &Response<Bytes>,
    ) -> Vec<Difference> {
        let written = self.new_records();
        let expected: Vec<_> = expected.collect();
        let reported = reported_offsets(answer.body());
        if (written.len(), reported.len()) != (expected.len(), expected.len()) {
            let found = format!("{} records, of which the answer reports {}", written.len(), reported.len());
            return vec![Difference::new("Kafka", format!("{} records", expected.len()), found)];
        }
        let mut differences = Vec::new();
        for (at, (expected, (partition, offset))) in expected.into_iter().zip(reported).enumerate() {
            // An expected record without a partition or a timestamp matches any.
            let found = written.get(&((expected.topic.clone(), partition), offset)).map(|found| Record {
                partition: expected.partition.and(found.partition),
                timestamp_ms: expected.timestamp_ms.and(found.timestamp_ms),
                ..found.clone()
            });
            if found.as_ref() != Some(&expected) {
                differences.push(Difference::new(
                    format!("Kafka, record {at} of {} in partition {partition} at {offset}", expected.topic),
                    describe(&expected),
                    found.as_ref().map_or("nothing".to_owned(), describe),
                ));
            }
        }
        differences
    }

    /// The records written since the last call, with their offsets.
    fn new_records(&self) -> BTreeMap<(TopicPartition, i64), Record> {
        let mut written = BTreeMap::new();
        for (place, position) in self.positions.lock().unwrap().iter_mut() {
            let (topic, partition) = place;
            let offsets = position.end..self.pipeline.end(topic, *partition);
            position.end = offsets.end;
            if !offsets.is_empty() {
                let reader =
                    position.reader.get_or_insert_with(|| self.pipeline.reader(topic, *partition, offsets.start));
                let records = next(reader, offsets.clone());
                written.extend(offsets.zip(records).map(|(offset, found)| ((place.clone(), offset), record(&found))));
            }
        }
        written
    }
}

/// A consumed message as the vectors' record.
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

/// The partition and offset of each record that an answer reports as written, in v2's entries, v3's results or
/// successes, or those of streams.
fn reported_offsets(answer: &[u8]) -> Vec<(i32, i64)> {
    let texts = serde_json::Deserializer::from_slice(answer).into_iter::<Value>();
    let entries = texts.map_while(Result::ok).flat_map(|answer| {
        let list = ["offsets", "successes", "Records"].iter().find_map(|list| answer[list].as_array());
        list.cloned().unwrap_or_else(|| vec![answer])
    });
    let place = |entry: Value| {
        if let (Some(shard), Some(sequence)) = (entry["ShardId"].as_str(), entry["SequenceNumber"].as_str()) {
            return Some((shard.strip_prefix("shardId-")?.parse().ok()?, sequence.parse().ok()?));
        }
        let partition = entry["partition"].as_i64().or(entry["partition_id"].as_i64())?;
        Some((partition.try_into().ok()?, entry["offset"].as_i64()?))
    };
    entries.filter_map(place).collect()
}

fn describe(record: &Record) -> String {
    let text = |bytes: &Option<Vec<u8>>| {
        bytes.as_deref().map_or("null".into(), |bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let mut text_form = format!("{}: {}", text(&record.key), text(&record.value));
    text_form.extend(record.headers.iter().map(|(name, value)| format!(", header {name}: {}", text(value))));
    text_form.extend(record.partition.map(|partition| format!(", in partition {partition}")));
    text_form.extend(record.timestamp_ms.map(|timestamp_ms| format!(", at {timestamp_ms} ms")));
    text_form
}

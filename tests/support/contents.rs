//! What a request wrote to the mock cluster, held to what it should have written.

use std::{collections::BTreeMap, sync::Mutex};

use axum::http::Response;
use bytes::Bytes;
use rdkafka::consumer::BaseConsumer;
use serde_json::Value;
use vectors::{Difference, Record};

use crate::support::pipeline::{KeyValue, Pipeline, next};

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
        for (at, (Record { topic, partition, key, value }, (told, offset))) in
            expected.into_iter().zip(told).enumerate()
        {
            let found = written.get(&((topic.clone(), told), offset));
            if found != Some(&(key.clone(), value.clone())) || partition.is_some_and(|partition| partition != told) {
                let shown = |(key, value): &KeyValue| format!("{}: {}", text(key.as_ref()), text(value.as_ref()));
                let found = found.map_or("nothing".to_owned(), shown);
                differences.push(Difference::new(
                    format!("Kafka, record {at} of {topic} in partition {told} at {offset}"),
                    format!("{}, in partition {partition:?}", shown(&(key, value))),
                    found,
                ));
            }
        }
        differences
    }

    /// What was written since the last time, with its offsets.
    fn written(&self) -> BTreeMap<(Place, i64), KeyValue> {
        let mut written = BTreeMap::new();
        for (place, seen) in self.seen.lock().unwrap().iter_mut() {
            let (topic, partition) = place;
            let offsets = seen.end..self.pipeline.end(topic, *partition);
            seen.end = offsets.end;
            if !offsets.is_empty() {
                let reader = seen.reader.get_or_insert_with(|| self.pipeline.reader(topic, *partition, offsets.start));
                let records = next(reader, offsets.clone());
                written.extend(offsets.zip(records).map(|(offset, record)| ((place.clone(), offset), record)));
            }
        }
        written
    }
}

/// Partition and offset of each record that an answer says is written.
fn told(answer: &[u8]) -> Vec<(i32, i64)> {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let entries = answer["offsets"].as_array().cloned().unwrap_or_default();
    let place = |entry: &Value| Some((entry["partition"].as_i64()?.try_into().ok()?, entry["offset"].as_i64()?));
    entries.iter().filter_map(place).collect()
}

fn text(bytes: Option<&Vec<u8>>) -> String {
    bytes.map_or("null".to_owned(), |bytes| String::from_utf8_lossy(bytes).into_owned())
}

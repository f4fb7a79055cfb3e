//! A record of a v3 request: its partition, key, value, headers and timestamp.

use std::iter;

use bytes::Bytes;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    json::{self, Place, text},
    publish::{Header, ProducerRecord},
    redact::excerpt,
};

use crate::{
    advice::{BYTE_ORDER_MARK, explain},
    binary::decode,
    error::Error,
    headers,
    members::Members,
    records::bytes_record,
    topic::Topic,
    violations::Violations,
};

/// The members of a record.
pub(super) const MEMBERS: [&str; 5] = ["partition_id", "headers", "key", "value", "timestamp"];

/// The members of a key or a value: its type, its data, and every way to name a schema.
const DATA_MEMBERS: [&str; 7] =
    ["type", "data", "schema", "schema_id", "schema_version", "subject", "subject_name_strategy"];

/// The furthest that a record's timestamp may lie in the future.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(1);

/// A record before its topic is known.
#[derive(Debug)]
pub(super) struct Entry {
    partition: Option<i32>,
    headers: Vec<Header>,
    key: Option<Data>,
    value: Option<Data>,
    timestamp_ms: Option<i64>,
}

/// A key or a value.
#[derive(Debug)]
struct Data {
    data_type: DataType,
    bytes: Bytes,
}

/// The type of a key or a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
enum DataType {
    /// Base64.
    Binary,
    /// JSON, written as sent.
    Json,
    /// A string, written without its quotes.
    String,
}

/// The type and size of a key or value, as a result reports them.
#[derive(Debug, Clone, Copy, Serialize)]
struct Size {
    #[serde(rename = "type")]
    data_type: DataType,
    /// The size in bytes, as written.
    size: usize,
}

/// The sizes of a record's key and value.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Sizes {
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<Size>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Size>,
}

/// Reads a body of one or more concatenated objects, each optionally after a byte order mark, since concatenated files have
/// several. Invalid JSON ends the stream, as the start of the next object is unknown.
pub(super) fn stream(body: &[u8]) -> Result<impl Iterator<Item = Result<Entry, Error>>, Error> {
    let text = json::utf8(body).map_err(|error| Error::NotJson(explain(error, body)))?;
    let (mut rest, mut place, mut placed) = (text, Place::default(), 0);
    Ok(iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\n', '\r', '\t']);
        rest = rest.trim_start_matches(BYTE_ORDER_MARK).trim_start_matches([' ', '\n', '\r', '\t']);
        if rest.is_empty() {
            return None;
        }
        let start = text.len() - rest.len();
        // Counts on from the previous object: counting from the start of the body each time would be quadratic.
        place = place.behind(&body[placed..start]);
        placed = start;
        // The stream parser rejects a number or a word that other text follows directly, such as `1a`.
        let mut values = serde_json::Deserializer::from_str(std::mem::take(&mut rest)).into_iter::<&RawValue>();
        match values.next()? {
            Ok(object) => {
                rest = &text[start + values.byte_offset()..];
                Some(Entry::read(object.get(), place))
            }
            Err(error) => Some(Err(Error::NotJson(explain(error.into(), &body[start..]).after(place)))),
        }
    }))
}

impl Entry {
    /// Parses a record's object, which begins at `place` in the body.
    fn read(object: &str, place: Place) -> Result<Self, Error> {
        json::check(object.as_bytes()).map_err(|error| Error::NotJson(error.after(place)))?;
        Self::of(&Members::read(object, "a record", &MEMBERS)?)
    }

    pub(super) fn of(members: &Members<'_>) -> Result<Self, Error> {
        Ok(Self {
            partition: members.get("partition_id").map(partition).transpose()?,
            headers: members.get("headers").map(|list| headers::read(list, "name")).transpose()?.unwrap_or_default(),
            key: members.get("key").map(|key| Data::read("key", key)).transpose()?.flatten(),
            value: members.get("value").map(|value| Data::read("value", value)).transpose()?.flatten(),
            timestamp_ms: members.get("timestamp").map(timestamp).transpose()?,
        })
    }

    /// Converts the entry to a record of `topic`, if it is valid. `at` is its index in the request.
    pub(super) fn record(self, topic: &Topic, at: usize) -> Result<(ProducerRecord, Sizes), Error> {
        let Self { partition, headers, key, value, timestamp_ms } = self;
        let sizes = Sizes { key: key.as_ref().map(Data::size), value: value.as_ref().map(Data::size) };
        let bytes = |data: Option<Data>| data.map(|data| data.bytes);
        match bytes_record(bytes(key), bytes(value), topic) {
            Ok((key, value)) => {
                Ok((ProducerRecord { topic: topic.name().into(), partition, key, value, timestamp_ms, headers }, sizes))
            }
            Err(broken) => {
                let mut violations = Violations::default();
                violations.add(at, broken);
                Err(Error::Invalid(violations))
            }
        }
    }
}

impl Data {
    /// Parses `{"type":…,"data":…}`. `None` if there is no data.
    fn read(what: &str, object: &str) -> Result<Option<Self>, Error> {
        let members = Members::read(object, what, &DATA_MEMBERS)?;
        if DATA_MEMBERS[2..].iter().any(|schema| members.get(schema).is_some()) {
            return Err(Error::SchemaTypeV3);
        }
        let data_type = match members.get("type") {
            Some(r#""BINARY""#) => DataType::Binary,
            Some(r#""JSON""#) => DataType::Json,
            Some(r#""STRING""#) => DataType::String,
            Some(r#""AVRO""# | r#""JSONSCHEMA""# | r#""PROTOBUF""#) => return Err(Error::SchemaTypeV3),
            _ => return Err(Error::BadRecord(format!("{what}.type must be BINARY, JSON or STRING"))),
        };
        let Some(data) = members.get("data") else { return Ok(None) };
        let bytes = match data_type {
            DataType::Binary => decode(data, " Rows as JSON have the type JSON.")?,
            DataType::Json => json::compact(data).into_owned().into(),
            DataType::String => {
                let problem = || Error::BadRecord(format!("{what}.data must be a string, as {what}.type says"));
                text(data).ok_or_else(problem)?.into_owned().into()
            }
        };
        Ok(Some(Self { data_type, bytes }))
    }

    fn size(&self) -> Size {
        Size { data_type: self.data_type, size: self.bytes.len() }
    }
}

fn partition(json: &str) -> Result<i32, Error> {
    match json.parse::<i32>() {
        Ok(partition) if partition >= 0 => Ok(partition),
        Ok(_) => Err(Error::NegativePartition),
        Err(_) => Err(Error::BadRecord(format!("partition_id must be a whole number from 0 to {}", i32::MAX))),
    }
}

/// Parses a timestamp. librdkafka takes 0 for "now". Kafka rejects a timestamp too far ahead
/// (`message.timestamp.after.max.ms`, an hour by default) together with the whole batch, which may have other clients' records.
fn timestamp(json: &str) -> Result<i64, Error> {
    let time = text(json).and_then(|text| DateTime::parse_from_rfc3339(&text).ok()).map(|time| time.timestamp_millis());
    time.filter(|time| (1..=latest_ms()).contains(time)).ok_or_else(|| {
        Error::BadRecord(format!(
            "timestamp must be a string with a time after 1970 such as \"2026-09-23T12:00:00Z\", at most an hour ahead, not {}",
            excerpt(json)
        ))
    })
}

#[expect(clippy::disallowed_methods, reason = "timestamps are compared with the wall clock")]
fn latest_ms() -> i64 {
    (Utc::now() + MAX_AHEAD).timestamp_millis()
}

//! The response's form: each record as JSON, with what is not JSON in base64.

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;
use shared::{
    json,
    publish::Header,
    read_back::{ReadRecords, StoredRecord},
};

use crate::{error::Error, media::Format, response};

/// The most bytes of a response, as API Gateway's event holds it: with the escapes of its JSON string. Lambda's limit is 6 MB.
pub(super) const MAX_BYTES: usize = 5_000_000;

#[derive(Serialize)]
struct RecordsBody {
    records: Vec<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_offset: Option<i64>,
}

/// A record, in the order of the REST Proxy's consumers, which know only the first five members.
#[derive(Serialize)]
struct RecordEntry<'a> {
    topic: &'a str,
    key: Option<Content<'a>>,
    value: Option<Content<'a>>,
    partition: i32,
    offset: i64,
    timestamp: Option<i64>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    headers: Vec<HeaderEntry<'a>>,
    /// The members that are base64 although the format is JSON, because they are not JSON.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    base64: Vec<&'static str>,
}

#[derive(Serialize)]
struct HeaderEntry<'a> {
    key: &'a str,
    /// Base64.
    value: Option<String>,
}

/// A key or value.
#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Json(&'a RawValue),
    Base64(String),
}

/// The records that fit into a response, from the first one on.
pub(super) fn first(topic: &str, read: &ReadRecords, format: Format) -> Result<Vec<u8>, Error> {
    let entries = fitting(topic, read.records.iter(), format)?;
    let next_offset = read.records.get(entries.len()).map(|record| record.offset).or(read.next_offset);
    Ok(response::json(&RecordsBody { records: entries, next_offset }))
}

/// The last of the records that fit into a response.
pub(super) fn last(topic: &str, records: &[StoredRecord], format: Format) -> Result<Vec<u8>, Error> {
    let mut entries = fitting(topic, records.iter().rev(), format)?;
    entries.reverse();
    Ok(response::json(&RecordsBody { records: entries, next_offset: None }))
}

/// The entries of the first records that fit into a response.
fn fitting<'a>(
    topic: &str,
    records: impl Iterator<Item = &'a StoredRecord>,
    format: Format,
) -> Result<Vec<Box<RawValue>>, Error> {
    let mut entries = Vec::new();
    let mut bytes = 0;
    for record in records {
        let entry = entry(topic, record, format);
        // A JSON string escapes these, and the rest of what JSON may have not.
        let is_escaped = |byte: &u8| matches!(byte, b'"' | b'\\' | ..b' ');
        bytes += entry.get().len() + entry.get().bytes().filter(is_escaped).count();
        if bytes > MAX_BYTES && entries.is_empty() {
            return Err(Error::RecordLargerThanResponse { partition: record.partition, offset: record.offset });
        }
        if bytes > MAX_BYTES {
            break;
        }
        entries.push(entry);
    }
    Ok(entries)
}

#[expect(clippy::expect_used, reason = "unwrap safety: texts, numbers and checked JSON always serialize")]
fn entry(topic: &str, record: &StoredRecord, format: Format) -> Box<RawValue> {
    let mut base64 = Vec::new();
    let (key, value) = (content(record.key.as_ref(), format), content(record.value.as_ref(), format));
    if format == Format::Json {
        let members = [("key", &key), ("value", &value)].into_iter();
        base64.extend(members.filter(|(_, content)| matches!(content, Some(Content::Base64(_)))).map(|(name, _)| name));
    }
    let header = |header: &'_ Header| header.value.as_ref().map(|value| STANDARD.encode(value));
    let headers = record.headers.iter().map(|each| HeaderEntry { key: &each.name, value: header(each) }).collect();
    let StoredRecord { partition, offset, timestamp_ms: timestamp, .. } = *record;
    let entry = RecordEntry { topic, key, value, partition, offset, timestamp, headers, base64 };
    serde_json::value::to_raw_value(&entry).expect("JSON")
}

fn content(bytes: Option<&Bytes>, format: Format) -> Option<Content<'_>> {
    let bytes = bytes?;
    let is_json = format == Format::Json && json::check(bytes).is_ok();
    let json = is_json.then(|| serde_json::from_slice(bytes).ok()).flatten();
    Some(json.map_or_else(|| Content::Base64(STANDARD.encode(bytes)), Content::Json))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn record(offset: i64, key: &'static str, value: &str) -> StoredRecord {
        StoredRecord {
            partition: 0,
            offset,
            timestamp_ms: Some(5),
            key: Some(Bytes::from_static(key.as_bytes())),
            value: Some(Bytes::copy_from_slice(value.as_bytes())),
            headers: vec![Header { name: "h".to_owned(), value: None }],
        }
    }

    fn parsed(records: Vec<StoredRecord>, format: Format) -> Value {
        let next_offset = records.last().map(|record| record.offset + 1);
        serde_json::from_slice(&first("t", &ReadRecords { records, next_offset }, format).unwrap()).unwrap()
    }

    #[test]
    fn json_is_shown_as_it_is_and_anything_else_as_base64() {
        let records = vec![record(3, "7", "{\"a\":1.10}"), record(4, "key", "\"")];
        let headers = json!([{"key": "h", "value": null}]);
        let body = last("t", &records, Format::Json).unwrap();
        assert!(String::from_utf8(body).unwrap().contains("{\"a\":1.10}"), "numbers stay as written");
        assert_eq!(
            parsed(records.clone(), Format::Json),
            json!({"records": [
                {"topic": "t", "key": 7, "value": {"a": 1.1}, "partition": 0, "offset": 3, "timestamp": 5, "headers": headers},
                {"topic": "t", "key": "a2V5", "value": "Ig==", "partition": 0, "offset": 4, "timestamp": 5, "headers": headers,
                 "base64": ["key", "value"]},
            ], "next_offset": 5})
        );
        let binary = parsed(records, Format::Binary);
        assert_eq!((&binary["records"][0]["key"], &binary["records"][0]["base64"]), (&json!("Nw=="), &Value::Null));
    }

    #[test]
    fn a_response_fits_into_lambdas_limit_and_returns_the_next_offset() {
        // Quotes double in an event's body.
        let value = format!("[{}]", vec!["\"\""; 200_000].join(","));
        let records: Vec<_> = (0..8).map(|offset| record(offset, "1", &value)).collect();
        let forward = parsed(records.clone(), Format::Json);
        let count = forward["records"].as_array().unwrap().len();
        assert!((2..8).contains(&count), "{count}");
        assert_eq!(forward["next_offset"], count);
        assert!(serde_json::to_string(&forward.to_string()).unwrap().len() < 6 * 1024 * 1024);
        let newest: Value = serde_json::from_slice(&last("t", &records, Format::Json).unwrap()).unwrap();
        let newest_records = newest["records"].as_array().unwrap();
        assert_eq!((newest_records.len(), &newest_records[count - 1]["offset"]), (count, &json!(7)));
        assert_eq!(newest["next_offset"], Value::Null);
    }

    #[test]
    fn a_record_larger_than_a_response_is_an_error_that_names_the_next_offset() {
        let value = format!("[{}]", vec!["\"\""; 1_000_000].join(","));
        let error = last("t", &[record(4, "1", &value)], Format::Json).unwrap_err();
        assert_eq!((error.code(), error.to_string().contains("read on at offset 5")), (413, true), "{error}");
    }
}

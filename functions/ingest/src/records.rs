//! Validation of the records of an envelope, all or nothing. Keys and values keep the bytes that the client sent.

use std::{borrow::Cow, sync::Arc};

use bytes::Bytes;
use shared::{
    json::{self, Strict},
    kind::{BrokenRules, Invalid, Violation},
    publish::{Header, ProducerRecord},
};

use crate::{
    advice::explain,
    binary::decode,
    envelope::{self, EnvelopeRecord},
    error::Error,
    headers,
    media::Format,
    topic::{Topic, ValidStart},
    violations::Violations,
};

/// A rejected body.
#[derive(Debug)]
pub(crate) struct Rejection {
    pub(crate) error: Error,
    /// The number of its records; 0 if the body is not an envelope.
    pub(crate) records: usize,
}

impl From<Error> for Rejection {
    fn from(error: Error) -> Self {
        Self { error, records: 0 }
    }
}

/// Converts a body to records for `topic`, which share its bytes. A record without a partition goes to `partition`.
pub(crate) fn read(
    body: &Bytes,
    format: Format,
    topic: &Topic,
    partition: Option<i32>,
) -> Result<Vec<ProducerRecord>, Rejection> {
    let mut violations = Violations::default();
    // One buffer for all values, which are slices of it.
    let mut copies = Vec::with_capacity(body.len());
    let entries = match format {
        Format::Json => envelope::parse(body, |at, text| {
            let (checked, end) = topic.check_start(text, &mut copies)?;
            // Counted at once, because the violations of a large body would take more memory than the body.
            let valid = checked.unwrap_or_else(|broken| {
                violations.add(at, broken);
                ValidStart::default()
            });
            Ok((valid, end))
        })?,
        // Binary values are validated after decoding.
        Format::Binary => {
            envelope::parse(body, |_, text| json::start(text).map(|(Strict, end)| (ValidStart::default(), end)))?
        }
    };
    let copies = Bytes::from(copies);
    let count = entries.len();
    let rejection = |error| Rejection { error, records: count };
    if violations.count > 0 {
        return Err(rejection(Error::Invalid(violations)));
    }
    let name: Arc<str> = topic.name().into();
    let mut records = Vec::with_capacity(count);
    for (at, entry) in entries.into_iter().enumerate() {
        let partition = entry.partition.or(partition);
        let headers = entry.headers.map_or(Ok(Vec::new()), |json| read_headers(json, at)).map_err(rejection)?;
        let content = match format {
            Format::Json => Ok(json_record(body, &copies, entry)),
            Format::Binary => binary_record(&entry, topic).map_err(rejection)?,
        };
        match content {
            Ok((key, value)) => {
                let topic = Arc::clone(&name);
                records.push(ProducerRecord { topic, partition, key, value, timestamp_ms: None, headers });
            }
            Err(broken) => violations.add(at, broken),
        }
    }
    if violations.count == 0 { Ok(records) } else { Err(rejection(Error::Invalid(violations))) }
}

/// The headers of the record at index `at`. Their shape is that of Karapace and Strimzi's bridge: the REST Proxy has none in v2.
fn read_headers(json: &str, at: usize) -> Result<Vec<Header>, Error> {
    headers::read(json, "key").map_err(|error| {
        let problem = match error {
            Error::NotBase64 { data, .. } => format!("a header's value must be base64 or null, not {data}"),
            other => other.to_string(),
        };
        Error::BadRecord(format!("records[{at}]: {problem}"))
    })
}

/// A record's key and value.
type Content = (Option<Bytes>, Option<Bytes>);

/// The key and value as sent, minus the whitespace outside of strings.
fn json_record(body: &Bytes, copies: &Bytes, record: EnvelopeRecord<'_, ValidStart<'_>>) -> Content {
    let EnvelopeRecord { key, value, parsed: ValidStart { key: join_key, copy }, .. } = record;
    let key = key.map(|key| json::compact_bytes(body, key)).or_else(|| match join_key? {
        Cow::Borrowed(digits) => Some(body.slice_ref(digits.as_bytes())),
        Cow::Owned(digits) => Some(digits.into()),
    });
    let value = value.map(|value| copy.map_or_else(|| body.slice_ref(value.as_bytes()), |copy| copies.slice(copy)));
    (key, value)
}

/// The decoded key and value.
fn binary_record(
    entry: &EnvelopeRecord<'_, ValidStart<'_>>,
    topic: &Topic,
) -> Result<Result<Content, BrokenRules>, Error> {
    let decode = |json| decode(json, " Rows as JSON are sent as application/vnd.kafka.json.v2+json.");
    let key = entry.key.map(decode).transpose()?;
    let value = entry.value.map(decode).transpose()?;
    Ok(bytes_record(key, value, topic))
}

/// The key and value unchanged, or the rules that the value breaks.
pub(crate) fn bytes_record(key: Option<Bytes>, value: Option<Bytes>, topic: &Topic) -> Result<Content, BrokenRules> {
    if !topic.takes_json_only() {
        return Ok((key, value));
    }
    let text = value.as_deref().map(json::utf8).transpose().map_err(Invalid::NotJson);
    match text.and_then(|text| topic.check(text.unwrap_or("null"))) {
        Ok(join_key) => Ok((key.or(join_key), value)),
        Err(Invalid::Rules(broken)) => Err(broken),
        // The request itself is JSON, so this is a broken rule of its record.
        Err(Invalid::NotJson(error)) => {
            let error = explain(error, value.as_deref().unwrap_or_default());
            Err(Violation::of_value(format!("is not JSON: {error}")).into())
        }
    }
}

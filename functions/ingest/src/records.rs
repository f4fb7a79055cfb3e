//! The records of an envelope, validated all or none, each with the bytes that its client sent.

use std::{borrow::Cow, sync::Arc};

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use shared::{
    json::{self, Strict},
    kind::{BrokenRules, Invalid, Violation},
    publish::Record,
    shown::shown,
};

use crate::{
    advice::explain,
    envelope::{self, Entry, Envelope},
    error::Error,
    media::Format,
    topic::Topic,
    violations::Violations,
};

/// With and without its padding, as the REST Proxy takes it.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A body that was read, its JSON values held to what their topic takes.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    /// With the key of each record that came without one, if it gets one.
    envelope: Envelope<'a, Option<Bytes>>,
    violations: Violations,
}

impl<'a> Body<'a> {
    pub(crate) fn read(body: &'a [u8], format: Format, topic: &Topic) -> Result<Self, Error> {
        let mut violations = Violations::default();
        let envelope = match format {
            Format::Json => envelope::parse(body, |at, text| {
                let (checked, end) = topic.check_start(text)?;
                // Counted at once: those of a large body would take more memory than it.
                let key = checked.unwrap_or_else(|broken| {
                    violations.add(at, broken);
                    None
                });
                Ok((key, end))
            })?,
            // What a base64 stands for is checked once it is decoded.
            Format::Binary => envelope::parse(body, |_, text| json::start(text).map(|(Strict, end)| (None, end)))?,
        };
        Ok(Self { envelope, violations })
    }

    /// How many records it has.
    pub(crate) fn count(&self) -> usize {
        self.envelope.entries.len()
    }

    /// Its records for `topic`, onto `partition` where one names none itself. `bytes` is what it was read from: records are
    /// parts of it.
    pub(crate) fn into_records(
        self,
        bytes: &Bytes,
        format: Format,
        topic: &Topic,
        partition: Option<i32>,
    ) -> Result<Vec<Record>, Error> {
        let Self { envelope, mut violations } = self;
        if violations.count > 0 {
            return Err(Error::Invalid(violations));
        }
        let name: Arc<str> = topic.name().into();
        let mut records = Vec::with_capacity(envelope.entries.len());
        for (at, entry) in envelope.entries.into_iter().enumerate() {
            let partition = entry.partition.or(partition);
            let content = match format {
                Format::Json => Ok(json_record(bytes, entry)),
                Format::Binary => binary_record(&entry, topic)?,
            };
            match content {
                Ok((key, value)) => {
                    records.push(Record { topic: Arc::clone(&name), partition, key, value, ..Record::default() });
                }
                Err(broken) => violations.add(at, broken),
            }
        }
        if violations.count == 0 { Ok(records) } else { Err(Error::Invalid(violations)) }
    }
}

/// A record's key and value.
type Content = (Option<Bytes>, Option<Bytes>);

/// Keys and values as they stand in the envelope, less the whitespace outside of strings.
fn json_record(body: &Bytes, Entry { key, value, made: join_key, .. }: Entry<'_, Option<Bytes>>) -> Content {
    let sent = |json| compact(body, json);
    (key.map(sent).or(join_key), value.map(sent))
}

/// Keys and values as the bytes that their base64 stands for.
fn binary_record(entry: &Entry<'_, Option<Bytes>>, topic: &Topic) -> Result<Result<Content, BrokenRules>, Error> {
    let decode = |json| decode(json, " Rows as JSON are sent as application/vnd.kafka.json.v2+json.");
    let key = entry.key.map(decode).transpose()?;
    let value = entry.value.map(decode).transpose()?;
    Ok(bytes_record(key, value, topic))
}

/// A key and a value that are written as they are, or the rules that the value breaks.
pub(crate) fn bytes_record(key: Option<Bytes>, value: Option<Bytes>, topic: &Topic) -> Result<Content, BrokenRules> {
    if !topic.takes_json_only() {
        return Ok((key, value));
    }
    let text = value.as_deref().map(json::utf8).transpose().map_err(Invalid::NotJson);
    match text.and_then(|text| topic.check(text.unwrap_or("null"))) {
        Ok(join_key) => Ok((key.or(join_key), value)),
        Err(Invalid::Rules(broken)) => Err(broken),
        // The request itself is JSON, so this is a rule that its record breaks.
        Err(Invalid::NotJson(error)) => {
            let error = explain(error, value.as_deref().unwrap_or_default());
            Err(Violation::of_value(format!("is not JSON: {error}")).into())
        }
    }
}

/// The bytes that the base64 in a JSON string stands for. `advice` is for who sent a row as it is.
pub(crate) fn decode(json: &str, advice: &'static str) -> Result<Bytes, Error> {
    let bytes = json::text(json).and_then(|base64| BASE64.decode(base64.as_bytes()).ok());
    let advice = if json.starts_with(['{', '[']) { advice } else { "" };
    bytes.map(Bytes::from).ok_or_else(|| Error::NotBase64 { data: shown(json), advice })
}

/// A part of `body` without the whitespace outside of its strings; not copied where there is none.
fn compact(body: &Bytes, json: &str) -> Bytes {
    match json::compact(json) {
        Cow::Borrowed(text) => body.slice_ref(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    }
}

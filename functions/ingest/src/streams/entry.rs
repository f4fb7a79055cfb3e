//! The bodies of `PutRecord` and `PutRecords`, in Kinesis' spelling and in that of the course's API.

use std::borrow::Cow;

use bytes::Bytes;
use shared::{
    json,
    kind::{BrokenRules, Violation},
};

use crate::{
    binary,
    cursor::{self, BodyError, Cursor},
    error::Error,
    limits::MAX_STREAM_RECORDS,
};

/// A request's body.
#[derive(Debug, Default)]
pub(super) struct Body<'a> {
    /// The stream's name; `None` if it is missing or not a string.
    pub(super) stream_name: Option<Cow<'a, str>>,
    pub(super) entries: Vec<Entry<'a>>,
}

/// One record, with its members as the client wrote them.
#[derive(Debug, Default)]
pub(super) struct Entry<'a> {
    data: Option<&'a str>,
    partition_key: Option<&'a str>,
}

/// Reads `{"StreamName"?,"Data","PartitionKey"?}`.
pub(super) fn record<'a>(body: &'a [u8]) -> Result<Body<'a>, Error> {
    let mut stream_name = None;
    let mut entry = Entry::default();
    let read = |cursor: &mut Cursor<'a>| {
        cursor.object("an object with `Data`", |cursor, name| match name {
            "StreamName" | "stream-name" => set(&mut stream_name, cursor, name),
            _ => entry.read(cursor, name),
        })
    };
    cursor::parse(body, read, Error::BadStreamBody)?;
    Ok(Body { stream_name: stream_name.and_then(json::text), entries: vec![entry] })
}

/// Reads `{"StreamName"?,"Records":[{"Data","PartitionKey"?}, …]}`.
pub(super) fn records<'a>(body: &'a [u8]) -> Result<Body<'a>, Error> {
    let mut stream_name = None;
    let mut found: Option<Vec<Entry<'a>>> = None;
    let mut count = 0;
    let read = |cursor: &mut Cursor<'a>| {
        cursor.object("an object with `Records`", |cursor, name| match name {
            "Records" | "records" if found.is_some() => Err(twice(name)),
            "Records" | "records" => {
                let entries = found.insert(Vec::new());
                cursor.list("`Records` to be a list", |cursor| {
                    let mut entry = Entry::default();
                    let expected = format_args!("Records[{count}] to be an object with `Data`");
                    cursor.object(expected, |cursor, name| entry.read(cursor, name))?;
                    if count < MAX_STREAM_RECORDS {
                        entries.push(entry);
                    }
                    count += 1;
                    Ok(())
                })
            }
            "StreamName" | "stream-name" => set(&mut stream_name, cursor, name),
            "StreamARN" => cursor.skip_value().map(drop),
            _ => Err(BodyError::unrecognized(name)),
        })
    };
    cursor::parse(body, read, Error::BadStreamBody)?;
    match found {
        None => Err(Error::BadStreamBody("`Records` is missing".to_owned())),
        Some(_) if count == 0 => Err(Error::BadStreamBody("`Records` is empty".to_owned())),
        Some(_) if count > MAX_STREAM_RECORDS => Err(Error::TooManyRecords { count, most: MAX_STREAM_RECORDS }),
        Some(entries) => Ok(Body { stream_name: stream_name.and_then(json::text), entries }),
    }
}

impl<'a> Entry<'a> {
    /// Reads the value of the member `name`.
    fn read(&mut self, cursor: &mut Cursor<'a>, name: &str) -> Result<(), BodyError> {
        match name {
            "Data" | "data" => set(&mut self.data, cursor, name),
            "PartitionKey" | "partition-key" => set(&mut self.partition_key, cursor, name),
            // Kinesis' own, without a meaning here.
            "ExplicitHashKey" | "SequenceNumberForOrdering" | "StreamARN" => cursor.skip_value().map(drop),
            _ => Err(BodyError::unrecognized(name)),
        }
    }

    /// The record's key; `None` if there is none.
    pub(super) fn key(&self) -> Result<Option<Bytes>, &'static str> {
        let Some(sent) = self.partition_key.filter(|sent| *sent != "null") else { return Ok(None) };
        let is_whole = |number: &str| number.bytes().all(|byte| byte.is_ascii_digit());
        match json::text(sent) {
            Some(text) if text.is_empty() => Err("PartitionKey is empty: leave it out, or send the row's index"),
            Some(text) => Ok(Some(text.into_owned().into())),
            None if is_whole(sent.strip_prefix('-').unwrap_or(sent)) => Ok(Some(sent.to_owned().into())),
            None => Err("PartitionKey must be a string or a whole number"),
        }
    }

    /// The record's value: `Data` as it was sent minus insignificant whitespace, or, if it is a string, the JSON text that it holds,
    /// as text or in base64. `None` if there is none.
    pub(super) fn value(&self) -> Result<Option<Bytes>, BrokenRules> {
        let Some(sent) = self.data.filter(|sent| *sent != "null") else { return Ok(None) };
        let Some(text) = json::text(sent) else { return Ok(Some(json::compact(sent).into_owned().into())) };
        if text.trim_start().starts_with(['{', '[']) {
            return Ok(Some(text.into_owned().into()));
        }
        binary::bytes(&text).map(Some).ok_or_else(|| {
            Violation::of_value(
                "is a string, but neither the row's JSON text nor the base64 of it: send the row itself",
            )
            .into()
        })
    }
}

/// Reads a value into `slot`, which must be empty.
fn set<'a>(slot: &mut Option<&'a str>, cursor: &mut Cursor<'a>, name: &str) -> Result<(), BodyError> {
    match slot.replace(cursor.skip_value()?) {
        None => Ok(()),
        Some(_) => Err(twice(name)),
    }
}

fn twice(name: &str) -> BodyError {
    BodyError::Shape(format!("`{name}` appears twice"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> (Option<Bytes>, Option<Bytes>) {
        let body = record(body.as_bytes()).unwrap();
        (body.entries[0].key().unwrap(), body.entries[0].value().unwrap())
    }

    #[test]
    fn data_is_a_row_its_text_or_base64_of_its_text() {
        let row = r#"{"index":1,"title":"é"}"#;
        let base64 = "eyJpbmRleCI6MSwidGl0bGUiOiLDqSJ9";
        for data in
            [r#"{"index": 1, "title": "é"}"#, r#""{\"index\":1,\"title\":\"\u00e9\"}""#, &format!("\"{base64}\"")]
        {
            assert_eq!(read(&format!(r#"{{"Data":{data}}}"#)).1.unwrap(), row, "{data}");
        }
        let not_base64 = record(br#"{"Data":"a row"}"#).unwrap();
        assert!(not_base64.entries[0].value().is_err());
    }

    #[test]
    fn a_key_is_text_or_a_whole_number() {
        for (sent, key) in [(r#""pin-\u0031""#, Some("pin-1")), ("7", Some("7")), ("-7", Some("-7")), ("null", None)] {
            let (read, _) = read(&format!(r#"{{"PartitionKey":{sent},"Data":1}}"#));
            assert_eq!(read.as_deref(), key.map(str::as_bytes), "{sent}");
        }
        for sent in ["1.5", "1e3", "true", "[1]", "{}", r#""""#] {
            let body = format!(r#"{{"partition-key":{sent}}}"#);
            assert!(record(body.as_bytes()).unwrap().entries[0].key().is_err(), "{sent}");
        }
    }
}

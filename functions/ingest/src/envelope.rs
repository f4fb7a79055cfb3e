//! `{"records":[{"partition"?,"key"?,"value"?,"headers"?}, …]}`, with keys and values as the client wrote them.
//!
//! One pass: `cursor` walks the structure, and the caller parses each value in place.

use serde_json::Error as ReadError;

use crate::{
    cursor::{self, BodyError, Cursor},
    error::Error,
    limits::MAX_RECORDS,
};

/// One record as it was sent.
#[derive(Debug)]
pub(crate) struct EnvelopeRecord<'a, T> {
    pub(crate) partition: Option<i32>,
    /// `None` if missing or null.
    pub(crate) key: Option<&'a str>,
    /// `None` if missing or null.
    pub(crate) value: Option<&'a str>,
    /// The parsed value. A missing one is parsed as null.
    pub(crate) parsed: T,
    /// The list of headers; `None` if missing or null.
    pub(crate) headers: Option<&'a str>,
}

/// Parses a body to its records, in order. `read` parses the value at the start of a text and returns where it ends. It
/// also gets the record's index.
pub(crate) fn parse<'a, T>(body: &'a [u8], read: impl Read<'a, T>) -> Result<Vec<EnvelopeRecord<'a, T>>, Error> {
    match cursor::parse(body, |cursor| envelope(cursor, read), Error::BadEnvelope)? {
        None => Err(Error::BadEnvelope("`records` is missing".to_owned())),
        Some(Found { count: 0, .. }) => Err(Error::BadEnvelope("`records` is empty".to_owned())),
        Some(Found { count, .. }) if count > MAX_RECORDS => Err(Error::TooManyRecords { count, most: MAX_RECORDS }),
        Some(Found { entries, .. }) => Ok(entries),
    }
}

/// Parses the value at the start of a text.
pub(crate) trait Read<'a, T>: FnMut(usize, &'a str) -> Result<(T, usize), ReadError> {}

impl<'a, T, F: FnMut(usize, &'a str) -> Result<(T, usize), ReadError>> Read<'a, T> for F {}

/// The list under `records`.
struct Found<'a, T> {
    /// At most [`MAX_RECORDS`].
    entries: Vec<EnvelopeRecord<'a, T>>,
    /// The number of all records, kept or not.
    count: usize,
}

/// Parses the envelope. `None` if it has no `records`.
fn envelope<'a, T>(cursor: &mut Cursor<'a>, mut read: impl Read<'a, T>) -> Result<Option<Found<'a, T>>, BodyError> {
    if cursor.peek() == Some(b'"') {
        return Err(BodyError::shape(
            "the body is a string that holds JSON: send the object itself, not its JSON text",
        ));
    }
    let mut found = None;
    cursor.object("an object with `records`", |cursor, name| match name {
        "records" if found.is_some() => Err(BodyError::shape("`records` appears twice")),
        "records" => {
            found = Some(records(cursor, &mut read)?);
            Ok(())
        }
        // Clients of the schema formats may send these; they have no meaning here.
        "key_schema" | "key_schema_id" | "value_schema" | "value_schema_id" => cursor.skip_value().map(drop),
        _ => Err(BodyError::unrecognized(name)),
    })?;
    Ok(found)
}

fn records<'a, T>(cursor: &mut Cursor<'a>, read: &mut impl Read<'a, T>) -> Result<Found<'a, T>, BodyError> {
    let mut found = Found { entries: Vec::new(), count: 0 };
    cursor.list("`records` to be a list", |cursor| {
        if found.count < MAX_RECORDS {
            found.entries.push(entry(cursor, found.count, read)?);
        } else {
            cursor.skip_value()?;
        }
        found.count += 1;
        Ok(())
    })?;
    Ok(found)
}

/// Parses the record at index `at`.
fn entry<'a, T>(
    cursor: &mut Cursor<'a>,
    at: usize,
    read: &mut impl Read<'a, T>,
) -> Result<EnvelopeRecord<'a, T>, BodyError> {
    let (mut partition, mut key, mut value, mut headers) = (None, None, None, None);
    cursor.object(format_args!("records[{at}] to be an object with `value`"), |cursor, name| {
        let twice = match name {
            "partition" => partition.replace(cursor.skip_value()?).is_some(),
            "key" => key.replace(cursor.skip_value()?).is_some(),
            "value" => value.replace(cursor.value(|text| read(at, text))?).is_some(),
            "headers" => headers.replace(cursor.skip_value()?).is_some(),
            _ => return Err(BodyError::unrecognized(name)),
        };
        if twice { Err(BodyError::Shape(format!("records[{at}]: `{name}` appears twice"))) } else { Ok(()) }
    })?;
    let not_null = |text: &&str| *text != "null";
    let partition = match partition.filter(not_null).map(str::parse::<i32>) {
        None => None,
        Some(Ok(partition)) if partition >= 0 => Some(partition),
        Some(_) => {
            let most = i32::MAX;
            return Err(BodyError::Shape(format!(
                "records[{at}].partition: must be a whole number from 0 to {most}, or null"
            )));
        }
    };
    let (value, parsed) = match value {
        Some((value, parsed)) => (Some(value).filter(not_null), parsed),
        None => (None, Cursor::new("null").value(|text| read(at, text))?.1),
    };
    Ok(EnvelopeRecord { partition, key: key.filter(not_null), value, parsed, headers: headers.filter(not_null) })
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};
    use shared::json::{self, Strict};

    use super::*;

    const BODY: &str = r#" {"records": [{"key": "a\u00e9", "value": {"a": [1, 2.5e3, null, true], "b": "x\"y"}, "partition": 0},
        {"value":-1 } , {"headers":[{"key":"h","value":null}]}], "key_schema":null}"#;

    fn parse(body: &[u8]) -> Result<Vec<EnvelopeRecord<'_, Strict>>, Error> {
        super::parse(body, |_, text| json::start(text))
    }

    /// The records of a body, parsed as a tree; `None` if it is not an envelope.
    fn by_tree(body: &[u8]) -> Option<Vec<Map<String, Value>>> {
        let Value::Object(mut envelope) = serde_json::from_slice(body).ok()? else { return None };
        let Value::Array(records) = envelope.remove("records")? else { return None };
        let schemas = ["key_schema", "key_schema_id", "value_schema", "value_schema_id"];
        let is_known = envelope.keys().all(|name| schemas.contains(&name.as_str()));
        let records: Vec<_> = records.into_iter().map(record).collect::<Option<_>>()?;
        (is_known && !records.is_empty()).then_some(records)
    }

    fn record(record: Value) -> Option<Map<String, Value>> {
        let Value::Object(mut members) = record else { return None };
        let is_known = members.keys().all(|name| ["partition", "key", "value", "headers"].contains(&name.as_str()));
        // The tree reads -0 as a float.
        if let Some(zero) = members.get_mut("partition").filter(|partition| partition.as_f64() == Some(0.0)) {
            *zero = 0.into();
        }
        let is_partition =
            |number: &Value| number.as_i64().is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number));
        let partition = members.get("partition").is_none_or(|partition| partition.is_null() || is_partition(partition));
        members.retain(|_, value| !value.is_null());
        (is_known && partition).then_some(members)
    }

    fn tree(EnvelopeRecord { partition, key, value, headers, .. }: &EnvelopeRecord<'_, Strict>) -> Map<String, Value> {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let members = [
            ("partition", partition.map(Value::from)),
            ("key", key.map(json)),
            ("value", value.map(json)),
            ("headers", headers.map(json)),
        ];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    #[test]
    fn corrupting_any_byte_gives_the_same_result_as_a_tree_parser() {
        let mut read = 0;
        for at in 0..BODY.len() {
            let (before, from) = BODY.as_bytes().split_at(at);
            let mut bodies = vec![[before, &from[1..]].concat()];
            for byte in b"{}[]\",:0-.e \n\\nux_\x01\xff" {
                bodies.push([before, &[*byte], from].concat());
                bodies.push([before, &[*byte], &from[1..]].concat());
            }
            for body in bodies {
                let ours = parse(&body).ok().map(|entries| entries.iter().map(tree).collect::<Vec<_>>());
                read += usize::from(ours.is_some());
                assert_eq!(ours, by_tree(&body), "{}", String::from_utf8_lossy(&body));
            }
        }
        assert!(read > 500, "{read}");
    }

    #[test]
    fn an_escaped_name_is_the_same_name() {
        let entries = parse(br#"{"\u0072ecords":[{"\u0076alue":1}]}"#).unwrap();
        assert_eq!(entries[0].value, Some("1"));
    }
}

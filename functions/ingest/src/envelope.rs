//! `{"records":[{"partition"?,"key"?,"value"?}, …]}`, with every key and value left in the client's own text.
//!
//! One pass: `cursor` finds the way, and whoever knows what a value has to be reads it where it stands.

use serde::de::IgnoredAny;
use serde_json::Error as ReadError;
use shared::{json, shown::shown};

use self::cursor::{Cursor, Wrong};
use crate::{advice::explain, error::Error, limits::MAX_RECORDS};

mod cursor;

/// The records of a request, in its order.
#[derive(Debug)]
pub(crate) struct Envelope<'a, T> {
    pub(crate) entries: Vec<Entry<'a, T>>,
}

/// One record as it was sent.
#[derive(Debug)]
pub(crate) struct Entry<'a, T> {
    pub(crate) partition: Option<i32>,
    /// `None` for a missing one and for null.
    pub(crate) key: Option<&'a str>,
    /// As `key`.
    pub(crate) value: Option<&'a str>,
    /// What its reader made of the value; of one that is missing, what it makes of null.
    pub(crate) made: T,
}

/// Reads a body. `read` is given a record's place in the list and the text at whose start its value stands, and says where
/// that ends.
pub(crate) fn parse<'a, T>(body: &'a [u8], read: impl Read<'a, T>) -> Result<Envelope<'a, T>, Error> {
    let text = json::utf8(body).map_err(|error| Error::NotJson(explain(error, body)))?;
    match envelope(text, read) {
        Ok(None) => Err(Error::BadEnvelope("`records` is missing".to_owned())),
        Ok(Some(Found { count: 0, .. })) => Err(Error::BadEnvelope("`records` is empty".to_owned())),
        Ok(Some(Found { count, .. })) if count > MAX_RECORDS => Err(Error::TooManyRecords { count, most: MAX_RECORDS }),
        Ok(Some(Found { entries, .. })) => Ok(Envelope { entries }),
        // To the letter it is no JSON only there.
        Err(Wrong::NotJson(error)) if serde_json::from_str::<IgnoredAny>(text).is_ok() => Err(Error::NotJson(error)),
        Err(_) if text.trim().is_empty() => Err(Error::BadEnvelope("the body is empty".to_owned())),
        // A body that is no JSON further on is first of all that.
        Err(wrong) => Err(match (json::check(body), wrong) {
            (Err(error), _) => Error::NotJson(explain(error, body)),
            (Ok(_), Wrong::NotJson(error)) => Error::NotJson(error),
            (Ok(_), Wrong::Shape(problem)) => Error::BadEnvelope(problem),
        }),
    }
}

/// Reads the value at the start of a text.
pub(crate) trait Read<'a, T>: FnMut(usize, &'a str) -> Result<(T, usize), ReadError> {}

impl<'a, T, F: FnMut(usize, &'a str) -> Result<(T, usize), ReadError>> Read<'a, T> for F {}

/// What is under `records`.
struct Found<'a, T> {
    /// At most [`MAX_RECORDS`].
    entries: Vec<Entry<'a, T>>,
    /// How many there are, also beyond those kept.
    count: usize,
}

/// The envelope's `records`, when there are any.
fn envelope<'a, T>(text: &'a str, mut read: impl Read<'a, T>) -> Result<Option<Found<'a, T>>, Wrong> {
    let mut cursor = Cursor::new(text);
    if cursor.peek() == Some(b'"') {
        return Err(Wrong::shape("the body is a string that holds JSON: send the object itself, not its JSON text"));
    }
    let mut found = None;
    cursor.object("an object with `records`", |cursor, name| match name {
        "records" if found.is_some() => Err(Wrong::shape("`records` appears twice")),
        "records" => {
            found = Some(records(cursor, &mut read)?);
            Ok(())
        }
        // A client of the schema formats may send them along; they have no meaning in these.
        "key_schema" | "key_schema_id" | "value_schema" | "value_schema_id" => cursor.pass_value().map(drop),
        _ => Err(unrecognized(name)),
    })?;
    cursor.end()?;
    Ok(found)
}

fn records<'a, T>(cursor: &mut Cursor<'a>, read: &mut impl Read<'a, T>) -> Result<Found<'a, T>, Wrong> {
    let mut found = Found { entries: Vec::new(), count: 0 };
    cursor.list("`records` to be a list", |cursor| {
        if found.count < MAX_RECORDS {
            found.entries.push(entry(cursor, found.count, read)?);
        } else {
            cursor.pass_value()?;
        }
        found.count += 1;
        Ok(())
    })?;
    Ok(found)
}

/// The record at a place in the list.
fn entry<'a, T>(cursor: &mut Cursor<'a>, at: usize, read: &mut impl Read<'a, T>) -> Result<Entry<'a, T>, Wrong> {
    let (mut partition, mut key, mut value) = (None, None, None);
    cursor.object(format_args!("records[{at}] to be an object with `value`"), |cursor, name| {
        let twice = match name {
            "partition" => partition.replace(cursor.pass_value()?).is_some(),
            "key" => key.replace(cursor.pass_value()?).is_some(),
            "value" => value.replace(cursor.value(|text| read(at, text))?).is_some(),
            _ => return Err(unrecognized(name)),
        };
        if twice { Err(Wrong::Shape(format!("records[{at}]: `{name}` appears twice"))) } else { Ok(()) }
    })?;
    let not_null = |text: &&str| *text != "null";
    let partition = match partition.filter(not_null).map(str::parse::<i32>) {
        None => None,
        Some(Ok(partition)) if partition >= 0 => Some(partition),
        Some(_) => {
            let most = i32::MAX;
            return Err(Wrong::Shape(format!(
                "records[{at}].partition: must be a whole number from 0 to {most}, or null"
            )));
        }
    };
    let (value, made) = match value {
        Some((value, made)) => (Some(value).filter(not_null), made),
        None => (None, Cursor::new("null").value(|text| read(at, text))?.1),
    };
    Ok(Entry { partition, key: key.filter(not_null), value, made })
}

/// Cut, since the name is the client's.
fn unrecognized(name: &str) -> Wrong {
    Wrong::Shape(format!("Unrecognized field: {}", shown(name)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};
    use shared::json::Strict;

    use super::*;

    const BODY: &str = r#" {"records": [{"key": "a\u00e9", "value": {"a": [1, 2.5e3, null, true], "b": "x\"y"}, "partition": 0},
        {"value":-1 } , {}], "key_schema":null}"#;

    fn parse(body: &[u8]) -> Result<Envelope<'_, Strict>, Error> {
        super::parse(body, |_, text| json::start(text))
    }

    /// What a body's records are by way of a tree; `None` when it is no envelope.
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
        let is_known = members.keys().all(|name| ["partition", "key", "value"].contains(&name.as_str()));
        // A tree takes -0 for a fraction.
        if let Some(zero) = members.get_mut("partition").filter(|partition| partition.as_f64() == Some(0.0)) {
            *zero = 0.into();
        }
        let is_partition =
            |number: &Value| number.as_i64().is_some_and(|number| (0..=i64::from(i32::MAX)).contains(&number));
        let partition = members.get("partition").is_none_or(|partition| partition.is_null() || is_partition(partition));
        members.retain(|_, value| !value.is_null());
        (is_known && partition).then_some(members)
    }

    fn tree(Entry { partition, key, value, .. }: &Entry<'_, Strict>) -> Map<String, Value> {
        let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let members = [("partition", partition.map(Value::from)), ("key", key.map(json)), ("value", value.map(json))];
        members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    }

    #[test]
    fn a_body_is_read_as_a_tree_would_be_whichever_byte_of_it_is_wrong() {
        let mut read = 0;
        for at in 0..BODY.len() {
            let (before, from) = BODY.as_bytes().split_at(at);
            let mut bodies = vec![[before, &from[1..]].concat()];
            for byte in b"{}[]\",:0-.e \n\\nux_\x01\xff" {
                bodies.push([before, &[*byte], from].concat());
                bodies.push([before, &[*byte], &from[1..]].concat());
            }
            for body in bodies {
                let ours = parse(&body).ok().map(|envelope| envelope.entries.iter().map(tree).collect::<Vec<_>>());
                read += usize::from(ours.is_some());
                assert_eq!(ours, by_tree(&body), "{}", String::from_utf8_lossy(&body));
            }
        }
        assert!(read > 500, "{read}");
    }

    #[test]
    fn a_name_with_escapes_is_the_same_name() {
        let envelope = parse(br#"{"\u0072ecords":[{"\u0076alue":1}]}"#).unwrap();
        assert_eq!(envelope.entries[0].value, Some("1"));
    }
}

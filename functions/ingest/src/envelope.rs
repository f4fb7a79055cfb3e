//! `{"records":[{"partition"?,"key"?,"value"?}, …]}`, with every key and value left in the client's own text.

use std::fmt;

use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{error::Category, value::RawValue};
use shared::{
    json::{self, JsonError, Key, Strict},
    shown::shown,
};

use crate::{error::Error, limits::MAX_RECORDS};

/// The records of a request, in its order.
#[derive(Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) entries: Vec<Entry<'a>>,
}

/// One record as it was sent. Keys and values are JSON by the lazy reader only, which takes more than
/// [`json::check`]: whoever uses one has to check it.
#[derive(Debug, Default)]
pub(crate) struct Entry<'a> {
    pub(crate) partition: Option<i32>,
    /// `None` for a missing one and for null.
    pub(crate) key: Option<&'a str>,
    /// As `key`.
    pub(crate) value: Option<&'a str>,
}

/// Reads a body in one pass.
pub(crate) fn parse(body: &[u8]) -> Result<Envelope<'_>, Error> {
    let text = json::utf8(body).map_err(Error::NotJson)?;
    let Records(read) = serde_json::from_str(text).map_err(|error| match (error.classify(), json::check(body)) {
        // A body that is no JSON further on is first of all that.
        (_, Err(not_json)) => Error::NotJson(advised(not_json, text)),
        (Category::Data, Ok(_)) => Error::NoEnvelope(shape(error)),
        (Category::Io | Category::Syntax | Category::Eof, Ok(_)) => Error::NotJson(error.into()),
    })?;
    match read {
        None => Err(Error::NoEnvelope("`records` is missing".to_owned())),
        Some(read) if read.count == 0 => Err(Error::NoEnvelope("`records` is empty".to_owned())),
        Some(read) if read.count > MAX_RECORDS => Err(Error::TooManyRecords { count: read.count, most: MAX_RECORDS }),
        Some(read) => Ok(Envelope { entries: read.entries }),
    }
}

/// The parser's error, or for two mistakes that clients make its advice.
fn advised(mut error: JsonError, text: &str) -> JsonError {
    if text.trim().is_empty() {
        "the body is empty".clone_into(&mut error.expected);
    } else if text.trim_start().starts_with("{'") {
        "strings take double quotes, as Python's json.dumps writes them".clone_into(&mut error.expected);
    }
    error
}

/// The visitors' own words out of serde's, which repeat the value that was found, however long.
fn shape(error: serde_json::Error) -> String {
    let text = JsonError::from(error).expected;
    match text.rfind(", expected ") {
        Some(at) if text.starts_with("invalid ") => format!("expected {}", &text[at + ", expected ".len()..]),
        _ => text,
    }
}

/// Cut, since the name is the client's.
fn unrecognized<E: de::Error>(name: &str) -> E {
    E::custom(format_args!("Unrecognized field: {}", shown(name)))
}

/// The envelope's `records`, when there are any.
struct Records<'a>(Option<Read<'a>>);

struct Read<'a> {
    /// At most [`MAX_RECORDS`].
    entries: Vec<Entry<'a>>,
    /// How many there are, also beyond those kept.
    count: usize,
}

impl<'de> Deserialize<'de> for Records<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Any, so that a text can be told from other values.
        deserializer.deserialize_any(EnvelopeVisitor)
    }
}

struct EnvelopeVisitor;

impl<'de> Visitor<'de> for EnvelopeVisitor {
    type Value = Records<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object with `records`")
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<Self::Value, E> {
        Err(E::custom("the body is a string that holds JSON: send the object itself, not its JSON text"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut records = None;
        while let Some(Key(name)) = map.next_key()? {
            match name.as_ref() {
                "records" if records.is_some() => return Err(de::Error::custom("`records` appears twice")),
                "records" => records = Some(map.next_value::<Read<'_>>()?),
                // A client of the schema formats may send them along; they have no meaning in these.
                "key_schema" | "key_schema_id" | "value_schema" | "value_schema_id" => {
                    map.next_value::<Strict>()?;
                }
                _ => return Err(unrecognized(&name)),
            }
        }
        Ok(Records(records))
    }
}

impl<'de> Deserialize<'de> for Read<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(RecordsVisitor)
    }
}

struct RecordsVisitor;

impl<'de> Visitor<'de> for RecordsVisitor {
    type Value = Read<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("`records` to be a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while entries.len() < MAX_RECORDS
            && let Some(entry) = seq.next_element_seed(EntryVisitor { at: entries.len() })?
        {
            entries.push(entry);
        }
        let mut count = entries.len();
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        Ok(Read { entries, count })
    }
}

/// Reads the record at a place in the list.
struct EntryVisitor {
    at: usize,
}

impl<'de> DeserializeSeed<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for EntryVisitor {
    type Value = Entry<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "records[{}] to be an object with `value`", self.at)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { at } = self;
        let (mut partition, mut key, mut value) = (None, None, None);
        while let Some(Key(name)) = map.next_key()? {
            let slot = match name.as_ref() {
                "partition" => &mut partition,
                "key" => &mut key,
                "value" => &mut value,
                _ => return Err(unrecognized(&name)),
            };
            let twice = slot.replace(map.next_value::<&RawValue>()?.get()).is_some();
            if twice {
                return Err(de::Error::custom(format_args!("records[{at}]: `{name}` appears twice")));
            }
        }
        let not_null = |text: &&str| *text != "null";
        let partition = match partition.filter(not_null).map(str::parse::<i32>) {
            None => None,
            Some(Ok(partition)) if partition >= 0 => Some(partition),
            Some(_) => {
                return Err(de::Error::custom(format_args!(
                    "records[{at}].partition: must be a whole number from 0 to {}, or null",
                    i32::MAX
                )));
            }
        };
        Ok(Entry { partition, key: key.filter(not_null), value: value.filter(not_null) })
    }
}

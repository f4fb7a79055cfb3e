//! A record, and its form in the archive: a line, or an object in quarantine.

use bytes::Bytes;
use shared::json;

use crate::layout::Content;

/// A record as Kafka delivers it. Its key and headers are not archived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsumerRecord {
    /// The record's offset in its partition.
    pub offset: u64,
    /// The value; `None` for Kafka's null.
    pub value: Option<Bytes>,
}

/// The stored form of a record's value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Form {
    /// A compact JSON text: one line, without its line break.
    Line(Bytes),
    /// Any other value, unchanged.
    NotJson(Bytes),
    /// Kafka's null. JSON's `null` is a line.
    Null,
}

impl Form {
    /// Decides whether a record goes to the archive or to quarantine.
    ///
    /// The decision **must never change**, not even between versions: two writers that disagree about a record would store
    /// it twice. It rests on [`json::check`], which is bound in the same way.
    #[must_use]
    pub fn of(value: Option<&Bytes>) -> Self {
        let Some(value) = value else { return Self::Null };
        match json::check(value) {
            Ok(text) => Self::Line(json::compact_bytes(value, text)),
            Err(_) => Self::NotJson(value.clone()),
        }
    }

    pub(crate) const fn content(&self) -> Content {
        match self {
            Self::Line(_) => Content::Lines,
            Self::NotJson(_) => Content::NotJson,
            Self::Null => Content::Null,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_becomes_one_compact_line_and_any_other_value_stays_unchanged() {
        let line = |text: &'static str| Form::Line(Bytes::from_static(text.as_bytes()));
        let whole = |value: &'static [u8]| Form::NotJson(Bytes::from_static(value));
        let cases: [(Option<&'static [u8]>, Form); 11] = [
            (Some(br#"{"index":1,"lat":1.10}"#), line(r#"{"index":1,"lat":1.10}"#)),
            (Some(b"{\n  \"a b\" : [ 1 ,\r\n\t2 ]\n}\n"), line(r#"{"a b":[1,2]}"#)),
            (Some(br#""a\nb""#), line(r#""a\nb""#)),
            (Some(b"null"), line("null")),
            (None, Form::Null),
            (Some(b""), whole(b"")),
            (Some(b"\n"), whole(b"\n")),
            (Some(b"{\"a\":1}\n{\"a\":2}"), whole(b"{\"a\":1}\n{\"a\":2}")),
            (Some(b"{\"a\":"), whole(b"{\"a\":")),
            (Some(b"\"\xff\""), whole(b"\"\xff\"")),
            (Some(br#""\ud83d""#), whole(br#""\ud83d""#)),
        ];
        for (value, form) in cases {
            assert_eq!(Form::of(value.map(Bytes::from_static).as_ref()), form, "{value:?}");
        }
    }
}

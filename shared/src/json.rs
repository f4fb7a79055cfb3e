//! Accepted JSON, and its compact form. `ingest` and `archive` accept the same texts, because [`Strict`] and
//! `kind::row` make the same calls to the parser. So `archive` never quarantines a record that `ingest` accepted.

use std::{borrow::Cow, fmt, marker::PhantomData, ops::Range};

use bytes::Bytes;
use memchr::memchr;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The reason why bytes are not JSON, with its position.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {expected}")]
pub struct JsonError {
    /// The line, from 1.
    pub line: usize,
    /// The column in bytes, from 1.
    pub column: usize,
    /// The parser's message.
    pub expected: String,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let expected = match text.strip_suffix(&place).unwrap_or(&text) {
            // Python's `json.dumps` writes these for text that is not valid Unicode.
            "unexpected end of hex escape" | "lone leading surrogate in hex escape" => {
                "half of a surrogate pair in an escape"
            }
            other => other,
        };
        let expected = expected.to_owned();
        Self { line: error.line(), column: error.column(), expected }
    }
}

impl JsonError {
    /// The same error with its position in a whole text, of which the parsed part starts at `place`.
    #[must_use]
    pub fn after(self, place: Place) -> Self {
        let columns = if self.line == 1 { place.columns } else { 0 };
        Self { line: self.line + place.lines, column: self.column + columns, expected: self.expected }
    }
}

/// A position in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The number of complete lines before it.
    lines: usize,
    /// The number of bytes before it in its own line.
    columns: usize,
}

impl Place {
    /// The position after `text`, which starts here.
    #[must_use]
    pub fn behind(self, text: &[u8]) -> Self {
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        let columns = text.iter().rev().take_while(|byte| **byte != b'\n').count();
        Self { lines: self.lines + lines, columns: if lines == 0 { self.columns + columns } else { columns } }
    }
}

/// The text of `bytes` when it is one JSON value as [`serde_json::Value`] takes it: UTF-8, no lone surrogate, no
/// number out of range, at most 127 levels. (`RawValue` and `IgnoredAny` alone take more.)
///
/// # Errors
/// When the bytes are not such a value, with the position of the first violation.
pub fn check(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = utf8(bytes)?;
    serde_json::from_str::<Strict>(text)?;
    Ok(text)
}

/// The text of `bytes`. JSON has to be UTF-8.
///
/// # Errors
/// When the bytes are not UTF-8, with the position of the first invalid one.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let first = JsonError { line: 1, column: 1, expected: "invalid UTF-8".to_owned() };
        first.after(Place::default().behind(&bytes[..error.valid_up_to()]))
    })
}

/// Parses the value at the start of a text and returns it with its length. A number ends before the first character that
/// cannot be part of it.
///
/// # Errors
/// When the text does not start with such a value.
pub fn start<'a, T: Deserialize<'a>>(text: &'a str) -> Result<(T, usize), serde_json::Error> {
    start_of(PhantomData, text)
}

/// Same as [`start`], for a value that a seed deserializes.
///
/// # Errors
/// When the text does not start with such a value.
pub fn start_of<'a, S: DeserializeSeed<'a>>(seed: S, text: &'a str) -> Result<(S::Value, usize), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer)?;
    // Only the iterator exposes the deserializer's position.
    Ok((value, deserializer.into_iter::<IgnoredAny>().byte_offset()))
}

/// Any JSON value, validated and discarded. It accepts exactly what `Value` accepts, because it makes the same parser calls.
#[derive(Debug, Clone, Copy)]
pub struct Strict;

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Self;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self, E> {
        Ok(Self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self, A::Error> {
        while seq.next_element::<Self>()?.is_some() {}
        Ok(Self)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self, A::Error> {
        while map.next_entry::<Self, Self>()?.is_some() {}
        Ok(Self)
    }
}

/// An object's key, borrowed if it has no escapes. (serde always copies a bare `Cow`.)
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
pub struct Key<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// The unescaped text of a JSON string; `None` for any other value.
#[must_use]
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(|Key(text)| text)
}

/// Removes the whitespace outside of strings from `text`, which must be JSON. Numbers and escapes stay as they are. The result
/// is borrowed if there is no such whitespace.
#[must_use]
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => end_of_string(bytes, at),
            b' ' | b'\n' | b'\r' | b'\t' => {
                if out.is_empty() {
                    out.reserve_exact(text.len());
                }
                out.push_str(&text[kept..at]);
                kept = at + 1;
                kept
            }
            _ => at + 1,
        };
    }
    if kept == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(&text[kept..]);
    Cow::Owned(out)
}

/// Appends `text`, which must be JSON, to `copies` without the whitespace outside of strings, and returns the place there. `None`
/// if there is no such whitespace; nothing is appended then.
pub fn copy_compact(text: &str, copies: &mut Vec<u8>) -> Option<Range<usize>> {
    let Cow::Owned(compacted) = compact(text) else { return None };
    let start = copies.len();
    copies.extend_from_slice(compacted.as_bytes());
    Some(start..copies.len())
}

/// Removes the whitespace outside of strings from `text`, which must be JSON and a part of `bytes`. The result shares the memory of
/// `bytes` if there is no such whitespace.
///
/// # Panics
///
/// When `text` is not a part of `bytes`.
#[must_use]
pub fn compact_bytes(bytes: &Bytes, text: &str) -> Bytes {
    match compact(text) {
        Cow::Borrowed(text) => bytes.slice_ref(text.as_bytes()),
        Cow::Owned(text) => text.into(),
    }
}

/// The index after the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr(b'"', &bytes[at..]) {
        let quote = at + found;
        at = quote + 1;
        // An odd number of backslashes escapes the quote. Searching for quotes alone is faster than for both.
        let backslashes = bytes[..quote].iter().rev().take_while(|byte| **byte == b'\\').count();
        if backslashes % 2 == 0 {
            return at;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_accepted_json_is_that_of_serde_jsons_value() {
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        for text in [
            "1",
            " 1 ",
            "-0",
            "1e5",
            "1e999",
            "-1e999",
            "1e-999",
            "123456789012345678901234567890",
            "01",
            "1.",
            ".5",
            "+1",
            "NaN",
            "Infinity",
            "nul",
            "null",
            "true",
            "\"a",
            "\"\\u00e9\"",
            "\"\\ud83d\\ude00\"",
            "\"\\ud83d\"",
            "\"\\ude00x\"",
            "\"\\x\"",
            "\"a\nb\"",
            "\"\u{0}\"",
            "\"\\u0000\"",
            "[1,]",
            "{\"a\":1,}",
            "{\"a\":1,\"a\":2}",
            "{a:1}",
            "{\"a\" 1}",
            "[1 2]",
            "",
            " ",
            "1 2",
            "[1]]",
            "\u{feff}1",
            "// c\n1",
            "'a'",
            "\u{a0}1",
            &deep(127),
            &deep(128),
            &deep(129),
            &deep(100_000),
        ] {
            let value = serde_json::from_str::<serde_json::Value>(text);
            let ours = check(text.as_bytes());
            assert_eq!(ours.is_ok(), value.is_ok(), "{text:.40}: {ours:?}");
        }
        assert!(
            check(deep(127).as_bytes()).is_ok() && check(deep(128).as_bytes()).is_err(),
            "the limit of docs/api.md"
        );
        assert!(check(b"\"\xff\"").is_err() && serde_json::from_slice::<serde_json::Value>(b"\"\xff\"").is_err());
    }

    #[test]
    fn an_error_has_its_position_and_the_expectation() {
        let error = check(b"{\"a\": 1,\n \"b\": nope}").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 8: expected ident");
        let error = check(b"[\n\"\xff\"]").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 2: invalid UTF-8");
    }

    #[test]
    fn an_error_in_a_part_has_its_position_in_the_whole() {
        let whole = "{\n  \"value\": 1e999}";
        let start = whole.find('1').unwrap();
        let error = check(&whole.as_bytes()[start..whole.len() - 1]).unwrap_err();
        assert_eq!((error.line, error.column), (1, 5));
        let (line, rest) = whole.as_bytes()[..start].split_at(1);
        for place in [Place::default().behind(line).behind(rest), Place::default().behind(&whole.as_bytes()[..start])] {
            let error = error.clone().after(place);
            assert_eq!((error.line, error.column), (2, 16));
        }
    }

    #[test]
    fn only_whitespace_outside_of_strings_is_removed() {
        for (text, compacted) in [
            (r#"{ "a b" : [ 1.10 , "\u00e9 \" x" ] }"#, r#"{"a b":[1.10,"\u00e9 \" x"]}"#),
            ("\r\n\t 1 ", "1"),
            (r#""\\" "#, r#""\\""#),
            (" \" é \" ", "\" é \""),
        ] {
            assert_eq!(compact(text), compacted, "{text}");
        }
        assert!(matches!(compact(r#"{"a":"b c"}"#), Cow::Borrowed(_)));
    }

    #[test]
    fn compact_bytes_share_the_memory_of_text_without_whitespace() {
        let bytes = Bytes::from_static(b"[1,2] [3, 4]");
        let text = utf8(&bytes).unwrap();
        assert_eq!(compact_bytes(&bytes, &text[..5]).as_ptr(), bytes.as_ptr());
        assert_eq!(compact_bytes(&bytes, &text[6..]), "[3,4]");
    }
}

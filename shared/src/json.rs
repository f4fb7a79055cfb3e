//! What counts as JSON, and its compact form. `ingest` and `archive` decide by the same two functions, so what
//! one lets through the other never sends to quarantine.

use std::{borrow::Cow, fmt, marker::PhantomData};

use memchr::memchr;
use serde::de::{Deserialize, DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// Why bytes are not JSON, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {expected}")]
pub struct JsonError {
    /// From 1.
    pub line: usize,
    /// From 1, in bytes.
    pub column: usize,
    /// What is wrong there, in the parser's words.
    pub expected: String,
}

impl From<serde_json::Error> for JsonError {
    fn from(error: serde_json::Error) -> Self {
        let text = error.to_string();
        let place = format!(" at line {} column {}", error.line(), error.column());
        let expected = text.strip_suffix(&place).unwrap_or(&text).to_owned();
        Self { line: error.line(), column: error.column(), expected }
    }
}

impl JsonError {
    /// The same error in a text that holds the parsed one after `place`.
    #[must_use]
    pub fn after(self, place: Place) -> Self {
        let columns = if self.line == 1 { place.columns } else { 0 };
        Self { line: self.line + place.lines, column: self.column + columns, expected: self.expected }
    }
}

/// How far a text was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// That were ended.
    lines: usize,
    /// Of the line that was not, in bytes.
    columns: usize,
}

impl Place {
    /// Behind `text`, which is read on from here.
    #[must_use]
    pub fn behind(self, text: &[u8]) -> Self {
        let lines = text.iter().filter(|byte| **byte == b'\n').count();
        let columns = text.iter().rev().take_while(|byte| **byte != b'\n').count();
        Self { lines: self.lines + lines, columns: if lines == 0 { self.columns + columns } else { columns } }
    }
}

/// The text of `bytes` when it is one JSON value as [`serde_json::Value`] takes it: UTF-8, no lone surrogate, no
/// number out of range, at most 128 levels. (`RawValue` and `IgnoredAny` alone take more.)
///
/// # Errors
/// When it is not, with the first place that breaks the rule.
pub fn check(bytes: &[u8]) -> Result<&str, JsonError> {
    let text = utf8(bytes)?;
    serde_json::from_str::<Strict>(text)?;
    Ok(text)
}

/// The text of `bytes`, which is the first thing that JSON has to be.
///
/// # Errors
/// When the bytes are not UTF-8, with the place of the first one that is not.
pub fn utf8(bytes: &[u8]) -> Result<&str, JsonError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let first = JsonError { line: 1, column: 1, expected: "invalid UTF-8".to_owned() };
        first.after(Place::default().behind(&bytes[..error.valid_up_to()]))
    })
}

/// The value at the start of a text, and where it ends. A number ends before what cannot be part of it.
///
/// # Errors
/// When no such value stands there.
pub fn start<'a, T: Deserialize<'a>>(text: &'a str) -> Result<(T, usize), serde_json::Error> {
    start_of(PhantomData, text)
}

/// As [`start`], for a value that is read by a seed.
///
/// # Errors
/// When no such value stands there.
pub fn start_of<'a, S: DeserializeSeed<'a>>(seed: S, text: &'a str) -> Result<(S::Value, usize), serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer)?;
    // Only its iterator gives a deserializer's place away.
    Ok((value, deserializer.into_iter::<IgnoredAny>().byte_offset()))
}

/// Any JSON value, read and not kept. Takes what `Value` takes, since it asks the parser for the same things.
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

/// An object's key, borrowed where it has no escapes. (A bare `Cow` is always copied by serde.)
#[derive(Debug, serde::Deserialize)]
#[serde(transparent)]
pub struct Key<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// The text that a JSON string stands for; `None` for any other value.
#[must_use]
pub fn text(json: &str) -> Option<Cow<'_, str>> {
    serde_json::from_str(json).ok().map(|Key(text)| text)
}

/// `text`, which must be JSON, without the whitespace outside of its strings. Nothing else is touched: numbers and
/// escapes stay as they were written. Borrowed when there is no such whitespace.
#[must_use]
pub fn compact(text: &str) -> Cow<'_, str> {
    let bytes = text.as_bytes();
    let mut out = String::new();
    let (mut at, mut kept) = (0, 0);
    while let Some(byte) = bytes.get(at) {
        at = match byte {
            b'"' => behind_string(bytes, at),
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

/// What follows the string that begins at `start`.
fn behind_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr(b'"', &bytes[at..]) {
        let quote = at + found;
        at = quote + 1;
        // An odd number of them escapes the quote. Looking for quotes alone is faster than looking for both.
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
    fn what_is_json_is_what_serde_jsons_value_takes() {
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
        assert!(check(b"\"\xff\"").is_err() && serde_json::from_slice::<serde_json::Value>(b"\"\xff\"").is_err());
    }

    #[test]
    fn an_error_says_where_and_what_was_expected() {
        let error = check(b"{\"a\": 1,\n \"b\": nope}").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 8: expected ident");
        let error = check(b"[\n\"\xff\"]").unwrap_err();
        assert_eq!(error.to_string(), "line 2, column 2: invalid UTF-8");
    }

    #[test]
    fn an_error_in_a_part_is_told_as_a_place_in_the_whole() {
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
    fn only_whitespace_outside_of_strings_goes() {
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
}

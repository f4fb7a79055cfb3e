//! Validation of a record's value, with all broken rules at once.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use serde::de::DeserializeSeed;

use super::{
    Field, JOIN_KEY, JOIN_KEYS, Kind, Presence,
    broken::{BrokenRules, Violation},
    fast_path::FastPathRow,
    row::{MAX_FIELDS, MAX_ROWS, Object, Rows, Value},
};
use crate::{
    json::{self, JsonError},
    redact::excerpt,
};

/// The most fields that are compared pairwise instead of sorted.
const FEW_FIELDS: usize = 32;

/// The join key of a valid value, 0 to 2³¹ − 1: the number that joins the records of one post. It is the first row's if the value
/// is a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinKey(pub i64);

impl JoinKey {
    /// The key for a record that has none: the join key's digits. It keeps a post's records in one partition.
    #[must_use]
    pub fn key(&self) -> Bytes {
        self.0.to_string().into()
    }
}

/// A valid value at the start of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidStart<'a> {
    /// The key for a record that has none, like [`JoinKey::key`]. Borrowed if the text has the same digits.
    pub key: Cow<'a, str>,
    /// The place of the copy without insignificant whitespace; `None` if the value has no such whitespace.
    pub copy: Option<Range<usize>>,
}

/// The reason that a value is not of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// The value is not JSON.
    #[error("not JSON: {0}")]
    NotJson(JsonError),
    /// The value is JSON and breaks these rules.
    #[error("{} broken rules", .0.count)]
    Rules(BrokenRules),
}

impl From<serde_json::Error> for Invalid {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson(error.into())
    }
}

impl Kind {
    /// Validates a record's value: a row, or a list of rows. Returns none of its bytes, because a valid value is written as
    /// it was sent.
    ///
    /// # Errors
    /// When the value is not JSON, or breaks rules.
    pub fn check(&self, value: &str) -> Result<JoinKey, Invalid> {
        let mut validator = ValueValidator::new(self);
        let mut deserializer = serde_json::Deserializer::from_str(value);
        let rows = validator.rows().deserialize(&mut deserializer)?;
        deserializer.end()?;
        validator.finish(rows).map_err(Invalid::Rules)
    }

    /// Validates the value at the start of `text` like [`Kind::check`], and returns where it ends. A valid value with
    /// insignificant whitespace is appended to `copies` without.
    ///
    /// # Errors
    /// When `text` does not start with a JSON value.
    pub fn check_start<'a>(
        &self,
        text: &'a str,
        copies: &mut Vec<u8>,
    ) -> Result<(Result<ValidStart<'a>, BrokenRules>, usize), serde_json::Error> {
        let start = copies.len();
        if let Some(FastPathRow { key, end, is_copied }) = self.fast_path_row(text, copies) {
            let copy = is_copied.then_some(start..copies.len());
            return Ok((Ok(ValidStart { key: Cow::Borrowed(key), copy }), end));
        }
        let (checked, end) = self.check_any_start(text)?;
        let valid = checked.map(|JoinKey(key)| {
            let copy = json::copy_compact(&text[..end], copies);
            ValidStart { key: Cow::Owned(key.to_string()), copy }
        });
        Ok((valid, end))
    }

    /// The general reading, of every value.
    pub(super) fn check_any_start(
        &self,
        text: &str,
    ) -> Result<(Result<JoinKey, BrokenRules>, usize), serde_json::Error> {
        let mut validator = ValueValidator::new(self);
        let (rows, end) = json::start_of(validator.rows(), text)?;
        Ok((validator.finish(rows), end))
    }

    fn check_row(&self, row: &Row<'_>) -> Result<JoinKey, Vec<Violation>> {
        let mut violations = Vec::new();
        let (join_key, mut found) = self.check_join_key(row, &mut violations);
        // Search behind the previous field first: most rows have the kind's order.
        let mut next = 0;
        for field in self.fields {
            let at =
                position(&row[next..], field.name).map(|at| next + at).or_else(|| position(&row[..next], field.name));
            next = at.map_or(next, |at| at + 1);
            let other = field.alias.and_then(|name| Some((name, get(row, name)?)));
            found += usize::from(at.is_some()) + usize::from(other.is_some());
            if (at.is_some() || other.is_none())
                && let Err(problem) = field.check(at.map(|at| &row[at].1))
            {
                violations.push(Violation::of_field(field.name, problem));
            }
            if let Some((name, value)) = other
                && let Err(problem) = field.check(Some(value))
            {
                violations.push(Violation::of_field(name, problem));
            }
        }
        // The names found are distinct, so a row without other fields has no duplicates.
        if found < row.len() {
            drop(violations.splice(..0, repeated(row)));
        }
        match join_key {
            Some(join_key) if violations.is_empty() => Ok(JoinKey(join_key)),
            _ => Err(violations),
        }
    }

    /// Validates the join key. Returns it, and the number of fields that hold one.
    fn check_join_key(&self, row: &Row<'_>, violations: &mut Vec<Violation>) -> (Option<i64>, usize) {
        let mut found: Option<i64> = None;
        let mut fields = 0;
        for name in JOIN_KEYS {
            let Some(value) = get(row, name) else { continue };
            fields += 1;
            match (JOIN_KEY.check(value), JOIN_KEY.integer(value)) {
                (Ok(()), key) if found.is_none() || found == key => found = key,
                (Ok(()), _) => violations.push(Violation::of_field(name, "differs from the row's other join key")),
                (Err(problem), _) => violations.push(Violation::of_field(name, problem)),
            }
        }
        if fields == 0 {
            let names = JOIN_KEYS.map(|name| format!("`{name}`")).join(" or ");
            violations.push(Violation::of_field(self.join_key, format!("is missing; a row is joined by {names}")));
        }
        (found, fields)
    }
}

/// The validation of one value, row by row. Rows are not kept.
struct ValueValidator<'k> {
    kind: &'k Kind,
    /// The join key of the first valid row.
    first_join_key: Option<JoinKey>,
    /// The number of list elements that are objects.
    objects: usize,
    broken: BrokenRules,
}

impl<'k> ValueValidator<'k> {
    fn new(kind: &'k Kind) -> Self {
        Self { kind, first_join_key: None, objects: 0, broken: BrokenRules::default() }
    }

    /// The reader of a value, which validates each row.
    fn rows(&mut self) -> Rows<impl FnMut(Option<usize>, &Value<'_>)> {
        Rows(|at: Option<usize>, value: &Value<'_>| self.check(at, value))
    }

    fn check(&mut self, at: Option<usize>, value: &Value<'_>) {
        self.objects += usize::from(matches!(value, Value::Object(_)));
        let join_key = row_of(value).map_err(|problem| vec![Violation::of_value(problem)]).and_then(|row| {
            self.kind.check_row(row).map_err(|violations| match self.kind.advice(row) {
                Some(advice) => vec![advice],
                None => violations,
            })
        });
        match join_key {
            Ok(join_key) => _ = self.first_join_key.get_or_insert(join_key),
            Err(violations) => self.broken.add(at, violations),
        }
    }

    /// The outcome once the value is read. `rows` is its length if it is a list.
    fn finish(mut self, rows: Option<usize>) -> Result<JoinKey, BrokenRules> {
        let of_value = |problem: String| Err(Violation::of_value(problem).into());
        match rows {
            Some(0) => return of_value("must be the row, or a list of rows; it is an empty list".to_owned()),
            Some(rows) if rows > MAX_ROWS => {
                return of_value(format!(
                    "is a list of {rows} rows, more than {MAX_ROWS}: send them in several records"
                ));
            }
            Some(rows) if self.objects == 0 => {
                return of_value(format!("must be the row, or a list of rows; it is a list of {rows} that holds none"));
            }
            // Most clients that send a list of one row mean the row.
            Some(1) => self.broken.listed.iter_mut().for_each(|violation| violation.row = None),
            Some(_) | None => {}
        }
        match self.first_join_key {
            Some(join_key) if self.broken.count == 0 => Ok(join_key),
            _ => Err(self.broken),
        }
    }
}

impl Field {
    fn check(&self, value: Option<&Value<'_>>) -> Result<(), String> {
        match (value, self.presence) {
            (None, Presence::Optional) | (Some(Value::Null), Presence::Required | Presence::Optional) => Ok(()),
            (None, Presence::Required | Presence::NotNull) => Err("is missing".to_owned()),
            (Some(value), _) => self.rule.check(value),
        }
    }
}

/// A row's fields, in order.
pub(super) type Row<'a> = [(Cow<'a, str>, Value<'a>)];

pub(super) fn get<'row, 'a>(row: &'row Row<'a>, name: &str) -> Option<&'row Value<'a>> {
    position(row, name).map(|at| &row[at].1)
}

fn position(row: &Row<'_>, name: &str) -> Option<usize> {
    row.iter().position(|(key, _)| key == name)
}

/// Returns the value as a row.
fn row_of<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Row<'a>, String> {
    match value {
        Value::Object(Object { fields, len }) if *len <= MAX_FIELDS => Ok(fields),
        Value::Object(Object { len, .. }) => Err(format!("has {len} fields, more than {MAX_FIELDS}")),
        Value::Text(text) if text.trim_start().starts_with(['{', '[']) => {
            Err("is a string that holds the row's JSON: send the object itself, not its JSON text".to_owned())
        }
        Value::Null => Err("is missing or null; it must be the row, as an object".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => {
            Err(format!("must be the row, as an object; it is {}", value.type_name()))
        }
    }
}

/// Reports duplicate fields: consumers disagree on which of two values counts.
fn repeated(row: &Row<'_>) -> Vec<Violation> {
    let is_repeated = |(at, (name, _)): (usize, &(Cow<'_, str>, _))| position(&row[..at], name).is_some();
    // Comparing pairwise is faster for a row of the usual size.
    if row.len() <= FEW_FIELDS && !row.iter().enumerate().any(is_repeated) {
        return Vec::new();
    }
    let mut names: Vec<&str> = row.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    let mut repeated: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    repeated.dedup();
    repeated.into_iter().map(|name| Violation::of_field(excerpt(name), "appears more than once")).collect()
}

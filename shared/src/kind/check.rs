//! A record's value against its kind: all broken rules at once.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::DeserializeSeed;

use super::{
    Field, JOIN_KEY, JOIN_KEYS, Kind, Presence,
    broken::{BrokenRules, Violation},
    row::{MAX_FIELDS, MAX_ROWS, Object, Rows, Value},
};
use crate::{
    json::{self, JsonError},
    shown::shown,
};

/// How many fields are compared with each other rather than sorted.
const FEW_FIELDS: usize = 32;

/// The facts about a valid value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Joins the records of one post, 0 to 2³¹ − 1. That of the first row where the value is a list.
    pub join_key: i64,
}

impl Checked {
    /// The key of a record that came without one: the join key's digits. So a topic with more than one partition keeps
    /// a post's records together; of lists, those that hold the same posts in the same order.
    #[must_use]
    pub fn key(&self) -> Bytes {
        self.join_key.to_string().into()
    }
}

/// Why a value is not of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(JsonError),
    /// It is, and these are the rules it breaks.
    #[error("{} broken rules", .0.count)]
    Rules(BrokenRules),
}

impl From<serde_json::Error> for Invalid {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson(error.into())
    }
}

impl Kind {
    /// Holds a record's value, a row or a list of rows, to this kind. Returns nothing of its bytes: a valid value is
    /// forwarded as it came. `sibling` gives the topic of another kind, for the advice to a row that went astray.
    ///
    /// # Errors
    /// When the value is not JSON, or with the rules it breaks.
    pub fn check(&self, value: &str, sibling: impl Fn(&Self) -> String) -> Result<Checked, Invalid> {
        let mut check = Check::new(self, sibling);
        let mut deserializer = serde_json::Deserializer::from_str(value);
        let rows = check.rows().deserialize(&mut deserializer)?;
        deserializer.end()?;
        check.finish(rows).map_err(Invalid::Rules)
    }

    /// As [`Kind::check`], for the value at the start of a text; returns where it ends as well.
    ///
    /// # Errors
    /// When no JSON value stands there.
    pub fn check_start(
        &self,
        text: &str,
        sibling: impl Fn(&Self) -> String,
    ) -> Result<(Result<Checked, BrokenRules>, usize), serde_json::Error> {
        let mut check = Check::new(self, sibling);
        let (rows, end) = json::start_of(check.rows(), text)?;
        Ok((check.finish(rows), end))
    }

    fn check_row(&self, row: &Row<'_>) -> Result<Checked, Vec<Violation>> {
        let mut violations = Vec::new();
        let (join_key, mut found) = self.check_join_key(row, &mut violations);
        // Behind the field before: most rows have them in the kind's order.
        let mut next = 0;
        for field in self.fields {
            let at =
                position(&row[next..], field.name).map(|at| next + at).or_else(|| position(&row[..next], field.name));
            next = at.map_or(next, |at| at + 1);
            let other = field.also.and_then(|name| Some((name, get(row, name)?)));
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
        // What was found has different names: a row that holds nothing else repeats none.
        if found < row.len() {
            drop(violations.splice(..0, repeated(row)));
        }
        match join_key {
            Some(join_key) if violations.is_empty() => Ok(Checked { join_key }),
            _ => Err(violations),
        }
    }

    /// The join key, and how many of the row's fields hold one.
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

/// The check of one value, whose rows come one after the other and are not kept.
struct Check<'k, S> {
    kind: &'k Kind,
    sibling: S,
    /// Of the first valid row.
    checked: Option<Checked>,
    /// Elements of a list that are objects.
    objects: usize,
    broken: BrokenRules,
}

impl<'k, S: Fn(&Kind) -> String> Check<'k, S> {
    fn new(kind: &'k Kind, sibling: S) -> Self {
        Self { kind, sibling, checked: None, objects: 0, broken: BrokenRules::default() }
    }

    /// Reads a value, and checks each row in it.
    fn rows(&mut self) -> Rows<impl FnMut(Option<usize>, &Value<'_>)> {
        Rows(|at: Option<usize>, value: &Value<'_>| self.check(at, value))
    }

    fn check(&mut self, at: Option<usize>, value: &Value<'_>) {
        self.objects += usize::from(matches!(value, Value::Object(_)));
        let checked = row_of(value).map_err(|problem| vec![Violation::of_value(problem)]).and_then(|row| {
            self.kind.check_row(row).map_err(|violations| match self.kind.advice(row, &self.sibling) {
                Some(advice) => vec![advice],
                None => violations,
            })
        });
        match checked {
            Ok(checked) => _ = self.checked.get_or_insert(checked),
            Err(violations) => self.broken.add(at, violations),
        }
    }

    /// The outcome, once the value is read. `rows` is the length of the list that it is.
    fn finish(mut self, rows: Option<usize>) -> Result<Checked, BrokenRules> {
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
            // A list of one is the row itself to most clients that send it.
            Some(1) => self.broken.listed.iter_mut().for_each(|violation| violation.row = None),
            Some(_) | None => {}
        }
        match self.checked {
            Some(checked) if self.broken.count == 0 => Ok(checked),
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

/// A row's fields in its order.
pub(super) type Row<'a> = [(Cow<'a, str>, Value<'a>)];

pub(super) fn get<'row, 'a>(row: &'row Row<'a>, name: &str) -> Option<&'row Value<'a>> {
    position(row, name).map(|at| &row[at].1)
}

fn position(row: &Row<'_>, name: &str) -> Option<usize> {
    row.iter().position(|(key, _)| key == name)
}

/// The row that a value is.
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

/// Readers disagree on which of two values counts, so neither may be forwarded as valid.
fn repeated(row: &Row<'_>) -> Vec<Violation> {
    let is_repeated = |(at, (name, _)): (usize, &(Cow<'_, str>, _))| position(&row[..at], name).is_some();
    // Without sorting, which takes longer for a row of the usual size.
    if row.len() <= FEW_FIELDS && !row.iter().enumerate().any(is_repeated) {
        return Vec::new();
    }
    let mut names: Vec<&str> = row.iter().map(|(name, _)| name.as_ref()).collect();
    names.sort_unstable();
    let mut repeated: Vec<_> = names.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    repeated.dedup();
    repeated.into_iter().map(|name| Violation::of_field(shown(name), "appears more than once")).collect()
}

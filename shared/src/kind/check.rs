//! A record's value against its kind: all broken rules at once, and the advice for the mistakes that clients make.

use std::borrow::Cow;

use bytes::Bytes;

use super::{
    CATALOG, Field, JOIN_KEY, JOIN_KEYS, Kind, Presence,
    row::{List, MAX_FIELDS, Object, Value, Whole},
};
use crate::{
    json::{self, JsonError},
    shown::shown,
};

/// How many fields are compared with each other rather than sorted.
const FEW_FIELDS: usize = 32;

/// What a valid value tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Joins the records of one post, 0 to 2³¹ − 1.
    pub join_key: i64,
}

impl Checked {
    /// The key of a record that came without one: the join key's digits. So a topic with more than one partition keeps
    /// a post's records together.
    #[must_use]
    pub fn key(&self) -> Bytes {
        self.join_key.to_string().into()
    }
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The row's field, or `None` when the value as a whole is at fault.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong and what to do, beginning with a verb. At most 64 characters of the value are in it.
    pub problem: String,
}

impl Violation {
    fn of_field(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self { field: Some(field.into()), problem: problem.into() }
    }

    fn of_value(problem: impl Into<String>) -> Self {
        Self { field: None, problem: problem.into() }
    }
}

/// Why a value is not of its kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// It is not JSON.
    #[error("not JSON: {0}")]
    NotJson(JsonError),
    /// It is, and these are the rules it breaks; never empty.
    #[error("{} broken rules", .0.len())]
    Rules(Vec<Violation>),
}

impl From<serde_json::Error> for Invalid {
    fn from(error: serde_json::Error) -> Self {
        Self::NotJson(error.into())
    }
}

impl Kind {
    /// Holds a record's value, the row or a list of one row, to this kind. Says nothing of its bytes: a valid value is
    /// forwarded as it came. `sibling` gives the topic of another kind, for the advice to a row that went astray.
    ///
    /// # Errors
    /// When the value is not JSON, or with every rule it breaks.
    pub fn check(&self, value: &str, sibling: impl Fn(&Self) -> String) -> Result<Checked, Invalid> {
        let Whole(value) = serde_json::from_str(value)?;
        self.check_value(&value, sibling).map_err(Invalid::Rules)
    }

    /// As [`Kind::check`], for the value at the start of a text; says also where it ends.
    ///
    /// # Errors
    /// When no JSON value stands there.
    pub fn check_start(
        &self,
        text: &str,
        sibling: impl Fn(&Self) -> String,
    ) -> Result<(Result<Checked, Vec<Violation>>, usize), serde_json::Error> {
        let (Whole(value), end) = json::start(text)?;
        Ok((self.check_value(&value, sibling), end))
    }

    fn check_value(&self, value: &Value<'_>, sibling: impl Fn(&Self) -> String) -> Result<Checked, Vec<Violation>> {
        let row = row_of(value).map_err(|problem| vec![Violation::of_value(problem)])?;
        self.check_row(row).map_err(|violations| self.advise(row, violations, sibling))
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
            found += usize::from(at.is_some());
            if let Err(problem) = field.check(at.map(|at| &row[at].1)) {
                violations.push(Violation::of_field(field.name, problem));
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

    /// Puts one sentence in place of a row's violations where one mistake explains them all.
    fn advise(&self, row: &Row<'_>, violations: Vec<Violation>, sibling: impl Fn(&Self) -> String) -> Vec<Violation> {
        if let [(key, Value::Object(_) | Value::List(_))] = row
            && key == "value"
        {
            return vec![Violation::of_value("holds the row inside another `value`: unwrap it, one `value` is enough")];
        }
        match CATALOG.iter().find(|kind| **kind != self && kind.fits_better(row, self)) {
            Some(kind) => {
                let topic = sibling(kind);
                vec![Violation::of_value(format!("looks like a {kind} record; its topic is {topic}"))]
            }
            None => violations,
        }
    }

    /// Whether a row has more than half of this kind's fields, and more of them than of the other's.
    fn fits_better(&self, row: &Row<'_>, other: &Self) -> bool {
        let own = self.fields_in(row);
        2 * own > self.fields.len() && own > other.fields_in(row)
    }

    fn fields_in(&self, row: &Row<'_>) -> usize {
        self.fields.iter().filter(|field| get(row, field.name).is_some()).count()
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
type Row<'a> = [(Cow<'a, str>, Value<'a>)];

fn get<'row, 'a>(row: &'row Row<'a>, name: &str) -> Option<&'row Value<'a>> {
    position(row, name).map(|at| &row[at].1)
}

fn position(row: &Row<'_>, name: &str) -> Option<usize> {
    row.iter().position(|(key, _)| key == name)
}

/// The row that a record's value is, or the only element of.
fn row_of<'v, 'a>(value: &'v Value<'a>) -> Result<&'v Row<'a>, String> {
    match value {
        Value::Object(Object { fields, len }) if *len <= MAX_FIELDS => Ok(fields),
        Value::Object(Object { len, .. }) => Err(format!("has {len} fields, more than {MAX_FIELDS}")),
        Value::List(List { first: Some(first), len: 1, .. }) => match first.as_ref() {
            row @ Value::Object(_) => row_of(row),
            _ => Err("must be a row; it is a list of one that holds none".to_owned()),
        },
        Value::List(List { len, .. }) => {
            Err(format!("must be one row; it is a list of {len}: send each row as a record of its own"))
        }
        Value::Text(text) if text.trim_start().starts_with(['{', '[']) => {
            Err("is a string that holds the row's JSON: send the object itself, not its JSON text".to_owned())
        }
        Value::Null => Err("is missing or null; it must be the row, as an object".to_owned()),
        Value::Bool(_) | Value::Number(_) | Value::Text(_) => {
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

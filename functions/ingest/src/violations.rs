//! The rules that a request's records break.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use shared::kind::{BrokenRules, Violation};

use crate::limits::MAX_VIOLATIONS;

/// The broken rules of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// The first ones, in the order of the records.
    pub listed: Vec<RecordViolation>,
    /// How many there are, also beyond those listed.
    pub count: usize,
}

/// A broken rule and the record that breaks it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RecordViolation {
    /// The record's place in the request, from 0.
    pub record: usize,
    /// The row's place in the list that the record's value is, from 0; missing where the value is one row.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The row's field; null when the row or the value as a whole is at fault.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong and what to do.
    pub problem: String,
}

/// The row, as a path from the request's body.
impl fmt::Display for RecordViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "records[{}].value", self.record)?;
        self.row.map_or(Ok(()), |row| write!(f, "[{row}]"))
    }
}

impl Violations {
    pub(crate) fn add(&mut self, record: usize, BrokenRules { listed, count }: BrokenRules) {
        self.count += count;
        let room = MAX_VIOLATIONS - self.listed.len();
        self.listed.extend(listed.into_iter().take(room).map(|Violation { row, field, problem }| RecordViolation {
            record,
            row,
            field,
            problem,
        }));
    }

    /// The places alone. A field that is none of the kind's is the client's own word.
    pub(crate) fn logged(&self) -> String {
        let place = |violation: &RecordViolation| match &violation.field {
            Some(Cow::Borrowed(field)) => format!("{violation}.{field}"),
            Some(Cow::Owned(_)) | None => violation.to_string(),
        };
        let first = self.listed.first().map(place).unwrap_or_default();
        format!("{first} breaks a rule, {} are broken in all", self.count)
    }
}

/// The first one, and how many more there are; the list itself is the body's `violations`.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.listed.first() else { return Ok(()) };
        write!(f, "{first}")?;
        if let Some(field) = &first.field {
            write!(f, ".{field}")?;
        }
        write!(f, ": {}", first.problem)?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more)", count - 1),
        }
    }
}

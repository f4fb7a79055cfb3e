//! The rules that a request's records break.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use shared::kind::Violation;

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
    /// The row's field; null when the value as a whole is at fault.
    pub field: Option<Cow<'static, str>>,
    /// What is wrong and what to do.
    pub problem: String,
}

impl Violations {
    pub(crate) fn add(&mut self, record: usize, violations: Vec<Violation>) {
        self.count += violations.len();
        let room = MAX_VIOLATIONS - self.listed.len();
        self.listed.extend(violations.into_iter().take(room).map(|Violation { field, problem }| RecordViolation {
            record,
            field,
            problem,
        }));
    }

    /// The places alone. A field that is none of the kind's is the client's own word.
    pub(crate) fn logged(&self) -> String {
        let place = |RecordViolation { record, field, .. }: &RecordViolation| match field {
            Some(Cow::Borrowed(field)) => format!("records[{record}].value.{field}"),
            Some(Cow::Owned(_)) | None => format!("records[{record}].value"),
        };
        let first = self.listed.first().map(place).unwrap_or_default();
        format!("{first} breaks a rule, {} are broken in all", self.count)
    }
}

/// The first one, and how many more there are; the list itself is the body's `violations`.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(RecordViolation { record, field, problem }) = self.listed.first() else { return Ok(()) };
        write!(f, "records[{record}].value")?;
        if let Some(field) = field {
            write!(f, ".{field}")?;
        }
        write!(f, ": {problem}")?;
        match self.count {
            0 | 1 => Ok(()),
            count => write!(f, " (and {} more)", count - 1),
        }
    }
}

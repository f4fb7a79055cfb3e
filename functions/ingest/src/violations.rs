//! The rules that the records of a request break.

use std::{borrow::Cow, fmt};

use serde::Serialize;
use shared::kind::{BrokenRules, Violation};

use crate::limits::MAX_VIOLATIONS;

/// The broken rules of a request.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Violations {
    /// The first `MAX_VIOLATIONS`, in the order of the records.
    pub listed: Vec<RecordViolation>,
    /// The number of all broken rules, listed or not.
    pub count: usize,
    value_path: ValuePath,
}

/// The path of a record's value in the request's body.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ValuePath {
    /// `records[0].value`
    #[default]
    Value,
    /// `Data`
    Data,
    /// `Records[0].Data`
    RecordsData,
}

impl ValuePath {
    /// The path of the record at index `at`.
    pub(crate) fn record(self, at: usize) -> String {
        match self {
            Self::Value => format!("records[{at}]"),
            Self::Data => "the record".to_owned(),
            Self::RecordsData => format!("Records[{at}]"),
        }
    }

    fn value(self, at: usize) -> String {
        match self {
            Self::Value => self.record(at) + ".value",
            Self::Data => "Data".to_owned(),
            Self::RecordsData => self.record(at) + ".Data",
        }
    }
}

/// A broken rule and the record that breaks it.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct RecordViolation {
    /// The record's index in the request.
    pub record: usize,
    /// The row's index, if the record's value is a list of rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row: Option<usize>,
    /// The row's field; null if the row or the value as a whole is wrong.
    pub field: Option<Cow<'static, str>>,
    /// The problem, and how to fix it.
    pub problem: String,
}

impl RecordViolation {
    /// The path of the row in the request's body.
    fn path(&self, value_path: ValuePath) -> String {
        let row = self.row.map(|row| format!("[{row}]"));
        value_path.value(self.record) + &row.unwrap_or_default()
    }
}

impl Violations {
    /// No violations yet, of values with this path.
    pub(crate) fn at(value_path: ValuePath) -> Self {
        Self { value_path, ..Self::default() }
    }

    pub(crate) fn add(&mut self, record: usize, BrokenRules { listed, count }: BrokenRules) {
        self.count += count;
        let remaining = MAX_VIOLATIONS - self.listed.len();
        self.listed.extend(
            listed.into_iter().take(remaining).map(|Violation { row, field, problem, .. }| RecordViolation {
                record,
                row,
                field,
                problem,
            }),
        );
    }

    /// The log message: positions without values. Unknown field names are the client's data and left out.
    pub(crate) fn logged(&self) -> String {
        let place = |violation: &RecordViolation| match &violation.field {
            Some(Cow::Borrowed(field)) => format!("{}.{field}", violation.path(self.value_path)),
            Some(Cow::Owned(_)) | None => violation.path(self.value_path),
        };
        let first = self.listed.first().map(place).unwrap_or_default();
        format!("{first} breaks a rule, {} broken in total", self.count)
    }
}

/// The first violation and the number of the others. The body lists them in `violations`.
impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.listed.first() else { return Ok(()) };
        f.write_str(&first.path(self.value_path))?;
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

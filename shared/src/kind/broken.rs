//! The rules that a value breaks.

use std::borrow::Cow;

use super::Kind;

/// The most broken rules that are kept per value, which may be a list of thousands of rows.
pub const MAX_LISTED: usize = 100;

/// The rules that a value breaks; at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokenRules {
    /// The first [`MAX_LISTED`], row by row.
    pub listed: Vec<Violation>,
    /// The number of all broken rules, listed or not.
    pub count: usize,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The row's index, if the value is a list of rows.
    pub row: Option<usize>,
    /// The row's field; `None` if the row or the value as a whole is wrong.
    pub field: Option<Cow<'static, str>>,
    /// The problem and how to fix it, starting with a verb. Quotes at most 64 characters of the value.
    pub problem: String,
    /// The kind that the row belongs to, if it is another one.
    pub belongs_to: Option<&'static Kind>,
}

impl Violation {
    pub(super) fn of_field(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self { row: None, field: Some(field.into()), problem: problem.into(), belongs_to: None }
    }

    /// A rule about the row or the value as a whole.
    pub fn of_value(problem: impl Into<String>) -> Self {
        Self { row: None, field: None, problem: problem.into(), belongs_to: None }
    }

    /// A row of another kind.
    pub(super) fn of_kind(kind: &'static Kind) -> Self {
        Self { belongs_to: Some(kind), ..Self::of_value(format!("looks like a {kind} record")) }
    }
}

impl BrokenRules {
    /// Adds the violations of one row.
    pub(super) fn add(&mut self, row: Option<usize>, violations: Vec<Violation>) {
        self.count += violations.len();
        let remaining = MAX_LISTED.saturating_sub(self.listed.len());
        self.listed.extend(violations.into_iter().take(remaining).map(|violation| Violation { row, ..violation }));
    }
}

/// A single broken rule.
impl From<Violation> for BrokenRules {
    fn from(violation: Violation) -> Self {
        Self { listed: vec![violation], count: 1 }
    }
}

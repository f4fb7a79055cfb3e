//! The rules that a value breaks, as far as an answer has room for them.

use std::borrow::Cow;

/// The most broken rules that are kept of one value, which may be a list of thousands of rows.
pub const MAX_LISTED: usize = 100;

/// The rules that a value breaks; at least one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BrokenRules {
    /// The first [`MAX_LISTED`] of them, row by row.
    pub listed: Vec<Violation>,
    /// The number of them, including those that are not listed.
    pub count: usize,
}

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The row's place in the list that the value is, from 0; `None` where the value is one row.
    pub row: Option<usize>,
    /// The row's field, or `None` when the row or the value as a whole is at fault.
    pub field: Option<Cow<'static, str>>,
    /// The mistake and its remedy, beginning with a verb. At most 64 characters of the value are in it.
    pub problem: String,
}

impl Violation {
    pub(super) fn of_field(field: impl Into<Cow<'static, str>>, problem: impl Into<String>) -> Self {
        Self { row: None, field: Some(field.into()), problem: problem.into() }
    }

    /// A rule that the row or the value as a whole breaks.
    pub fn of_value(problem: impl Into<String>) -> Self {
        Self { row: None, field: None, problem: problem.into() }
    }
}

impl BrokenRules {
    /// Adds those of the row at a place in the list that the value is.
    pub(super) fn add(&mut self, row: Option<usize>, violations: Vec<Violation>) {
        self.count += violations.len();
        let room = MAX_LISTED.saturating_sub(self.listed.len());
        self.listed.extend(violations.into_iter().take(room).map(|violation| Violation { row, ..violation }));
    }
}

/// One broken rule of the value as a whole.
impl From<Violation> for BrokenRules {
    fn from(violation: Violation) -> Self {
        Self { listed: vec![violation], count: 1 }
    }
}

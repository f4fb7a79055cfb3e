//! The kinds of record: pin, geo and user.
//!
//! A kind is data: its file is its whole contract, and validation, topics, the emulator's queries and the
//! tests iterate over [`CATALOG`]. **To add a kind, write its file and list it below**; CONTRIBUTING.md
//! lists the pages and samples that name each kind.
//!
//! Kinds are constants instead of implementations of a trait, because they differ in data only.

use std::fmt;

mod advice;
mod broken;
mod check;
mod clean;
mod column;
mod date;
mod fast_path;
mod form;
mod geo;
mod pin;
mod row;
mod rule;
#[cfg(test)]
mod tests;
mod user;

pub use broken::{BrokenRules, MAX_LISTED, Violation};
pub use check::{Invalid, JoinKey, ValidStart};
pub use clean::{Cell, Cleaner};
pub use column::{Cleaning, Column, ColumnType, JOIN_COLUMN};
pub use form::Form;
pub use geo::GEO;
pub use pin::PIN;
pub use row::MAX_ROWS;
pub use user::USER;

/// Every kind, in the order in which the emulator sends a post's records.
pub const CATALOG: &[&Kind] = &[&PIN, &GEO, &USER];

/// The names of the join key. Published clients mix them up, so each kind accepts both.
pub const JOIN_KEYS: [&str; 2] = ["index", "ind"];

/// The range of a join key: the column is a signed 32-bit integer. The course's rows go up to 11,153.
pub const JOIN_KEY: Rule = Rule::Integer { min: 0, max: i32::MAX as i64 };

/// One kind of record.
#[derive(Debug)]
pub struct Kind {
    /// The topic's suffix: `pin` in `<user_id>.pin`. At most 16 characters.
    pub name: &'static str,
    /// The database table that holds its rows.
    pub table: &'static str,
    /// The table's column that joins a post's records, one of [`JOIN_KEYS`].
    pub join_key: &'static str,
    /// The other fields, in the table's order. Unknown fields of a row are not validated.
    pub fields: &'static [Field],
    /// The columns of its table of cleaned rows, besides [`JOIN_COLUMN`]. A test requires that each field has one.
    pub columns: &'static [Column],
    /// The forms of its rows that published clients send, besides the table's own. A test allows a field to be optional or
    /// renamed only if a form needs it.
    pub forms: &'static [Form],
}

/// Kinds are constants, so the name identifies a kind.
impl PartialEq for Kind {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Kind {}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One field of a kind's row.
#[derive(Debug)]
pub struct Field {
    /// The key in the row's JSON, and the table's column.
    pub name: &'static str,
    /// Another key that a published client uses.
    pub alias: Option<&'static str>,
    /// The rule for its value.
    pub rule: Rule,
    /// The rule for its presence.
    pub presence: Presence,
}

/// The rule for the presence of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// Must be present and not null.
    NotNull,
    /// Must be present, may be null.
    Required,
    /// May be missing, because a published client leaves it out.
    Optional,
}

/// The rule for a field's value. Placeholders such as `""` and `User Info Error` are ordinary text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// A string.
    Text,
    /// A string, or an array of strings.
    TextOrList,
    /// A whole number, or a string that holds one; `35.0` is 35.
    Integer {
        /// The least accepted value.
        min: i64,
        /// The greatest accepted value.
        max: i64,
    },
    /// A number, or a string that holds one.
    Number {
        /// The least accepted value.
        min: f64,
        /// The greatest accepted value.
        max: f64,
    },
    /// An existing date and time, in one of [`DATE_FORMS`].
    DateTime,
}

/// The accepted forms of a date, as errors name them. A fraction of a second and a time zone may follow.
pub const DATE_FORMS: &str =
    "`2020-08-28T03:52:47`, `2020-08-28 03:52:47`, `2020:08:28 03:52:47` or `08/28/2020, 03:52:47`";

impl Field {
    const fn required(name: &'static str, rule: Rule) -> Self {
        Self { name, alias: None, rule, presence: Presence::Required }
    }

    const fn optional(name: &'static str, rule: Rule) -> Self {
        Self { name, alias: None, rule, presence: Presence::Optional }
    }

    const fn not_null(name: &'static str, rule: Rule) -> Self {
        Self { name, alias: None, rule, presence: Presence::NotNull }
    }

    const fn alias(self, name: &'static str) -> Self {
        Self { alias: Some(name), ..self }
    }

    /// The keys that a row may use for it.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.alias)
    }
}

//! The kinds of record: what a pin, a geo and a user row have to be.
//!
//! A kind is data. Its file shows its whole contract on one screen, and everything that has to know the kinds
//! (validation, topics, the emulator's queries, the tests) walks [`CATALOG`]. **To add one, write its file and
//! name it below.**
//!
//! (Plain constants rather than a trait with one type a kind: no kind has behaviour of its own.)

use std::fmt;

mod advice;
mod broken;
mod check;
mod date;
mod form;
mod geo;
mod pin;
mod row;
mod rule;
#[cfg(test)]
mod tests;
mod user;

pub use broken::{BrokenRules, MAX_LISTED, Violation};
pub use check::{Checked, Invalid};
pub use form::Form;
pub use geo::GEO;
pub use pin::PIN;
pub use row::MAX_ROWS;
pub use user::USER;

/// Every kind, in the order in which a post's records are sent.
pub const CATALOG: &[&Kind] = &[&PIN, &GEO, &USER];

/// The names under which any kind's row may hold its join key: published clients mix them up.
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
    /// What that table calls the column that joins a post's records, one of [`JOIN_KEYS`].
    pub join_key: &'static str,
    /// The other fields, in the table's order. More of them in a row pass through unchecked.
    pub fields: &'static [Field],
    /// The forms in which published clients send its rows, beside the table's own. They decide what a row may leave out and
    /// what goes by another name: a test holds the fields to them.
    pub forms: &'static [Form],
}

/// Kinds are constants: two are the same when they have the same name.
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
    /// Another key under which a published client sends it.
    pub also: Option<&'static str>,
    /// What its value has to be, when there is one.
    pub rule: Rule,
    /// Whether a row has to have it.
    pub presence: Presence,
}

/// Whether a row needs a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It must stand there and may not be null.
    NotNull,
    /// It must stand there and may be null.
    Required,
    /// It may be missing: a published client leaves it out.
    Optional,
}

/// What a field's value has to be. Placeholders such as `""` and `User Info Error` are ordinary text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Rule {
    /// A string.
    Text,
    /// A string, or an array of strings.
    TextOrList,
    /// A whole number, or a string that holds one; `35.0` is 35.
    Integer {
        /// The least that is accepted.
        min: i64,
        /// The greatest that is accepted.
        max: i64,
    },
    /// A number, or a string that holds one.
    Number {
        /// The least that is accepted.
        min: f64,
        /// The greatest that is accepted.
        max: f64,
    },
    /// A date and time that exists, in one of the forms that published clients send (see [`DATE_FORMS`]).
    DateTime,
}

/// The accepted forms of a date, as an error names them. A fraction of a second and a zone may follow.
pub const DATE_FORMS: &str =
    "`2020-08-28T03:52:47`, `2020-08-28 03:52:47`, `2020:08:28 03:52:47` or `08/28/2020, 03:52:47`";

impl Field {
    const fn required(name: &'static str, rule: Rule) -> Self {
        Self { name, also: None, rule, presence: Presence::Required }
    }

    const fn optional(name: &'static str, rule: Rule) -> Self {
        Self { name, also: None, rule, presence: Presence::Optional }
    }

    const fn not_null(name: &'static str, rule: Rule) -> Self {
        Self { name, also: None, rule, presence: Presence::NotNull }
    }

    const fn also(self, name: &'static str) -> Self {
        Self { also: Some(name), ..self }
    }

    /// The keys under which a row may hold it.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        std::iter::once(self.name).chain(self.also)
    }
}

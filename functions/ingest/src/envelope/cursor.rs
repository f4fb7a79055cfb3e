//! A way through a JSON text that stops at each value of interest.

use std::fmt;

use serde_json::Error as ReadError;
use shared::json::{self, JsonError, Key, Place, Strict};

/// Why a text is not what was looked for.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is not JSON.
    NotJson(JsonError),
    /// It is something else.
    Shape(String),
}

impl Wrong {
    pub(super) fn shape(problem: impl Into<String>) -> Self {
        Self::Shape(problem.into())
    }
}

/// A place in a text.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// What is still to be read.
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next byte that is not whitespace.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = self.rest().trim_start_matches([' ', '\n', '\r', '\t']);
        self.at = self.text.len() - rest.len();
        rest.as_bytes().first().copied()
    }

    /// An error at this place.
    fn not_json(&self, error: JsonError) -> Wrong {
        Wrong::NotJson(error.after(Place::default().behind(&self.text.as_bytes()[..self.at])))
    }

    /// Whether `byte` came next, which is passed then.
    fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn pass(&mut self, byte: u8) -> Result<(), Wrong> {
        if self.passes(byte) { Ok(()) } else { Err(self.expected(&format!("`{}`", char::from(byte)))) }
    }

    fn expected(&self, what: &str) -> Wrong {
        self.not_json(JsonError { line: 1, column: 1, expected: format!("expected {what}") })
    }

    /// The next value's text, and what `read` makes of it: it is given what is left, and says where the value ends.
    pub(super) fn value<T>(
        &mut self,
        read: impl FnOnce(&'a str) -> Result<(T, usize), ReadError>,
    ) -> Result<(&'a str, T), Wrong> {
        self.peek();
        let rest = self.rest();
        let (read, end) = read(rest).map_err(|error| self.not_json(error.into()))?;
        self.at += end;
        Ok((&rest[..end], read))
    }

    /// The next value's text, whatever it is.
    pub(super) fn pass_value(&mut self) -> Result<&'a str, Wrong> {
        self.value(json::start::<Strict>).map(|(text, Strict)| text)
    }

    /// Passes an object. `member` is given each name and has to pass its value; `expected` names the object in an error.
    pub(super) fn object(
        &mut self,
        expected: impl fmt::Display,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.each((b'{', b'}'), expected, |cursor| {
            let (_, Key(name)) = cursor.value(json::start)?;
            cursor.pass(b':')?;
            member(cursor, &name)
        })
    }

    /// Passes a list. `element` has to pass each of its values; `expected` names the list in an error.
    pub(super) fn list(
        &mut self,
        expected: impl fmt::Display,
        element: impl FnMut(&mut Self) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        self.each((b'[', b']'), expected, element)
    }

    fn each(
        &mut self,
        (open, close): (u8, u8),
        expected: impl fmt::Display,
        mut item: impl FnMut(&mut Self) -> Result<(), Wrong>,
    ) -> Result<(), Wrong> {
        if !self.passes(open) {
            return Err(Wrong::Shape(format!("expected {expected}")));
        }
        if self.passes(close) {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.passes(close) {
                return Ok(());
            }
            self.pass(b',')?;
        }
    }

    /// Holds that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), Wrong> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }
}

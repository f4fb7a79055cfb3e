//! A way through a JSON text that stops at each value of interest.

use std::fmt;

use serde_json::Error as ReadError;
use shared::json::{self, Key};

/// Why a text is not what was looked for.
#[derive(Debug)]
pub(super) enum Wrong {
    /// It is not JSON, and its parser says best why.
    NotJson,
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
    /// What is still to be read.
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { rest: text }
    }

    /// The next byte that is not whitespace.
    pub(super) fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\n', '\r', '\t']);
        self.rest.as_bytes().first().copied()
    }

    /// Whether `byte` came next, which is passed then.
    fn passes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        if is_next {
            self.rest = &self.rest[1..];
        }
        is_next
    }

    fn pass(&mut self, byte: u8) -> Result<(), Wrong> {
        if self.passes(byte) { Ok(()) } else { Err(Wrong::NotJson) }
    }

    /// The next value's text, and what `read` makes of it: it is given what is left, and says where the value ends.
    pub(super) fn value<T>(
        &mut self,
        read: impl FnOnce(&'a str) -> Result<(T, usize), ReadError>,
    ) -> Result<(&'a str, T), Wrong> {
        self.peek();
        let (read, end) = read(self.rest).map_err(|_| Wrong::NotJson)?;
        let (text, rest) = self.rest.split_at(end);
        self.rest = rest;
        Ok((text, read))
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
        if self.peek().is_none() { Ok(()) } else { Err(Wrong::NotJson) }
    }
}

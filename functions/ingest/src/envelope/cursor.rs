//! A cursor over a JSON text that parses only the values of interest.

use std::fmt;

use serde_json::Error as ReadError;
use shared::json::{self, JsonError, Key, Place, Strict};

/// The reason why a text is not an envelope.
#[derive(Debug)]
pub(super) enum EnvelopeError {
    /// Invalid JSON.
    NotJson(JsonError),
    /// JSON of another shape.
    Shape(String),
}

impl EnvelopeError {
    pub(super) fn shape(problem: impl Into<String>) -> Self {
        Self::Shape(problem.into())
    }
}

/// A position in a text.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The text from here on.
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next byte that is not whitespace.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let is_whitespace = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().take_while(is_whitespace).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// An error at this position.
    fn not_json(&self, error: JsonError) -> EnvelopeError {
        EnvelopeError::NotJson(error.after(Place::default().behind(&self.text.as_bytes()[..self.at])))
    }

    /// Consumes `byte` if it is next, and returns whether it was.
    fn consumes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), EnvelopeError> {
        if self.consumes(byte) { Ok(()) } else { Err(self.expected(&format!("`{}`", char::from(byte)))) }
    }

    fn expected(&self, what: &str) -> EnvelopeError {
        self.not_json(JsonError { line: 1, column: 1, expected: format!("expected {what}") })
    }

    /// Consumes the next value, and returns its text and the result of `read`, which parses it and returns where it ends.
    pub(super) fn value<T>(
        &mut self,
        read: impl FnOnce(&'a str) -> Result<(T, usize), ReadError>,
    ) -> Result<(&'a str, T), EnvelopeError> {
        self.peek();
        let rest = self.rest();
        let (read, end) = read(rest).map_err(|error| self.not_json(error.into()))?;
        self.at += end;
        Ok((&rest[..end], read))
    }

    /// Consumes the next value without interpreting it, and returns its text.
    pub(super) fn skip_value(&mut self) -> Result<&'a str, EnvelopeError> {
        self.value(json::start::<Strict>).map(|(text, Strict)| text)
    }

    /// Consumes an object. `member` gets each name and consumes its value; `expected` describes the object in errors.
    pub(super) fn object(
        &mut self,
        expected: impl fmt::Display,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), EnvelopeError>,
    ) -> Result<(), EnvelopeError> {
        self.each((b'{', b'}'), expected, |cursor| {
            let (_, Key(name)) = cursor.value(json::start)?;
            cursor.expect(b':')?;
            member(cursor, &name)
        })
    }

    /// Consumes a list. `element` consumes each element; `expected` describes the list in errors.
    pub(super) fn list(
        &mut self,
        expected: impl fmt::Display,
        element: impl FnMut(&mut Self) -> Result<(), EnvelopeError>,
    ) -> Result<(), EnvelopeError> {
        self.each((b'[', b']'), expected, element)
    }

    fn each(
        &mut self,
        (open, close): (u8, u8),
        expected: impl fmt::Display,
        mut item: impl FnMut(&mut Self) -> Result<(), EnvelopeError>,
    ) -> Result<(), EnvelopeError> {
        if !self.consumes(open) {
            return Err(EnvelopeError::Shape(format!("expected {expected}")));
        }
        if self.consumes(close) {
            return Ok(());
        }
        loop {
            item(self)?;
            if self.consumes(close) {
                return Ok(());
            }
            self.expect(b',')?;
        }
    }

    /// Checks that nothing follows.
    pub(super) fn end(&mut self) -> Result<(), EnvelopeError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }
}

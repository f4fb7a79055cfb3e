//! A cursor over a JSON text that parses only the values of interest.

use std::fmt;

use serde::de::IgnoredAny;
use serde_json::Error as ReadError;
use shared::{
    json::{self, JsonError, Key, Place, Strict},
    redact::excerpt,
};

use crate::{advice::explain, error::Error};

/// The reason why a body is rejected.
#[derive(Debug)]
pub(crate) enum BodyError {
    /// Invalid JSON.
    NotJson(JsonError),
    /// JSON of another shape.
    Shape(String),
}

impl BodyError {
    pub(crate) fn shape(problem: impl Into<String>) -> Self {
        Self::Shape(problem.into())
    }

    /// Cuts the name, because the client controls its length.
    pub(crate) fn unrecognized(name: &str) -> Self {
        Self::Shape(format!("Unrecognized field: {}", excerpt(name)))
    }
}

/// Parses a body with `read`. Invalid JSON anywhere in the body takes precedence over a wrong shape, which `wrong_shape` converts.
pub(crate) fn parse<'a, T>(
    body: &'a [u8],
    read: impl FnOnce(&mut Cursor<'a>) -> Result<T, BodyError>,
    wrong_shape: fn(String) -> Error,
) -> Result<T, Error> {
    let text = json::utf8(body).map_err(|error| Error::NotJson(explain(error, body)))?;
    let mut cursor = Cursor::new(text);
    match read(&mut cursor).and_then(|found| cursor.end().map(|()| found)) {
        Ok(found) => Ok(found),
        // The body as a whole is JSON; only the strict parsing of a value fails.
        Err(BodyError::NotJson(error)) if serde_json::from_str::<IgnoredAny>(text).is_ok() => {
            Err(Error::NotJson(error))
        }
        Err(_) if text.trim().is_empty() => Err(wrong_shape("the body is empty".to_owned())),
        Err(wrong) => Err(match (json::check(body), wrong) {
            (Err(error), _) => Error::NotJson(explain(error, body)),
            (Ok(_), BodyError::NotJson(error)) => Error::NotJson(error),
            (Ok(_), BodyError::Shape(problem)) => wrong_shape(problem),
        }),
    }
}

/// A position in a text.
#[derive(Debug)]
pub(crate) struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) const fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    /// The text from here on.
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// The next byte that is not whitespace.
    pub(crate) fn peek(&mut self) -> Option<u8> {
        let rest = &self.text.as_bytes()[self.at..];
        let is_whitespace = |byte: &&u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        self.at += rest.iter().take_while(is_whitespace).count();
        self.text.as_bytes().get(self.at).copied()
    }

    /// An error at this position.
    fn not_json(&self, error: JsonError) -> BodyError {
        BodyError::NotJson(error.after(Place::default().behind(&self.text.as_bytes()[..self.at])))
    }

    /// Consumes `byte` if it is next, and returns whether it was.
    fn consumes(&mut self, byte: u8) -> bool {
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    fn expect(&mut self, byte: u8) -> Result<(), BodyError> {
        if self.consumes(byte) { Ok(()) } else { Err(self.expected(&format!("`{}`", char::from(byte)))) }
    }

    fn expected(&self, what: &str) -> BodyError {
        self.not_json(JsonError { line: 1, column: 1, expected: format!("expected {what}") })
    }

    /// Consumes the next value, and returns its text and the result of `read`, which parses it and returns where it ends.
    pub(crate) fn value<T>(
        &mut self,
        read: impl FnOnce(&'a str) -> Result<(T, usize), ReadError>,
    ) -> Result<(&'a str, T), BodyError> {
        self.peek();
        let rest = self.rest();
        let (read, end) = read(rest).map_err(|error| self.not_json(error.into()))?;
        self.at += end;
        Ok((&rest[..end], read))
    }

    /// Consumes the next value without interpreting it, and returns its text.
    pub(crate) fn skip_value(&mut self) -> Result<&'a str, BodyError> {
        self.value(json::start::<Strict>).map(|(text, Strict)| text)
    }

    /// Consumes an object. `member` gets each name and consumes its value; `expected` describes the object in errors.
    pub(crate) fn object(
        &mut self,
        expected: impl fmt::Display,
        mut member: impl FnMut(&mut Self, &str) -> Result<(), BodyError>,
    ) -> Result<(), BodyError> {
        self.each((b'{', b'}'), expected, |cursor| {
            let (_, Key(name)) = cursor.value(json::start)?;
            cursor.expect(b':')?;
            member(cursor, &name)
        })
    }

    /// Consumes a list. `element` consumes each element; `expected` describes the list in errors.
    pub(crate) fn list(
        &mut self,
        expected: impl fmt::Display,
        element: impl FnMut(&mut Self) -> Result<(), BodyError>,
    ) -> Result<(), BodyError> {
        self.each((b'[', b']'), expected, element)
    }

    fn each(
        &mut self,
        (open, close): (u8, u8),
        expected: impl fmt::Display,
        mut item: impl FnMut(&mut Self) -> Result<(), BodyError>,
    ) -> Result<(), BodyError> {
        if !self.consumes(open) {
            return Err(BodyError::Shape(format!("expected {expected}")));
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
    fn end(&mut self) -> Result<(), BodyError> {
        if self.peek().is_none() { Ok(()) } else { Err(self.expected("the end")) }
    }
}

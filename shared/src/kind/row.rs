//! One pass over a record's value, row by row. Keeps only what a rule needs, borrowed from the text.
//!
//! Accepts exactly the JSON that [`crate::json::check`] accepts, because both drive the parser in the same way.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json::{Key, Strict};

/// The most fields of a row. A pin has 12; a client may add its own, which take memory.
pub(super) const MAX_FIELDS: usize = 10_000;

/// The most rows of a list: as many as a request may have records. Rows of every published form reach Kafka's limit for a
/// record, 1 MB by default, before that.
pub const MAX_ROWS: usize = 40_000;

/// The part of a JSON value that rules need.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// An `f64` represents the bounds of all rules exactly.
    Number(f64),
    /// Borrowed if it has no escapes.
    Text(Cow<'a, str>),
    List(List),
    Object(Object<'a>),
}

/// The facts about a list within a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    pub(super) len: usize,
    pub(super) all_text: bool,
}

/// An object's first fields, in the text's order, duplicates included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object<'a> {
    pub(super) fields: Vec<(Cow<'a, str>, Value<'a>)>,
    /// The number of all fields, kept or not.
    pub(super) len: usize,
}

impl Value<'_> {
    /// The type's name for errors.
    pub(super) const fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Number(_) => "a number",
            Self::Text(_) => "a string",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// Reads a record's value and calls a function with each row, or with the value in its place, and its index if the value is
/// a list. Returns the length of that list. Keeps no row: the rows of a list would take more memory than their text.
pub(super) struct Rows<F>(pub(super) F);

impl<'de, F: FnMut(Option<usize>, &Value<'de>)> Rows<F> {
    #[expect(clippy::unnecessary_wraps, reason = "the result of a visitor's method")]
    fn one<E>(mut self, value: &Value<'de>) -> Result<Option<usize>, E> {
        (self.0)(None, value);
        Ok(None)
    }
}

impl<'de, F: FnMut(Option<usize>, &Value<'de>)> DeserializeSeed<'de> for Rows<F> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, F: FnMut(Option<usize>, &Value<'de>)> Visitor<'de> for Rows<F> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        self.one(&Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        self.one(&Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        self.one(&Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        self.one(&Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        self.one(&Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        self.one(&Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        self.one(&Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut len = 0;
        while len < MAX_ROWS
            && let Some(row) = seq.next_element_seed(Depth::Row)?
        {
            (self.0)(Some(len), &row);
            len += 1;
        }
        while seq.next_element::<Strict>()?.is_some() {
            len += 1;
        }
        Ok(Some(len))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
        let row = Depth::Row.visit_map(map)?;
        self.one(&row)
    }
}

/// The depth within a record's value, which decides how much is kept.
#[derive(Clone, Copy)]
pub(super) enum Depth {
    /// A row.
    Row,
    /// A row's field: a text, a number, a list of texts, `{"$date": …}`.
    Field,
    /// The value of `$date`: a text, a number, `{"$numberLong": …}`.
    Date,
    /// Anything deeper, of which only the type matters.
    Leaf,
}

impl Depth {
    const fn inside(self) -> Self {
        match self {
            Self::Row => Self::Field,
            Self::Field => Self::Date,
            Self::Date | Self::Leaf => Self::Leaf,
        }
    }

    /// The number of an object's fields that are kept. Two suffice to recognize dates of bson, which have one.
    const fn kept_fields(self) -> usize {
        match self {
            Self::Row => MAX_FIELDS,
            Self::Field | Self::Date => 2,
            Self::Leaf => 0,
        }
    }
}

impl<'de> DeserializeSeed<'de> for Depth {
    type Value = Value<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Depth {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut list = List { len: 0, all_text: true };
        while let Some(element) = seq.next_element_seed(Self::Leaf)? {
            list.len += 1;
            list.all_text &= matches!(element, Value::Text(_));
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut object = Object { fields: Vec::new(), len: 0 };
        while object.len < self.kept_fields()
            && let Some(Key(name)) = map.next_key()?
        {
            if let (Self::Row, 0) = (self, object.len) {
                // The size of the largest kind, so that the vector does not grow.
                object.fields.reserve(12);
            }
            object.fields.push((name, map.next_value_seed(self.inside())?));
            object.len += 1;
        }
        while map.next_entry::<Strict, Strict>()?.is_some() {
            object.len += 1;
        }
        Ok(Value::Object(object))
    }
}

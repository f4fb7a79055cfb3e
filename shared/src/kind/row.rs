//! One pass over a record's value, row by row: it is held to be JSON (to the letter of [`crate::json::check`], since every
//! part is asked of the parser in the same way), borrowed, and kept only as far as a rule looks at it.

use std::{borrow::Cow, fmt};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json::{Key, Strict};

/// The most fields of a row. A pin has 12; what is beyond that is a client's own, and has to be kept in memory.
pub(super) const MAX_FIELDS: usize = 10_000;

/// The most rows of a list that is one record's value: as many as a request may have records. Kafka's limit for a record,
/// 1 MB by default, is below that for rows of every published form.
pub const MAX_ROWS: usize = 40_000;

/// What a rule looks at in a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// Every bound of ours is exact in an `f64`.
    Number(f64),
    /// Borrowed where it has no escapes.
    Text(Cow<'a, str>),
    List(List),
    Object(Object<'a>),
}

/// A list within a row, by what the rules ask of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct List {
    pub(super) len: usize,
    pub(super) all_text: bool,
}

/// An object's first fields, in the text's order, duplicates included.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Object<'a> {
    pub(super) fields: Vec<(Cow<'a, str>, Value<'a>)>,
    /// How many there are, also beyond those kept.
    pub(super) len: usize,
}

impl Value<'_> {
    /// The type, as an error names it.
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

/// Reads a record's value and hands each row in it, or whatever stands in its place, to a function: with its place from 0
/// if the value is a list. Returns the length of that list. No row is kept: a list's would take more memory than its text.
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

/// How deep in a record's value something stands, and so how much of it is kept.
#[derive(Clone, Copy)]
enum Depth {
    /// A row.
    Row,
    /// A row's field: text, a number, a list of texts, `{"$date": …}`.
    Field,
    /// What `$date` holds: text, a number, `{"$numberLong": …}`.
    Date,
    /// Anything deeper. Its type is all that counts.
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

    /// How many of an object's fields are kept. One more than bson's dates have tells them from other objects.
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
                // Room for a row of any kind without growing; nothing for an empty object.
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

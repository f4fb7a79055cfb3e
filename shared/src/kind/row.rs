//! One pass over a record's value: it is held to be JSON (to the letter of [`crate::json::check`], since every part is
//! asked of the parser in the same way), borrowed, and kept only as far as a rule looks at it.

use std::{borrow::Cow, fmt};

use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::json::{Key, Strict};

/// The most fields of a row. A pin has 12; what is beyond that is a client's own, and has to be kept in memory.
pub(super) const MAX_FIELDS: usize = 10_000;

/// What a rule looks at in a JSON value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// Every bound of ours is exact in an `f64`.
    Number(f64),
    /// Borrowed where it has no escapes.
    Text(Cow<'a, str>),
    List(List<'a>),
    Object(Object<'a>),
}

/// A list, by what is said of its elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct List<'a> {
    pub(super) len: usize,
    pub(super) all_text: bool,
    /// The first element of the list that a record's value is. Nothing looks into a field's.
    pub(super) first: Option<Box<Value<'a>>>,
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

/// A record's value.
pub(super) struct Whole<'a>(pub(super) Value<'a>);

impl<'de> Deserialize<'de> for Whole<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Depth::Whole.deserialize(deserializer).map(Self)
    }
}

/// How deep in a record's value something stands, and so how much of it is kept.
#[derive(Clone, Copy)]
enum Depth {
    /// The whole value: a row, or a list that holds one.
    Whole,
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
            Self::Whole => Self::Field,
            Self::Field => Self::Date,
            Self::Date | Self::Leaf => Self::Leaf,
        }
    }

    /// How many of an object's fields are kept. One more than bson's dates have tells them from other objects.
    const fn kept_fields(self) -> usize {
        match self {
            Self::Whole => MAX_FIELDS,
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
        let mut list = List { len: 0, all_text: true, first: None };
        if let Self::Whole = self
            && let Some(first) = seq.next_element_seed(self)?
        {
            list = List { len: 1, all_text: matches!(first, Value::Text(_)), first: Some(Box::new(first)) };
        }
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
            if let (Self::Whole, 0) = (self, object.len) {
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

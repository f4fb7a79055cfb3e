//! Validation of a field's value against its rule.

use std::fmt;

use super::{
    DATE_FORMS, Rule, date,
    date::DateProblem,
    row::{List, Object, Value},
};
use crate::redact::excerpt;

impl Rule {
    /// Validates a value that is not null.
    pub(super) fn check(&self, value: &Value<'_>) -> Result<(), String> {
        let is_valid = match self {
            Self::Text => matches!(value, Value::Text(_)),
            Self::TextOrList => match value {
                Value::List(list) => list.all_text,
                _ => matches!(value, Value::Text(_)),
            },
            Self::Integer { .. } => self.integer(value).is_some(),
            Self::Number { .. } => self.number(value).is_some(),
            Self::DateTime => return self.check_date(value),
        };
        if is_valid { Ok(()) } else { Err(self.broken_by(value)) }
    }

    /// The whole number that `value` holds, if the rule is about one and accepts it.
    #[expect(clippy::cast_possible_truncation, reason = "a whole number within two i64s is an i64")]
    pub(super) fn integer(&self, value: &Value<'_>) -> Option<i64> {
        let Self::Integer { min, max } = self else { return None };
        let number = number(value).filter(|number| number.fract() == 0.0)? as i64;
        (*min..=*max).contains(&number).then_some(number)
    }

    /// The number that `value` holds, if the rule is about one and accepts it.
    pub(super) fn number(&self, value: &Value<'_>) -> Option<f64> {
        let Self::Number { min, max } = self else { return None };
        number(value).filter(|number| (*min..=*max).contains(number))
    }

    fn check_date(&self, value: &Value<'_>) -> Result<(), String> {
        let text = match value {
            Value::Text(text) => text,
            // bson's extended JSON.
            Value::Object(Object { fields, .. }) => match fields.as_slice() {
                [(key, inner)] if key == "$date" => return self.check_bson_date(inner),
                _ => return Err(self.broken_by(value)),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::List(_) => return Err(self.broken_by(value)),
        };
        match date::check(text) {
            Ok(()) => Ok(()),
            Err(DateProblem::Form) => Err(self.broken_by(value)),
            Err(DateProblem::Nonexistent) => Err(format!("is not an existing date: \"{}\"", excerpt(text))),
        }
    }

    /// Validates the value of `$date`: a text, milliseconds since 1970, or those as `{"$numberLong": "…"}`.
    fn check_bson_date(&self, inner: &Value<'_>) -> Result<(), String> {
        let is_valid = match inner {
            Value::Text(_) => return self.check_date(inner),
            Value::Number(number) => number.fract() == 0.0,
            Value::Object(Object { fields, .. }) => match fields.as_slice() {
                [(key, Value::Text(digits))] if key == "$numberLong" => is_whole_number(digits),
                _ => false,
            },
            Value::Null | Value::Bool(_) | Value::List(_) => false,
        };
        if is_valid { Ok(()) } else { Err(self.broken_by(inner)) }
    }

    fn broken_by(&self, value: &Value<'_>) -> String {
        match value {
            Value::List(List { len: 1, .. }) => {
                format!("must be {self}; it is a list of one: send its element without the brackets")
            }
            _ => format!("must be {self}; it is {}", Excerpt(value)),
        }
    }
}

/// Returns whether `text` is a whole number in the form of the OpenAPI document, which fits 64 bits.
pub(super) fn is_whole_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    (1..=18).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit())
}

/// The end of a sentence that starts with "must be".
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text => f.write_str("a string"),
            Self::TextOrList => f.write_str("a string or a list of strings"),
            Self::Integer { min: 0, max: 1 } => f.write_str("0 or 1"),
            Self::Integer { min, max } => write!(f, "a whole number from {min} to {max}"),
            Self::Number { min, max } => write!(f, "a number from {min} to {max}"),
            Self::DateTime => write!(f, "a date and time, {DATE_FORMS}"),
        }
    }
}

/// The number that a value or its string holds. One client sends every field as a string.
fn number(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Number(number) => Some(*number),
        // JSON's grammar of numbers, without whitespace around it.
        Value::Text(text) if text.trim() == text => serde_json::from_str(text).ok(),
        Value::Text(_) | Value::Null | Value::Bool(_) | Value::List(_) | Value::Object(_) => None,
    }
}

/// A value's type, and an excerpt of the value.
struct Excerpt<'a>(&'a Value<'a>);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null | Value::List(_) | Value::Object(_) => f.write_str(self.0.type_name()),
            Value::Bool(value) => write!(f, "{value}"),
            Value::Number(value) => write!(f, "the number {}", excerpt(&value.to_string())),
            Value::Text(value) => write!(f, "the string \"{}\"", excerpt(value)),
        }
    }
}

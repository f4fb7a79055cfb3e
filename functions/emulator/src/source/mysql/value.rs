//! Values in the course's script's form: read from the server's text as by Python's `PyMySQL`, and written as by Python's
//! `json.dumps(…, default=str)`.

use serde_json::Value;
use sqlx::{MySql, Type, TypeInfo, mysql::MySqlTypeInfo};

/// The JSON form of a column's values, by the column's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// Python's `int`.
    Integer,
    /// Python's `float`. A `FLOAT` has the digits that the server prints: `-89.9787`, not `-89.97869873046875`.
    Float,
    /// A string of the digits.
    Decimal,
    /// A string, unchanged; also for dates and MySQL's JSON.
    Text,
    /// Python's `datetime`, as a string.
    DateTime,
    /// Python's `timedelta`, as a string.
    Time,
}

/// The reason why a value cannot be sent. Its message follows the column's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unsendable {
    #[error("holds bytes ({type_name}), which JSON cannot represent")]
    Bytes { type_name: String },
    #[error("holds text that is not UTF-8")]
    Encoding,
    #[error("does not hold a number")]
    NotANumber,
}

impl Form {
    /// The form of a column; `None` for a column of bytes.
    pub(super) fn of(type_info: &MySqlTypeInfo) -> Option<Self> {
        Some(match type_info.name() {
            "BOOLEAN" | "TINYINT" | "SMALLINT" | "MEDIUMINT" | "INT" | "BIGINT" | "TINYINT UNSIGNED"
            | "SMALLINT UNSIGNED" | "MEDIUMINT UNSIGNED" | "INT UNSIGNED" | "BIGINT UNSIGNED" | "YEAR" => Self::Integer,
            "FLOAT" | "DOUBLE" => Self::Float,
            "DECIMAL" => Self::Decimal,
            "DATETIME" | "TIMESTAMP" => Self::DateTime,
            "TIME" => Self::Time,
            // MySQL's JSON is UTF-8, though its character set is `binary`.
            "DATE" | "JSON" => Self::Text,
            // The character set decides. The binary flag is also set for collations such as `utf8mb4_bin`, and for MariaDB's
            // own types.
            _ if <str as Type<MySql>>::compatible(type_info) => Self::Text,
            _ => return None,
        })
    }

    /// Converts the server's text to JSON.
    pub(super) fn to_json(self, text: &str) -> Result<String, Unsendable> {
        Ok(match self {
            Self::Integer => text.parse::<i128>().map_err(|_| Unsendable::NotANumber)?.to_string(),
            Self::Float => float(text.parse().map_err(|_| Unsendable::NotANumber)?),
            Self::Decimal => string(&decimal(text)),
            Self::Text => string(text),
            Self::DateTime => string(&date_time(text)),
            Self::Time => string(&time(text).unwrap_or_else(|| text.to_owned())),
        })
    }
}

fn string(text: &str) -> String {
    Value::from(text).to_string()
}

/// The shortest digits that round-trip, with an exponent from 1e16 on and below 0.0001.
fn float(number: f64) -> String {
    let scientific = format!("{number:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    match exponent.parse::<i32>().unwrap_or_default() {
        exponent @ -4..16 => match format!("{number}") {
            whole if exponent >= 0 && !whole.contains('.') => format!("{whole}.0"),
            text => text,
        },
        exponent => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{digits}e{sign}{:02}", exponent.abs())
        }
    }
}

/// The digits without the leading zeros of `ZEROFILL`.
fn decimal(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let whole_len = digits.find('.').unwrap_or(digits.len());
    let zeros = digits[..whole_len].bytes().take_while(|digit| *digit == b'0').count();
    format!("{sign}{}", &digits[zeros.min(whole_len.saturating_sub(1))..])
}

/// Pads the fraction of a second to six digits, or drops it if zero.
fn date_time(text: &str) -> String {
    match text.split_once('.') {
        Some((second, fraction)) if fraction.bytes().all(|digit| digit == b'0') => second.to_owned(),
        Some((second, fraction)) => format!("{second}.{fraction:0<6}"),
        None => text.to_owned(),
    }
}

/// Converts `-25:06:17` to `-2 days, 22:53:43`.
fn time(text: &str) -> Option<String> {
    const SECOND: i64 = 1_000_000;
    const DAY: i64 = 86_400 * SECOND;
    let (sign, magnitude) = text.strip_prefix('-').map_or((1, text), |magnitude| (-1, magnitude));
    let (clock, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    let mut seconds = 0;
    for part in clock.split(':') {
        seconds = seconds * 60 + part.parse::<i64>().ok()?;
    }
    let total = sign * (seconds * SECOND + format!("{fraction:0<6}").parse::<i64>().ok()?);
    let (days, rest) = (total.div_euclid(DAY), total.rem_euclid(DAY));
    let days = match days {
        0 => String::new(),
        1 | -1 => format!("{days} day, "),
        _ => format!("{days} days, "),
    };
    let (seconds, fraction) = (rest / SECOND, rest % SECOND);
    let clock = format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60);
    Some(if fraction == 0 { format!("{days}{clock}") } else { format!("{days}{clock}.{fraction:06}") })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The expected values are Python's. The test on MariaDB runs Python itself.
    #[test]
    fn a_value_is_sent_as_the_script_sends_it() {
        for (form, printed, json) in [
            (Form::Integer, "00042", "42"),
            (Form::Integer, "18446744073709551615", "18446744073709551615"),
            (Form::Float, "-89.9787", "-89.9787"),
            (Form::Float, "-173.292999", "-173.292999"),
            (Form::Float, "3", "3.0"),
            (Form::Float, "-0", "-0.0"),
            (Form::Float, "00012.50", "12.5"),
            (Form::Float, "1e15", "1000000000000000.0"),
            (Form::Float, "1e16", "1e+16"),
            (Form::Float, "-1.5e-5", "-1.5e-05"),
            (Form::Float, "0.0001", "0.0001"),
            (Form::Float, "1.7976931348623157e308", "1.7976931348623157e+308"),
            (Form::Decimal, "-0012.50", "\"-12.50\""),
            (Form::Decimal, "000.50", "\"0.50\""),
            (Form::Decimal, "00", "\"0\""),
            (Form::DateTime, "2020-01-01 03:04:05.120", "\"2020-01-01 03:04:05.120000\""),
            (Form::DateTime, "2020-01-01 03:04:05.000", "\"2020-01-01 03:04:05\""),
            (Form::DateTime, "2021-02-30 10:00:00", "\"2021-02-30 10:00:00\""),
            (Form::Time, "01:02:03", "\"1:02:03\""),
            (Form::Time, "838:59:59", "\"34 days, 22:59:59\""),
            (Form::Time, "-25:06:17", "\"-2 days, 22:53:43\""),
            (Form::Time, "-00:00:00.5", "\"-1 day, 23:59:59.500000\""),
            (Form::Text, "{\"a\": \"é\"}\n", r#""{\"a\": \"é\"}\n""#),
        ] {
            assert_eq!(form.to_json(printed).unwrap(), json, "{form:?} {printed}");
        }
        assert_eq!(Form::Integer.to_json("x"), Err(Unsendable::NotANumber));
    }
}

//! A table's row as the course's script's JSON object.

use serde_json::Value;
use shared::kind::Kind;
use sqlx::{
    Column, Row as _, TypeInfo,
    mysql::{MySqlColumn, MySqlRow},
};

use super::value::{Form, Unsendable};
use crate::source::{RefusedRow, Row};

/// The text in a row's last column, which holds the join key.
pub(super) fn last_text(row: &MySqlRow) -> Result<&str, sqlx::Error> {
    let bytes = text_bytes(row, row.len().saturating_sub(1))?.unwrap_or_default();
    std::str::from_utf8(bytes).map_err(|error| sqlx::Error::Decode(error.into()))
}

/// The bytes that the server printed for a value; `None` for NULL.
fn text_bytes(row: &MySqlRow, ordinal: usize) -> Result<Option<&[u8]>, sqlx::Error> {
    // Unchecked: sqlx would compare the column's type with Rust's. `Form` handles the types.
    row.try_get_unchecked(ordinal)
}

/// Reads a row of `kind`, whose last column repeats the join key. Refuses a row with a value that cannot be sent.
pub(super) fn read(kind: &'static Kind, row: &MySqlRow) -> Result<Result<Row, RefusedRow>, sqlx::Error> {
    let mut json = String::from("{");
    let columns = row.columns().split_last().map_or(&[][..], |(_, columns)| columns);
    for column in columns {
        let name = name(kind, column.name());
        let value = match text_bytes(row, column.ordinal())? {
            None => Ok("null".to_owned()),
            Some(bytes) => to_json(column, bytes),
        };
        match value {
            Ok(value) => {
                json.push_str(if json.len() > 1 { "," } else { "" });
                json.push_str(&Value::from(name).to_string());
                json.push(':');
                json.push_str(&value);
            }
            Err(problem) => {
                let problem = format!("column `{name}` {problem}");
                return Ok(Err(RefusedRow { kind, join_key: last_text(row)?.to_owned(), problem }));
            }
        }
    }
    json.push('}');
    Ok(Ok(Row { kind, json }))
}

fn to_json(column: &MySqlColumn, bytes: &[u8]) -> Result<String, Unsendable> {
    let type_info = column.type_info();
    let form = Form::of(type_info).ok_or_else(|| Unsendable::Bytes { type_name: type_info.name().to_owned() })?;
    form.to_json(std::str::from_utf8(bytes).map_err(|_| Unsendable::Encoding)?)
}

/// The JSON name of a column: SQL ignores the case of names, a kind's fields do not.
fn name<'a>(kind: &'static Kind, column: &'a str) -> &'a str {
    let mut fields = kind.fields.iter().map(|field| field.name).chain([kind.join_key]);
    fields.find(|field| field.eq_ignore_ascii_case(column)).unwrap_or(column)
}

#[cfg(test)]
mod tests {
    use shared::kind::{GEO, PIN};

    use super::*;

    #[test]
    fn a_column_of_the_kind_gets_the_kinds_case_and_others_keep_theirs() {
        assert_eq!(name(&GEO, "Ind"), "ind");
        assert_eq!(name(&GEO, "TimeStamp"), "timestamp");
        assert_eq!(name(&PIN, "INDEX"), "index");
        assert_eq!(name(&PIN, "Ind"), "Ind");
        assert_eq!(name(&GEO, "Altitude"), "Altitude");
    }
}

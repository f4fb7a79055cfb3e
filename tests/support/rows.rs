//! Valid rows, taken from the sample.

use serde_json::{Map, Value, json};
use shared::{
    kind::{Kind, Rule},
    sample,
};

/// The first sample row of a kind. A kind without sample rows gets one made from its rules.
pub(crate) fn row(kind: &Kind) -> Map<String, Value> {
    if let Some(rows) = sample::rows(kind.table) {
        return parse(rows.lines().next().unwrap());
    }
    let value = |rule| match rule {
        Rule::Text | Rule::TextOrList => json!("text"),
        Rule::Integer { min, .. } => json!(min),
        Rule::Number { min, .. } => json!(min),
        Rule::DateTime => json!("2020-08-28 03:52:47"),
    };
    let fields = kind.fields.iter().map(|field| (field.name.to_owned(), value(field.rule)));
    fields.chain([(kind.join_key.to_owned(), json!(4))]).collect()
}

pub(crate) fn parse(row: &str) -> Map<String, Value> {
    serde_json::from_str(row).unwrap()
}

/// The row with some fields replaced. `None` removes a field.
pub(crate) fn with(kind: &Kind, changes: &[(&str, Option<Value>)]) -> String {
    let mut row = row(kind);
    for (name, value) in changes {
        match value {
            Some(value) => row.insert((*name).to_owned(), value.clone()),
            None => row.remove(*name),
        };
    }
    Value::Object(row).to_string()
}

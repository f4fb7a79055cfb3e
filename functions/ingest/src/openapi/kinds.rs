//! JSON Schemas of the rows of each kind, generated from its rules.

use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{
    Value, json,
    value::{RawValue, to_raw_value},
};
use shared::kind::{CATALOG, Field, JOIN_KEY, JOIN_KEYS, Kind, MAX_ROWS, Presence, Rule};

/// The JSON grammar of a number in a string. A pattern cannot bound its value.
const NUMBER: &str = "^-?(0|[1-9][0-9]*)(\\.[0-9]+)?([eE][+-]?[0-9]+)?$";

/// The schema of a row.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    description: String,
    r#type: &'static str,
    properties: IndexMap<&'static str, Value>,
    required: Vec<&'static str>,
    /// Requires at least one of the join keys.
    any_of: [Value; 2],
    /// Requires at least one name of each required field with two names.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    all_of: Vec<Value>,
}

/// The schemas of each kind's row, of the join key, and of record values. Pass-through topics take any value.
pub(super) fn schemas(passed_through: &[&str]) -> serde_json::Result<IndexMap<String, Box<RawValue>>> {
    let reference = |kind: &Kind| json!({ "$ref": format!("#/components/schemas/{}", name(kind)) });
    let rows = CATALOG.iter().map(|kind| reference(kind));
    let lists = rows.clone().map(|row| json!({ "type": "array", "items": row, "minItems": 1, "maxItems": MAX_ROWS }));
    let anything = json!({ "description": format!("Anything, to {}", passed_through.join(", ")) });
    let anything = (!passed_through.is_empty()).then_some(anything);
    let value = json!({
        "description": "A row of the topic's kind, or a list of such rows, which is written as one record",
        "anyOf": rows.chain(lists).chain(anything).collect::<Vec<_>>(),
    });
    let mut schemas = IndexMap::from([("Value".to_owned(), to_raw_value(&value)?)]);
    for kind in CATALOG {
        schemas.insert(name(kind), to_raw_value(&row(kind))?);
    }
    schemas.insert("JoinKey".to_owned(), to_raw_value(&schema(&JOIN_KEY, false))?);
    Ok(schemas)
}

fn name(kind: &Kind) -> String {
    let (first, rest) = kind.name.split_at(1);
    first.to_uppercase() + rest
}

fn row(kind: &Kind) -> Row {
    let join_keys = JOIN_KEYS.map(|name| (name, json!({ "$ref": "#/components/schemas/JoinKey" })));
    let null = |field: &Field| field.presence != Presence::NotNull;
    let fields =
        kind.fields.iter().flat_map(|field| field.names().map(|name| (name, schema(&field.rule, null(field)))));
    let needed = || kind.fields.iter().filter(|field| field.presence != Presence::Optional);
    let requires = |name: &'static str| json!({ "required": [name] });
    let by_two_names = needed().filter(|field| field.alias.is_some());
    let forms: Vec<_> = kind.forms.iter().map(|form| format!("- {form}")).collect();
    Row {
        description: format!(
            "A row in `<user_id>.{kind}`. Its join key is `{}`, or goes by the other name, or by both if they are the same. \
             Further fields pass through. Published clients send it as the table has it, and\n\n{}",
            kind.join_key,
            forms.join("\n")
        ),
        r#type: "object",
        properties: join_keys.into_iter().chain(fields).collect(),
        required: needed().filter(|field| field.alias.is_none()).map(|field| field.name).collect(),
        any_of: JOIN_KEYS.map(requires),
        all_of: by_two_names.map(|field| json!({ "anyOf": field.names().map(requires).collect::<Vec<_>>() })).collect(),
    }
}

/// The schema of a value that keeps a rule, or null if allowed.
fn schema(rule: &Rule, null: bool) -> Value {
    let types = |types: &[&'static str]| types.iter().copied().chain(null.then_some("null")).collect::<Vec<_>>();
    let mut schema = match rule {
        Rule::Text => json!({ "type": types(&["string"]) }),
        Rule::TextOrList => json!({ "type": types(&["string", "array"]), "items": { "type": "string" } }),
        Rule::Integer { min, max } => json!({
            "type": types(&["integer", "string"]), "minimum": min, "maximum": max, "pattern": NUMBER,
        }),
        Rule::Number { min, max } => json!({
            "type": types(&["number", "string"]), "minimum": min, "maximum": max, "pattern": NUMBER,
        }),
        Rule::DateTime => {
            let date = json!({ "$ref": "#/components/schemas/DateTime" });
            if null { json!({ "anyOf": [date, { "type": "null" }] }) } else { json!({ "allOf": [date] }) }
        }
    };
    let in_text = matches!(rule, Rule::Integer { .. } | Rule::Number { .. });
    schema["description"] = json!(format!("{rule}{}", if in_text { ", or a string that holds one" } else { "" }));
    schema
}

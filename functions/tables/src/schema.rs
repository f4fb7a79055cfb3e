//! The columns of a kind's table, in Delta's schema and in Parquet's.

use std::sync::Arc;

use parquet::{
    basic::{LogicalType, Repetition, TimeUnit, Type as PhysicalType},
    errors::ParquetError,
    schema::types::{Type, TypePtr},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use shared::kind::{Cleaner, ColumnType};

/// The columns of every table before those of its kind: a row's place in the archive, and the archived value.
pub(crate) const POSITION: [(&str, ColumnType); 4] = [
    ("partition", ColumnType::Integer),
    ("offset", ColumnType::BigInteger),
    ("list_index", ColumnType::Integer),
    ("line", ColumnType::Text),
];

/// The names and types of a table's columns.
pub(crate) fn columns(cleaner: &Cleaner) -> Vec<(&'static str, ColumnType)> {
    let of_kind = cleaner.columns().map(|column| (column.name, column.cleaning.column_type()));
    POSITION.into_iter().chain(of_kind).collect()
}

/// Delta's schema, a struct.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Schema {
    #[serde(rename = "type")]
    of_type: String,
    fields: Vec<SchemaField>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct SchemaField {
    name: String,
    #[serde(rename = "type")]
    of_type: Value,
    nullable: bool,
    #[serde(default)]
    metadata: Value,
}

impl Schema {
    pub(crate) fn new(columns: &[(&str, ColumnType)]) -> Self {
        let field = |&(name, of_type): &(&str, ColumnType)| SchemaField {
            name: name.to_owned(),
            of_type: delta_type(of_type),
            nullable: true,
            metadata: json!({}),
        };
        Self { of_type: "struct".to_owned(), fields: columns.iter().map(field).collect() }
    }

    /// Returns whether these are all columns of `other`, and perhaps further ones.
    pub(crate) fn includes(&self, other: &Self) -> bool {
        let has = |field: &SchemaField| {
            self.fields.iter().any(|own| (&own.name, &own.of_type) == (&field.name, &field.of_type))
        };
        other.fields.iter().all(has)
    }

    /// The columns of `other`, then those that only this schema has. The table's columns keep their order, comments and all.
    pub(crate) fn extending(&self, other: &Self) -> Self {
        let is_new = |field: &&SchemaField| other.fields.iter().all(|known| known.name != field.name);
        let fields = other.fields.iter().chain(self.fields.iter().filter(is_new)).cloned().collect();
        Self { of_type: self.of_type.clone(), fields }
    }
}

fn delta_type(of_type: ColumnType) -> Value {
    match of_type {
        ColumnType::Text => json!("string"),
        ColumnType::Integer => json!("integer"),
        ColumnType::BigInteger => json!("long"),
        ColumnType::Number => json!("double"),
        ColumnType::Numbers => json!({"type": "array", "elementType": "double", "containsNull": true}),
        ColumnType::Time => json!("timestamp"),
    }
}

/// Parquet's schema for the same columns.
pub(crate) fn parquet_schema(columns: &[(&str, ColumnType)]) -> Result<TypePtr, ParquetError> {
    let fields = columns.iter().map(|(name, of_type)| parquet_type(name, *of_type)).collect::<Result<_, _>>()?;
    Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
}

fn parquet_type(name: &str, of_type: ColumnType) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match of_type {
        ColumnType::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnType::Integer => (PhysicalType::INT32, None),
        ColumnType::BigInteger => (PhysicalType::INT64, None),
        ColumnType::Number => (PhysicalType::DOUBLE, None),
        ColumnType::Time => (PhysicalType::INT64, Some(LogicalType::timestamp(true, TimeUnit::MICROS))),
        ColumnType::Numbers => {
            let element = parquet_type("element", ColumnType::Number)?;
            let list = Type::group_type_builder("list").with_repetition(Repetition::REPEATED);
            let list = Arc::new(list.with_fields(vec![element]).build()?);
            let outer = Type::group_type_builder(name).with_repetition(Repetition::OPTIONAL);
            return outer.with_logical_type(Some(LogicalType::List)).with_fields(vec![list]).build().map(Arc::new);
        }
    };
    let builder = Type::primitive_type_builder(name, physical).with_repetition(Repetition::OPTIONAL);
    builder.with_logical_type(logical).build().map(Arc::new)
}

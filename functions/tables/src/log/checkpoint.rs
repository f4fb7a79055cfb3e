//! Checkpoints: a version's whole state in one Parquet file, so that readers need no older version.

use std::sync::Arc;

use archive::bucket::Bucket;
use bytes::Bytes;
use object_store::path::Path;
use parquet::{
    basic::{Compression, LogicalType, Type as PhysicalType},
    data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::WriterProperties,
        reader::{FileReader, SerializedFileReader},
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    record::{Field, Row},
    schema::{parser::parse_message_type, types::Type},
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Action, LogError, Snapshot};
use crate::layout::TableName;

/// The versions between two checkpoints: Delta's default.
const INTERVAL: u64 = 10;

/// The schema by Delta's protocol, without what this function's tables cannot have.
const SCHEMA: &str = "message checkpoint {
    optional group txn { optional binary appId (STRING); optional int64 version; optional int64 lastUpdated; }
    optional group add {
        optional binary path (STRING);
        optional group partitionValues (MAP) {
            repeated group key_value { required binary key (STRING); optional binary value (STRING); }
        }
        optional int64 size;
        optional int64 modificationTime;
        optional boolean dataChange;
        optional binary stats (STRING);
        optional group tags (MAP) {
            repeated group key_value { required binary key (STRING); optional binary value (STRING); }
        }
    }
    optional group remove {
        optional binary path (STRING);
        optional int64 deletionTimestamp;
        optional boolean dataChange;
        optional boolean extendedFileMetadata;
        optional group partitionValues (MAP) {
            repeated group key_value { required binary key (STRING); optional binary value (STRING); }
        }
        optional int64 size;
    }
    optional group metaData {
        optional binary id (STRING);
        optional binary name (STRING);
        optional binary description (STRING);
        optional group format {
            optional binary provider (STRING);
            optional group options (MAP) {
                repeated group key_value { required binary key (STRING); optional binary value (STRING); }
            }
        }
        optional binary schemaString (STRING);
        optional group partitionColumns (LIST) { repeated group list { optional binary element (STRING); } }
        optional group configuration (MAP) {
            repeated group key_value { required binary key (STRING); optional binary value (STRING); }
        }
        optional int64 createdTime;
    }
    optional group protocol { optional int32 minReaderVersion; optional int32 minWriterVersion; }
}";

/// The content of `_last_checkpoint`: a hint, which may be missing or old.
#[derive(Debug, Serialize, Deserialize)]
struct LastCheckpoint {
    version: u64,
    /// The number of actions.
    size: u64,
    /// The number of files, if there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parts: Option<u32>,
}

impl Snapshot {
    /// Writes a checkpoint of the last version if it is time for one. `oldest` is the time of the oldest removal that readers need
    /// to know, in milliseconds since 1970.
    pub(crate) async fn checkpoint(&mut self, bucket: &Bucket, table: &TableName, oldest: i64) -> Result<(), LogError> {
        let Some(version) = self.next.checked_sub(1).filter(|version| *version >= self.checkpointed + INTERVAL) else {
            return Ok(());
        };
        let is_needed = |removed: Option<i64>| removed.is_none_or(|removed| removed >= oldest);
        self.tombstones.retain(|_, remove| is_needed(remove.deletion_timestamp));
        let actions = self.actions();
        let path = path(table, version, None);
        let body = write(&actions).map_err(|error| LogError::Damaged(path.clone(), error.into()))?;
        bucket.put(&path, body).await?;
        let last = LastCheckpoint { version, size: actions.len() as u64, parts: None };
        let hint = serde_json::to_vec(&last).map_err(|error| LogError::Damaged(path, error.into()))?;
        bucket.put(&hint_path(table), hint.into()).await?;
        self.checkpointed = version;
        Ok(())
    }

    /// Reads the state of the last known checkpoint, or that of no version.
    pub(super) async fn of_checkpoint(bucket: &Bucket, table: &TableName) -> Result<Self, LogError> {
        let hint = bucket.read(&hint_path(table)).await?;
        let hint: Option<LastCheckpoint> = hint.and_then(|hint| serde_json::from_slice(&hint).ok());
        if let Some(LastCheckpoint { version, parts, .. }) = hint
            && let Some(snapshot) = Self::of_version(bucket, table, version, parts).await?
        {
            return Ok(snapshot);
        }
        // Without a hint, only the names show whether there is a checkpoint.
        let listed = bucket.list(&table.log(), None, usize::MAX).await?;
        let version = |path: &Path| path.filename()?.strip_suffix(".checkpoint.parquet")?.parse::<u64>().ok();
        match listed.iter().filter_map(|object| version(&object.location)).max() {
            Some(version) => Ok(Self::of_version(bucket, table, version, None).await?.unwrap_or_default()),
            None => Ok(Self::default()),
        }
    }

    async fn of_version(
        bucket: &Bucket,
        table: &TableName,
        version: u64,
        parts: Option<u32>,
    ) -> Result<Option<Self>, LogError> {
        let mut snapshot = Self { checkpointed: version, ..Self::default() };
        let paths: Vec<_> = match parts {
            Some(parts) => (1..=parts).map(|part| path(table, version, Some((part, parts)))).collect(),
            None => vec![path(table, version, None)],
        };
        let mut actions = Vec::new();
        for path in paths {
            let Some(body) = bucket.read(&path).await? else { return Ok(None) };
            actions.extend(read(body).map_err(|error| LogError::Damaged(path, error))?);
        }
        snapshot.apply(actions);
        snapshot.next = version + 1;
        Ok(Some(snapshot))
    }

    /// The actions that add up to this state.
    fn actions(&self) -> Vec<Action> {
        let files = self.files.values().cloned().map(|mut add| {
            add.data_change = false;
            Action::from(add)
        });
        let described = self.protocol.map(Action::from).into_iter().chain(self.metadata.clone().map(Action::from));
        let transactions = self.transactions.values().cloned().map(Action::from);
        described.chain(transactions).chain(files).chain(self.tombstones.values().cloned().map(Action::from)).collect()
    }
}

fn hint_path(table: &TableName) -> Path {
    table.log().join("_last_checkpoint")
}

fn path(table: &TableName, version: u64, part: Option<(u32, u32)>) -> Path {
    let part = part.map_or_else(String::new, |(part, parts)| format!(".{part:010}.{parts:010}"));
    table.log().join(format!("{version:020}.checkpoint{part}.parquet"))
}

fn write(actions: &[Action]) -> Result<Bytes, ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
    let mut writer = SerializedFileWriter::new(Vec::new(), Arc::clone(&schema), Arc::new(properties))?;
    let mut leaves: Vec<_> =
        writer.schema_descr().columns().iter().map(|leaf| Leaf::new(leaf.physical_type())).collect();
    for action in actions {
        let value = serde_json::to_value(action).map_err(|error| ParquetError::External(error.into()))?;
        shred(&schema, Some(&value), Levels::default(), &mut leaves);
    }
    let mut group = writer.next_row_group()?;
    let mut leaves = leaves.iter();
    while let Some(mut column) = group.next_column()? {
        if let Some(leaf) = leaves.next() {
            leaf.write(&mut column)?;
        }
        column.close()?;
    }
    group.close()?;
    Ok(writer.into_inner()?.into())
}

/// The values of a column, with their levels by Dremel.
struct Leaf {
    values: Values,
    definition: Vec<i16>,
    repetition: Vec<i16>,
}

enum Values {
    Text(Vec<ByteArray>),
    Bool(Vec<bool>),
    Integer(Vec<i32>),
    BigInteger(Vec<i64>),
}

impl Leaf {
    const fn new(of_type: PhysicalType) -> Self {
        let values = match of_type {
            PhysicalType::BOOLEAN => Values::Bool(Vec::new()),
            PhysicalType::INT32 => Values::Integer(Vec::new()),
            PhysicalType::INT64 => Values::BigInteger(Vec::new()),
            _ => Values::Text(Vec::new()),
        };
        Self { values, definition: Vec::new(), repetition: Vec::new() }
    }

    /// Adds a value, or null without one.
    fn push(&mut self, value: Option<&Value>, levels: Levels) {
        self.definition.push(levels.definition);
        self.repetition.push(levels.repetition);
        let Some(value) = value else { return };
        match &mut self.values {
            Values::Text(values) => values.push(value.as_str().unwrap_or_default().into()),
            Values::Bool(values) => values.push(value.as_bool().unwrap_or_default()),
            Values::Integer(values) => {
                values.push(value.as_i64().and_then(|value| value.try_into().ok()).unwrap_or_default());
            }
            Values::BigInteger(values) => values.push(value.as_i64().unwrap_or_default()),
        }
    }

    fn write(&self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let levels = (Some(self.definition.as_slice()), Some(self.repetition.as_slice()));
        match &self.values {
            Values::Text(values) => column.typed::<ByteArrayType>().write_batch(values, levels.0, levels.1),
            Values::Bool(values) => column.typed::<BoolType>().write_batch(values, levels.0, levels.1),
            Values::Integer(values) => column.typed::<Int32Type>().write_batch(values, levels.0, levels.1),
            Values::BigInteger(values) => column.typed::<Int64Type>().write_batch(values, levels.0, levels.1),
        }
        .map(drop)
    }
}

/// The levels of a value: the number of its optional and repeated ancestors, and the depth of the repeated one that it continues.
#[derive(Debug, Clone, Copy, Default)]
struct Levels {
    definition: i16,
    repetition: i16,
    /// The number of repeated ancestors.
    depth: i16,
}

/// Adds `value` to `leaves`, the columns below `of_type`. JSON's maps and lists take the places of Parquet's groups for them.
fn shred(of_type: &Type, value: Option<&Value>, levels: Levels, leaves: &mut [Leaf]) {
    if of_type.is_primitive() {
        if let [leaf] = leaves {
            leaf.push(value, levels);
        }
        return;
    }
    let logical = of_type.get_basic_info().logical_type_ref();
    let (Some(LogicalType::Map | LogicalType::List), [repeated]) = (logical, of_type.get_fields()) else {
        return shred_fields(of_type, value, levels, leaves);
    };
    let elements: Vec<Value> = match value {
        Some(Value::Object(map)) => map.iter().map(|(key, value)| json!({"key": key, "value": value})).collect(),
        Some(Value::Array(list)) => list.iter().map(|element| json!({"element": element})).collect(),
        _ => Vec::new(),
    };
    if elements.is_empty() {
        return shred_fields(repeated, None, levels, leaves);
    }
    let depth = levels.depth + 1;
    for (at, element) in elements.iter().enumerate() {
        let repetition = if at == 0 { levels.repetition } else { depth };
        shred_fields(repeated, Some(element), Levels { definition: levels.definition + 1, repetition, depth }, leaves);
    }
}

fn shred_fields(group: &Type, value: Option<&Value>, levels: Levels, mut leaves: &mut [Leaf]) {
    for field in group.get_fields() {
        let (own, rest) = leaves.split_at_mut(count(field));
        let inside = value.and_then(|value| value.get(field.name())).filter(|value| !value.is_null());
        // All fields but a map's keys are optional.
        let is_defined = inside.is_some() && field.is_optional();
        let levels = Levels { definition: levels.definition + i16::from(is_defined), ..levels };
        shred(field, inside, levels, own);
        leaves = rest;
    }
}

/// The number of columns below a type.
fn count(of_type: &Type) -> usize {
    if of_type.is_primitive() { 1 } else { of_type.get_fields().iter().map(|field| count(field)).sum() }
}

fn read(body: Bytes) -> Result<Vec<Action>, Box<dyn std::error::Error + Send + Sync>> {
    let reader = SerializedFileReader::new(body)?;
    let mut actions = Vec::new();
    for row in reader.get_row_iter(None)? {
        actions.push(serde_json::from_value(object(&row?))?);
    }
    Ok(actions)
}

fn object(row: &Row) -> Value {
    row.get_column_iter().map(|(name, field)| (name.clone(), field_as_json(field))).collect::<Map<_, _>>().into()
}

/// A field as JSON. Types that no action has become null.
fn field_as_json(field: &Field) -> Value {
    match field {
        Field::Bool(value) => (*value).into(),
        Field::Int(value) => (*value).into(),
        Field::Long(value) => (*value).into(),
        Field::Str(text) => text.as_str().into(),
        Field::Group(row) => object(row),
        Field::ListInternal(list) => list.elements().iter().map(field_as_json).collect(),
        Field::MapInternal(map) => {
            let entries = map.entries().iter();
            let entries = entries
                .filter_map(|(key, value)| Some((field_as_json(key).as_str()?.to_owned(), field_as_json(value))));
            entries.collect::<Map<_, _>>().into()
        }
        _ => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Add, Format, Metadata, Protocol, Remove, Transaction};

    #[test]
    fn a_checkpoint_holds_every_field_of_every_action() {
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let some = |pairs: &[(&str, Option<&str>)]| -> std::collections::BTreeMap<_, _> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), value.map(str::to_owned))).collect()
        };
        let add = Add {
            path: "a.parquet".to_owned(),
            partition_values: some(&[("a", Some("1")), ("b", None), ("c", Some("3"))]),
            size: 1 << 40,
            modification_time: -5,
            data_change: true,
            stats: Some("{}".to_owned()),
            tags: Some(some(&[("t", Some("é"))])),
        };
        let bare = Add { partition_values: some(&[]), stats: None, tags: None, ..add.clone() };
        let metadata = Metadata {
            id: "id".to_owned(),
            name: Some("name".to_owned()),
            description: None,
            format: Format { provider: "parquet".to_owned(), options: map(&[("x", "y"), ("z", "")]) },
            schema_string: "{}".to_owned(),
            partition_columns: vec!["a".to_owned(), "b".to_owned()],
            configuration: map(&[]),
            created_time: None,
        };
        let plain = Metadata { partition_columns: Vec::new(), configuration: map(&[("p", "q")]), ..metadata.clone() };
        let remove = Remove {
            path: "b.parquet".to_owned(),
            deletion_timestamp: Some(7),
            data_change: false,
            extended_file_metadata: Some(true),
            partition_values: Some(some(&[])),
            size: Some(3),
        };
        let short = Remove { extended_file_metadata: None, size: None, deletion_timestamp: None, ..remove.clone() };
        let actions: Vec<Action> = vec![
            Protocol { min_reader_version: 1, min_writer_version: 2 }.into(),
            add.into(),
            metadata.into(),
            Transaction { app_id: "x".to_owned(), version: 3, last_updated: None }.into(),
            bare.into(),
            plain.into(),
            remove.into(),
            short.into(),
        ];
        assert_eq!(read(write(&actions).unwrap()).unwrap(), actions);
    }
}

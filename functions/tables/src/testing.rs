//! An archive and a reader of tables for tests. The reader shares no code with what writes them.

use std::collections::{BTreeMap, BTreeSet};

use archive::{
    layout::{Content, Folder, TopicPartition},
    memory::Memory,
};
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt, path::Path};
use parquet::{
    file::reader::{FileReader, SerializedFileReader},
    record::{Field, Row},
};
use serde_json::Value;
use shared::kind::USER;

use crate::layout::TableName;

/// The time of most tests, in milliseconds since 1970.
pub(crate) fn clock() -> i64 {
    1_785_000_000_123
}

pub(crate) fn users() -> TableName {
    TableName::new("0a1b".parse().unwrap(), &USER)
}

pub(crate) fn partition(number: i32) -> TopicPartition {
    TopicPartition { topic: users().topic(), partition: number }
}

/// A user row whose `ind` is its offset.
pub(crate) fn line(by: &str, offset: u64) -> String {
    format!(
        "{{\"ind\":{offset},\"first_name\":\"{by}\",\"last_name\":\"é\",\"age\":\"30\",\"date_joined\":\"2015-10-21 21:26:45\"}}"
    )
}

/// Stores an object of consecutive offsets, as `archive` would.
pub(crate) async fn archive_lines(memory: &Memory, of: &TopicPartition, start: u64, lines: &[String]) {
    memory.put_raw(&of.object(Content::Lines, start), &(lines.join("\n") + "\n")).await;
}

/// Stores an object of [`line`]s.
pub(crate) async fn archive_rows(memory: &Memory, of: &TopicPartition, by: &str, offsets: std::ops::Range<u64>) {
    let lines: Vec<_> = offsets.clone().map(|offset| line(by, offset)).collect();
    archive_lines(memory, of, offsets.start, &lines).await;
}

/// A row's partition, offset and list index.
pub(crate) type Place = (i32, i64, i32);

/// The archived lines of a table's topic.
pub(crate) async fn archived(memory: &Memory, table: &TableName) -> BTreeMap<Place, Option<String>> {
    let mut lines = BTreeMap::new();
    let folder = TopicPartition::topic_folder(&table.topic(), Folder::Topics);
    let objects: Vec<ObjectMeta> = memory.contents().list(Some(&folder)).try_collect().await.unwrap();
    for ObjectMeta { location, .. } in objects {
        let number: i32 = location.as_ref().split('+').nth(1).unwrap().parse().unwrap();
        let start: i64 = location.as_ref().rsplit('+').next().unwrap().trim_end_matches(".json").parse().unwrap();
        for (offset, line) in (start..).zip(text(memory, &location).await.lines()) {
            lines.insert((number, offset, 0), Some(line.to_owned()));
        }
    }
    lines
}

async fn text(memory: &Memory, path: &Path) -> String {
    String::from_utf8(memory.contents().get(path).await.unwrap().bytes().await.unwrap().to_vec()).unwrap()
}

/// The lines of all versions of a table's log, as JSON.
pub(crate) async fn log(memory: &Memory, table: &TableName) -> Vec<Vec<Value>> {
    let mut versions = Vec::new();
    loop {
        let path = Path::from(format!("tables/{table}/_delta_log/{:020}.json", versions.len()));
        if memory.contents().head(&path).await.is_err() {
            return versions;
        }
        let actions = text(memory, &path).await;
        versions.push(actions.lines().map(|line| serde_json::from_str(line).unwrap()).collect());
    }
}

/// The paths of a table's data files, by its log.
pub(crate) async fn files(memory: &Memory, table: &TableName) -> BTreeSet<String> {
    let mut files = BTreeSet::new();
    for action in log(memory, table).await.into_iter().flatten() {
        if let Some(path) = action["add"]["path"].as_str() {
            assert!(files.insert(path.to_owned()), "{path} is added twice");
        }
        if let Some(path) = action["remove"]["path"].as_str() {
            assert!(files.remove(path), "{path} is removed and was not there");
        }
    }
    files
}

/// All rows of a table, by their place. Panics when two have the same.
pub(crate) async fn rows(memory: &Memory, table: &TableName) -> BTreeMap<Place, Row> {
    let mut rows = BTreeMap::new();
    for file in files(memory, table).await {
        let path = Path::from(format!("tables/{table}/{file}"));
        let body = memory.contents().get(&path).await.unwrap().bytes().await.unwrap();
        for row in SerializedFileReader::new(body).unwrap().get_row_iter(None).unwrap() {
            let row = row.unwrap();
            let place = match (cell(&row, "partition"), cell(&row, "offset"), cell(&row, "list_index")) {
                (Field::Int(partition), Field::Long(offset), Field::Int(list_index)) => (partition, offset, list_index),
                other => panic!("{other:?}"),
            };
            assert!(rows.insert(place, row).is_none(), "{place:?} is in the table twice");
        }
    }
    rows
}

/// A row's cell.
pub(crate) fn cell(row: &Row, column: &str) -> Field {
    row.get_column_iter().find(|(name, _)| *name == column).unwrap().1.clone()
}

/// The archived lines in a table, by their place.
pub(crate) async fn lines(memory: &Memory, table: &TableName) -> BTreeMap<Place, Option<String>> {
    let line = |row: &Row| match cell(row, "line") {
        Field::Str(line) => Some(line),
        Field::Null => None,
        other => panic!("{other:?}"),
    };
    rows(memory, table).await.into_iter().map(|(place, row)| (place, line(&row))).collect()
}

use archive::{layout::Content, memory::Memory};
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};
use parquet::record::Field;
use serde_json::Value;

use super::*;
use crate::testing::{
    archive_lines, archive_rows, archived, cell, clock, files, line, lines, log, partition, rows, users,
};

fn tables(memory: &Memory, limits: Limits) -> Tables {
    Tables::new(memory.bucket(10), limits, clock)
}

async fn append(tables: &Tables) -> Result<Counts, TableError> {
    let mut counts = Counts::default();
    tables.append(&users(), &mut counts).await.map(|()| counts)
}

/// Appends with a writer that knows nothing yet.
async fn append_once(memory: &Memory) -> Result<Counts, TableError> {
    append(&tables(memory, Limits::default())).await
}

#[tokio::test]
async fn each_archived_record_is_appended_once_by_warm_and_cold_writers() {
    let memory = Memory::default();
    let warm = tables(&memory, Limits::default());
    assert_eq!(append(&warm).await.unwrap(), Counts::default());
    assert!(log(&memory, &users()).await.is_empty(), "no records, no table");
    for (number, offsets) in [(0, 0..5), (1, 0..2), (0, 5..6), (0, 6..20), (1, 2..4)] {
        let new = offsets.end - offsets.start;
        archive_rows(&memory, &partition(number), "a", offsets).await;
        let counts = append(&warm).await.unwrap();
        assert_eq!(counts, Counts { records: new, rows: new, files: 1, ..Counts::default() });
        assert_eq!(append(&warm).await.unwrap(), Counts::default());
        assert_eq!(append_once(&memory).await.unwrap(), Counts::default());
        assert_eq!(lines(&memory, &users()).await, archived(&memory, &users()).await);
    }
    assert_eq!(log(&memory, &users()).await.len(), 5);
}

#[tokio::test]
async fn a_row_has_typed_cells_and_the_archived_line() {
    let memory = Memory::default();
    archive_rows(&memory, &partition(3), "Ada", 7..8).await;
    let counts = append_once(&memory).await.unwrap();
    assert_eq!((counts.records, counts.missing), (1, 7));
    let rows = rows(&memory, &users()).await;
    let row = &rows[&(3, 7, 0)];
    for (column, expected) in [
        ("line", Field::Str(line("Ada", 7))),
        ("ind", Field::Int(7)),
        ("user_name", Field::Str("Ada é".to_owned())),
        ("age", Field::Int(30)),
        ("date_joined", Field::TimestampMicros(1_445_462_805_000_000)),
    ] {
        assert_eq!(cell(row, column), expected, "{column}");
    }
    assert_eq!(row.len(), 8);
}

#[tokio::test]
async fn a_list_gives_a_row_for_each_of_its_rows_and_its_line_once() {
    let memory = Memory::default();
    let list = format!("[{},{},null]", line("a", 1), line("b", 2));
    archive_lines(&memory, &partition(0), 0, &[list.clone(), "5".to_owned(), "[]".to_owned()]).await;
    let counts = append_once(&memory).await.unwrap();
    assert_eq!((counts.records, counts.rows), (3, 5));
    let rows = rows(&memory, &users()).await;
    let found: Vec<_> = rows.iter().map(|(place, row)| (*place, cell(row, "line"), cell(row, "ind"))).collect();
    let text = |text: &str| Field::Str(text.to_owned());
    let expected = [
        ((0, 0, 0), text(&list), Field::Int(1)),
        ((0, 0, 1), Field::Null, Field::Int(2)),
        ((0, 0, 2), Field::Null, Field::Null),
        ((0, 1, 0), text("5"), Field::Null),
        ((0, 2, 0), text("[]"), Field::Null),
    ];
    assert_eq!(found, expected);
}

#[tokio::test]
async fn quarantined_and_missing_offsets_are_skipped_and_counted_once() {
    let memory = Memory::default();
    let warm = tables(&memory, Limits::default());
    archive_rows(&memory, &partition(0), "a", 0..3).await;
    for offset in [3, 4, 9] {
        memory.put_raw(&partition(0).object(Content::NotJson, offset), "x").await;
    }
    // Whether a record follows is not known yet.
    let counts = append(&warm).await.unwrap();
    assert_eq!((counts.records, counts.quarantined, counts.missing), (3, 0, 0));
    archive_rows(&memory, &partition(0), "a", 7..8).await;
    let counts = append(&warm).await.unwrap();
    assert_eq!((counts.records, counts.quarantined, counts.missing), (1, 2, 2));
    archive_rows(&memory, &partition(0), "a", 10..11).await;
    let counts = append_once(&memory).await.unwrap();
    assert_eq!((counts.records, counts.quarantined, counts.missing), (1, 1, 1));
}

#[tokio::test]
async fn a_backlog_is_appended_in_several_files_within_the_limits() {
    for limits in [Limits { rows: 7, ..Limits::default() }, Limits { bytes: 700, ..Limits::default() }] {
        let memory = Memory::default();
        for start in 0..40 {
            archive_rows(&memory, &partition(i32::from(start % 2 == 1)), "a", start / 2 * 3..start / 2 * 3 + 3).await;
        }
        let counts = append(&tables(&memory, limits)).await.unwrap();
        assert_eq!(counts.records, 120);
        assert!(counts.files >= 13, "{limits:?}: {counts:?}");
        assert_eq!(lines(&memory, &users()).await, archived(&memory, &users()).await);
    }
}

#[tokio::test]
async fn an_archive_that_was_made_anew_is_refused() {
    for (objects, why) in [
        (&[][..], "empty"),
        (&[(0, 3)], "shorter"),
        (&[(0, 3), (3, 5)], "as long"),
        (&[(0, 3), (3, 5), (5, 9)], "longer"),
        (&[(0, 9)], "in other objects"),
        (&[(5, 9)], "without its beginning"),
    ] {
        let memory = Memory::default();
        archive_rows(&memory, &partition(0), "a", 0..3).await;
        archive_rows(&memory, &partition(0), "a", 3..5).await;
        let warm = tables(&memory, Limits::default());
        append(&warm).await.unwrap();
        for start in [0, 3] {
            memory.contents().delete(&partition(0).object(Content::Lines, start)).await.unwrap();
        }
        for (start, end) in objects {
            archive_rows(&memory, &partition(0), "b", *start..*end).await;
        }
        // A warm writer reads the last object again once there is another behind it.
        let idle = why == "as long";
        for (writer, memory_of, refuses) in
            [(&warm, "warm", !idle), (&tables(&memory, Limits::default()), "cold", true)]
        {
            let outcome = append(writer).await;
            let refused = matches!(outcome, Err(TableError::Source(_, SourceError::Another(5))));
            assert_eq!(refused, refuses, "{why}, {memory_of}: {outcome:?}");
        }
        assert_eq!(lines(&memory, &users()).await.len(), 5, "{why}");
    }
}

#[tokio::test]
async fn a_table_that_was_deleted_is_made_anew() {
    for versions_of_another_writer in [0, 1, 3] {
        let memory = Memory::default();
        archive_rows(&memory, &partition(0), "a", 0..3).await;
        let warm = tables(&memory, Limits::default());
        append(&warm).await.unwrap();
        let data = files(&memory, &users()).await;
        for path in data.iter().map(|name| users().data_file(name)).chain([users().version(0)]) {
            memory.contents().delete(&path).await.unwrap();
        }
        let another = tables(&memory, Limits { rows: 1, ..Limits::default() });
        for version in 0..versions_of_another_writer {
            archive_rows(&memory, &partition(1), "a", version..version + 1).await;
            append(&another).await.unwrap();
        }
        append(&warm).await.unwrap();
        let expected = archived(&memory, &users()).await;
        assert_eq!(lines(&memory, &users()).await, expected, "{versions_of_another_writer}");
        // It knows no file of the deleted table.
        let state = warm.current(&users(), None).await.unwrap();
        assert!(state.snapshot.files.keys().eq(files(&memory, &users()).await.iter()));
        let cached = warm.states.lock().unwrap().remove(&users().to_string()).unwrap();
        assert_eq!(cached.snapshot.files, state.snapshot.files, "{versions_of_another_writer}");
    }
}

/// A change of one action.
type Edit = fn(&mut Value);

/// Replaces the lines of the first version.
async fn edit(memory: &Memory, edit: impl Fn(&mut Value)) {
    let mut actions = log(memory, &users()).await.remove(0);
    actions.iter_mut().for_each(edit);
    let actions: Vec<_> = actions.iter().map(ToString::to_string).collect();
    memory.put_raw(&users().version(0), &actions.join("\n")).await;
}

#[tokio::test]
async fn a_table_of_other_columns_or_a_higher_protocol_is_refused() {
    let edits: [(Edit, &str); 3] = [
        (
            |action| {
                if action["protocol"].is_object() {
                    action["protocol"]["minWriterVersion"] = 7.into();
                }
            },
            "protocol",
        ),
        (
            |action| {
                if let Some(schema) = action["metaData"]["schemaString"].as_str() {
                    action["metaData"]["schemaString"] = schema.replace("\"age\"", "\"years\"").into();
                }
            },
            "columns",
        ),
        (
            |action| {
                if action["metaData"].is_object() {
                    action["metaData"]["partitionColumns"] = vec!["age"].into();
                }
            },
            "partitioned",
        ),
    ];
    for (change, why) in edits {
        let memory = Memory::default();
        archive_rows(&memory, &partition(0), "a", 0..3).await;
        append_once(&memory).await.unwrap();
        edit(&memory, change).await;
        archive_rows(&memory, &partition(0), "a", 3..4).await;
        let error = append_once(&memory).await.unwrap_err();
        assert!(matches!(error, TableError::Log(LogError::Protocol(1, 7)) | TableError::Columns), "{why}: {error}");
        assert_eq!(log(&memory, &users()).await.len(), 1, "{why}");
        let objects = memory.contents().list(Some(&users().folder())).count().await;
        assert_eq!(objects, 2, "{why}: only the version and its file");
    }
}

#[tokio::test]
async fn a_table_of_an_earlier_version_gets_the_new_columns() {
    let memory = Memory::default();
    archive_rows(&memory, &partition(0), "a", 0..3).await;
    append_once(&memory).await.unwrap();
    let age = r#",{"name":"age","type":"integer","nullable":true,"metadata":{}}"#;
    edit(&memory, |action| {
        if let Some(schema) = action["metaData"]["schemaString"].as_str() {
            assert!(schema.contains(age), "{schema}");
            action["metaData"]["schemaString"] = schema.replace(age, "").into();
        }
    })
    .await;
    for (offset, describes) in [(3, true), (4, false)] {
        archive_rows(&memory, &partition(0), "a", offset..offset + 1).await;
        append_once(&memory).await.unwrap();
        let version = log(&memory, &users()).await.pop().unwrap();
        let schema = version.iter().find_map(|action| action["metaData"]["schemaString"].as_str().map(str::to_owned));
        assert_eq!(schema.is_some(), describes);
        assert!(schema.is_none_or(|schema| schema.ends_with(&format!("{age}]}}"))));
    }
}

#[tokio::test]
async fn a_damaged_object_is_named_and_nothing_of_its_batch_is_appended() {
    for (body, why) in [("{}", "no final line break"), ("", "empty")] {
        let memory = Memory::default();
        archive_rows(&memory, &partition(0), "a", 0..3).await;
        memory.put_raw(&partition(0).object(Content::Lines, 3), body).await;
        let error = append_once(&memory).await.unwrap_err();
        let TableError::Source(_, SourceError::Damaged(path)) = &error else { panic!("{why}: {error}") };
        assert_eq!(*path, partition(0).object(Content::Lines, 3), "{why}");
        assert!(log(&memory, &users()).await.is_empty(), "{why}");
    }
}

#[tokio::test]
async fn an_object_that_a_listing_missed_is_not_a_gap() {
    let memory = Memory::default();
    archive_rows(&memory, &partition(0), "a", 0..3).await;
    archive_rows(&memory, &partition(0), "a", 5..6).await;
    let bucket = memory.bucket(10);
    let mut source = Source::open(&bucket, partition(0), Position::default(), None).await.unwrap();
    archive_rows(&memory, &partition(0), "a", 3..4).await;
    let mut found = Vec::new();
    while let Some((gap, object)) = source.next().await.unwrap() {
        found.push((gap.missing, object.start));
    }
    assert_eq!(found, [(0, 0), (0, 3), (1, 5)]);
}

#[tokio::test]
async fn the_statistics_bound_each_files_offsets() {
    let memory = Memory::default();
    archive_rows(&memory, &partition(0), "a", 0..3).await;
    archive_rows(&memory, &partition(1), "a", 8..12).await;
    append_once(&memory).await.unwrap();
    let actions = log(&memory, &users()).await.concat();
    let stats = actions.iter().find_map(|action| action["add"]["stats"].as_str()).unwrap();
    let stats: Value = serde_json::from_str(stats).unwrap();
    let bounds = |of: &str| ["partition", "offset", "ind"].map(|column| stats[of][column].as_i64().unwrap());
    assert_eq!((bounds("minValues"), bounds("maxValues")), ([0, 0, 0], [1, 11, 11]));
    assert_eq!((stats["numRecords"].as_u64(), bounds("nullCount")), (Some(7), [0, 0, 0]));
    let size = actions.iter().find_map(|action| action["add"]["size"].as_u64()).unwrap();
    let name = files(&memory, &users()).await.pop_first().unwrap();
    assert_eq!(memory.contents().head(&Path::from(format!("tables/0a1b/user/{name}"))).await.unwrap().size, size);
}

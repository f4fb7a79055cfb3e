use archive::memory::Memory;
use futures::StreamExt;
use object_store::{ObjectStore, ObjectStoreExt, path::Path};

use super::*;
use crate::{
    append::{Counts, Limits},
    log::{LogError, Snapshot},
    testing::{archive_rows, archived, clock, files, lines, log, partition, rows, users},
};

fn tables(memory: &Memory, small_files: usize) -> Tables {
    Tables::new(memory.bucket(10), Limits { small_files, ..Limits::default() }, clock)
}

/// Archives and appends objects of three rows each.
async fn append(memory: &Memory, tables: &Tables, objects: std::ops::Range<u64>) {
    for number in objects {
        archive_rows(memory, &partition(0), "a", number * 3..number * 3 + 3).await;
        tables.append(&users(), &mut Counts::default()).await.unwrap();
    }
}

#[tokio::test]
async fn small_files_are_merged_and_every_row_stays_as_it_was() {
    let (merging, plain) = (Memory::default(), Memory::default());
    append(&plain, &tables(&plain, usize::MAX), 0..20).await;
    let writer = tables(&merging, 3);
    for number in 0..20 {
        append(&merging, &writer, number..number + 1).await;
        assert!(files(&merging, &users()).await.len() <= 3, "after {number}");
    }
    assert_eq!(files(&plain, &users()).await.len(), 20);
    assert_eq!(rows(&merging, &users()).await, rows(&plain, &users()).await);
    let merged = log(&merging, &users()).await.concat();
    let changes = |of: &str| merged.iter().filter(|action| action[of]["dataChange"] == true).count();
    assert_eq!((changes("add"), changes("remove")), (20, 0), "streams of changes see each row once");
    let stats: Vec<_> = merged.iter().filter(|action| action["add"]["dataChange"] == false).collect();
    let stats: serde_json::Value = serde_json::from_str(stats[0]["add"]["stats"].as_str().unwrap()).unwrap();
    assert_eq!((&stats["numRecords"], &stats["maxValues"]["offset"]), (&12.into(), &11.into()));
}

#[tokio::test]
async fn files_of_different_sizes_are_not_merged_again_and_again() {
    let memory = Memory::default();
    let writer = tables(&memory, 2);
    let mut state = State::default();
    let file = |name: u32, size| Add {
        path: format!("part-{name:032x}.snappy.parquet"),
        partition_values: BTreeMap::new(),
        size,
        modification_time: i64::from(name),
        data_change: true,
        stats: None,
        tags: None,
    };
    let sizes = [1, CLASSES[0], 2, CLASSES[1], CLASSES[0] + 1, 3, CLASSES[1] - 1, CLASSES[1] - 2, CLASSES[1] - 3];
    for (name, size) in (0..).zip(sizes) {
        state.snapshot.files.insert(format!("{name}"), file(name, size));
    }
    let merged = CLASSES.map(|class| {
        let files = writer.mergeable(&state, class).unwrap();
        files.iter().map(|file| file.modification_time).collect::<Vec<_>>()
    });
    // Two of almost 64 MiB fit into 128 MiB beside two of 4 MiB only in part.
    assert_eq!(merged, [vec![0, 2, 5], vec![1, 4, 6]]);
}

#[tokio::test]
async fn a_table_that_another_program_changes_meanwhile_is_neither_merged_nor_checkpointed() {
    let memory = Memory::default();
    append(&memory, &tables(&memory, usize::MAX), 0..12).await;
    let version = log(&memory, &users()).await.remove(0);
    let metadata = version.into_iter().find(|action| action["metaData"].is_object()).unwrap();
    let column = r#",{"name":"new","type":"string","nullable":true,"metadata":{}}]}"#;
    let mut more_columns = metadata.clone();
    let schema = metadata["metaData"]["schemaString"].as_str().unwrap();
    more_columns["metaData"]["schemaString"] = (schema.strip_suffix("]}").unwrap().to_owned() + column).into();
    for (change, why) in [
        (more_columns.to_string(), "a newer version of this function, with more columns"),
        (r#"{"protocol":{"minReaderVersion":3,"minWriterVersion":7}}"#.to_owned(), "a program with more features"),
    ] {
        let mut state = State::default();
        state.snapshot.refresh(&memory.bucket(10), &users()).await.unwrap();
        memory.put_raw(&users().version(12), &change).await;
        let objects = async || memory.contents().list(Some(&users().log())).count().await;
        let before = objects().await;
        let error = tables(&memory, 2).maintain(&users(), &mut state).await.unwrap_err();
        assert!(matches!(error, TableError::Columns | TableError::Log(LogError::Protocol(3, 7))), "{why}: {error}");
        assert_eq!(objects().await, before, "{why}: no version and no checkpoint is added");
        memory.contents().delete(&users().version(12)).await.unwrap();
    }
}

#[tokio::test]
async fn a_reader_of_a_checkpoint_knows_what_a_reader_of_all_versions_knows() {
    let memory = Memory::default();
    let writer = tables(&memory, 3);
    append(&memory, &writer, 0..25).await;
    let bucket = memory.bucket(10);
    let versions = log(&memory, &users()).await.len() as u64;
    let mut whole = Snapshot::default();
    whole.refresh(&bucket, &users()).await.unwrap();
    let from_checkpoint = Snapshot::load(&bucket, &users()).await.unwrap();
    assert_eq!(from_checkpoint.next, versions);
    let mut of_versions = whole.clone();
    for add in of_versions.files.values_mut() {
        // A checkpoint is not a change.
        add.data_change = from_checkpoint.files[&add.path].data_change;
    }
    assert_eq!(
        Snapshot { checkpointed: from_checkpoint.checkpointed, last: from_checkpoint.last.clone(), ..of_versions },
        from_checkpoint
    );
    assert!(from_checkpoint.checkpointed + 10 >= versions - 3, "{}", from_checkpoint.checkpointed);
    // Neither the versions before it nor the hint are needed.
    for version in 0..=from_checkpoint.checkpointed {
        memory.contents().delete(&users().version(version)).await.unwrap();
    }
    memory.contents().delete(&users().log().join("_last_checkpoint")).await.unwrap();
    assert_eq!(Snapshot::load(&bucket, &users()).await.unwrap(), from_checkpoint);
    let mut counts = Counts::default();
    tables(&memory, 3).append(&users(), &mut counts).await.unwrap();
    assert_eq!(counts, Counts::default());
}

#[tokio::test]
async fn files_are_deleted_once_no_version_of_the_last_week_needs_them() {
    /// A time when all files of the test are old.
    fn much_later() -> i64 {
        4_000_000_000_000
    }
    fn a_week_after() -> i64 {
        much_later() + RETENTION_MS + 1
    }
    let memory = Memory::default();
    let orphan = Path::from(format!("tables/0a1b/user/part-{:032x}.snappy.parquet", 1));
    let foreign = Path::from("tables/0a1b/user/notes.parquet");
    for path in [&orphan, &foreign] {
        memory.put_raw(path, "x").await;
    }
    append(&memory, &tables(&memory, usize::MAX), 0..4).await;
    let old = files(&memory, &users()).await;
    let limits = Limits { small_files: 2, ..Limits::default() };
    let exists = async |path: &Path| memory.contents().head(path).await.is_ok();
    // Merges the files, which a reader may be reading, and finds the one of no version.
    append(&memory, &Tables::new(memory.bucket(10), limits, much_later), 4..5).await;
    assert!(!exists(&orphan).await && exists(&foreign).await);
    for name in &old {
        assert!(exists(&users().data_file(name)).await, "{name} was removed just now");
    }
    append(&memory, &Tables::new(memory.bucket(10), limits, a_week_after), 5..6).await;
    for name in &old {
        assert!(!exists(&users().data_file(name)).await, "{name}");
    }
    assert_eq!(lines(&memory, &users()).await, archived(&memory, &users()).await);
    assert!(exists(&foreign).await && exists(&users().version(0)).await);
}

#[tokio::test]
async fn old_versions_are_deleted_once_a_checkpoint_replaces_them() {
    fn much_later() -> i64 {
        4_000_000_000_000
    }
    let memory = Memory::default();
    append(&memory, &tables(&memory, usize::MAX), 0..25).await;
    let rows_before = rows(&memory, &users()).await;
    append(&memory, &Tables::new(memory.bucket(10), Limits::default(), much_later), 25..26).await;
    let exists = async |version: u64| memory.contents().head(&users().version(version)).await.is_ok();
    assert!(!exists(0).await && !exists(19).await && exists(20).await);
    let snapshot = Snapshot::load(&memory.bucket(10), &users()).await.unwrap();
    let rows: i64 = snapshot
        .files
        .values()
        .map(|file| {
            let stats: serde_json::Value = serde_json::from_str(file.stats.as_ref().unwrap()).unwrap();
            stats["numRecords"].as_i64().unwrap()
        })
        .sum();
    assert_eq!(rows, 3 + i64::try_from(rows_before.len()).unwrap());
}

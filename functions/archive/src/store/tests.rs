use std::collections::BTreeMap;

use object_store::path::Path;
use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::{
    bucket::ArchiveUrl,
    testing::{Memory, forms, pins, row, rows, stored},
};

const LIMITS: Limits = Limits { records: 4, bytes: 1_000 };

fn archiver(memory: &Memory) -> Archiver {
    Archiver::new(memory.bucket(10), LIMITS)
}

async fn store(archiver: &Archiver, records: &[ConsumerRecord]) -> Result<Counts, StoreError> {
    let mut counts = Counts::default();
    archiver.store(&pins(), records, &mut counts).await.map(|()| counts)
}

fn record(offset: u64, value: Option<&str>) -> ConsumerRecord {
    ConsumerRecord { offset, value: value.map(|value| Bytes::copy_from_slice(value.as_bytes())) }
}

#[tokio::test]
async fn a_batch_is_split_into_objects_at_gaps_at_quarantined_records_and_at_the_limits() {
    let memory = Memory::default();
    let mut batch = rows("a", 10..16);
    batch.extend(rows("a", 17..19));
    batch.push(record(19, Some("not json")));
    batch.push(record(20, None));
    batch.push(record(21, Some("[1, 2]")));
    batch.push(record(22, Some(&format!("\"{}\"", "x".repeat(2_000)))));
    batch.push(row("a", 23));
    let (listener, mut notifications) = unbounded_channel();
    let archiver = archiver(&memory).notifying(listener);
    let counts = store(&archiver, &batch).await.unwrap();
    let value_bytes = batch.iter().filter_map(|record| record.value.as_ref()).map(|value| value.len() as u64).sum();
    assert_eq!(counts, Counts { records: 11, objects: 6, quarantined: 2, lost: 0, value_bytes });
    let (records, objects) = stored(&memory, &pins()).await;
    assert_eq!(records, forms(&batch));
    let lines: Vec<u64> = objects.into_iter().map(|(lines, _)| lines).collect();
    assert_eq!(lines, [4, 2, 2, 1, 1, 1]);

    let mut objects = Vec::new();
    while let Ok(stored) = notifications.try_recv() {
        let body = memory.bucket(10).read(&stored.path()).await.unwrap().unwrap();
        assert_eq!(stored.bytes, body.len() as u64, "{stored:?}");
        assert!(!stored.holds(stored.offset + stored.records) && stored.holds(stored.offset));
        objects.push((stored.offset, stored.records));
    }
    let expected = [(10, 4), (14, 2), (17, 2), (19, 1), (20, 1), (21, 1), (22, 1), (23, 1)];
    assert_eq!(objects, expected, "one notification per object, quarantine included");
}

#[tokio::test]
async fn the_stored_bytes_follow_the_contract() {
    let memory = Memory::default();
    let values = [Some("{\"a\": 1.10,\n \"b\": \"\\u00e9 x\"}"), Some("2"), Some("\u{fffd}{"), None];
    let batch: Vec<ConsumerRecord> = (0..).zip(values).map(|(offset, value)| record(offset, value)).collect();
    store(&archiver(&memory), &batch).await.unwrap();
    let bucket = memory.bucket(10);
    for (name, body) in [
        ("topics/0a1b.pin/partition=0/0a1b.pin+0+0000000000.json", "{\"a\":1.10,\"b\":\"\\u00e9 x\"}\n2\n"),
        ("quarantine/0a1b.pin/partition=0/0a1b.pin+0+0000000002.bin", "\u{fffd}{"),
        ("quarantine/0a1b.pin/partition=0/0a1b.pin+0+0000000003.null", ""),
    ] {
        assert_eq!(bucket.read(&Path::from(name)).await.unwrap().unwrap(), body, "{name}");
    }
}

#[tokio::test]
async fn storing_again_changes_nothing_and_counts_nothing() {
    let memory = Memory::default();
    let mut batch = rows("a", 0..6);
    batch.push(record(6, None));
    store(&archiver(&memory), &batch).await.unwrap();
    let before = stored(&memory, &pins()).await;
    for (again, why) in [(&batch[..], "all"), (&batch[2..5], "a part"), (&batch[6..], "the quarantined record")] {
        assert_eq!(store(&archiver(&memory), again).await.unwrap(), Counts::default(), "{why}");
        assert_eq!(stored(&memory, &pins()).await, before, "{why}");
    }
}

#[tokio::test]
async fn a_retried_batch_continues_where_its_first_attempt_stopped() {
    let memory = Memory::default();
    let batch = rows("a", 0..10);
    store(&archiver(&memory), &batch[..3]).await.unwrap();
    let counts = store(&archiver(&memory), &batch).await.unwrap();
    assert_eq!((counts.records, counts.objects), (7, 2));
    assert_eq!(stored(&memory, &pins()).await.0, forms(&batch));
}

#[tokio::test]
async fn a_warm_writer_needs_one_request_per_object() {
    let memory = Memory::default();
    let archiver = archiver(&memory);
    store(&archiver, &rows("a", 0..4)).await.unwrap();
    _ = memory.requests();
    store(&archiver, &rows("a", 2..8)).await.unwrap();
    assert_eq!(memory.requests(), 1);
}

#[tokio::test]
async fn a_cold_writer_needs_three_requests_before_the_first_object() {
    let memory = Memory::default();
    store(&archiver(&memory), &rows("a", 0..40)).await.unwrap();
    for (batch, why) in [(rows("a", 40..43), "behind the end"), (rows("a", 41..46), "two more were stored meanwhile")] {
        _ = memory.requests();
        store(&archiver(&memory), &batch).await.unwrap();
        // List the objects, read the last one, list the quarantine; then create the object.
        assert_eq!(memory.requests(), 4, "{why}");
    }
}

#[tokio::test]
async fn a_writer_that_fell_behind_looks_the_end_up_again() {
    let memory = Memory::default();
    let (slow, fast) = (archiver(&memory), archiver(&memory));
    store(&slow, &rows("a", 0..2)).await.unwrap();
    store(&fast, &rows("a", 0..9)).await.unwrap();
    // After the slow writer's cached end: by that, 2 to 8 were never stored.
    store(&slow, &rows("a", 9..10)).await.unwrap();
    assert_eq!(stored(&memory, &pins()).await.0, forms(&rows("a", 0..10)));
}

#[tokio::test]
async fn a_record_stored_by_another_writer_meanwhile_counts_as_archived() {
    let memory = Memory::default();
    let slow = archiver(&memory);
    slow.end(&pins(), 0).await.unwrap();
    store(&archiver(&memory), &rows("a", 0..3)).await.unwrap();
    let counts = store(&slow, &rows("a", 0..5)).await.unwrap();
    assert_eq!((counts.records, counts.objects), (5, 1));
}

#[tokio::test]
async fn a_recreated_topic_is_rejected_and_changes_nothing() {
    let quarantined = |by: &str| vec![record(0, Some(by)), record(1, Some("1"))];
    for (archived, batch, why) in [
        (rows("a", 0..9), rows("b", 0..3), "shorter"),
        (rows("a", 0..9), rows("b", 0..12), "longer"),
        (rows("a", 0..9), [rows("a", 0..1), rows("b", 1..12)].concat(), "the same first record"),
        (rows("a", 0..9), rows("b", 4..6), "read from the middle"),
        (rows("a", 2..9), rows("b", 0..1), "an offset that the archived topic did not hold"),
        (rows("a", 0..9), vec![record(3, None)], "null instead of a row"),
        (rows("a", 0..9), vec![record(3, Some("{"))], "not JSON instead of a row"),
        (quarantined("a{"), quarantined("b{"), "in quarantine"),
        (quarantined("a{"), rows("b", 0..1), "a row instead of a quarantined record"),
        (vec![record(0, None), row("a", 1)], vec![record(0, Some(""))], "empty instead of null"),
    ] {
        let memory = Memory::default();
        let warm = archiver(&memory);
        store(&warm, &archived).await.unwrap();
        for (writer, memory_of) in [(&warm, "warm"), (&archiver(&memory), "cold")] {
            let refused = store(writer, &batch).await;
            assert!(matches!(refused, Err(StoreError::Differs { .. })), "{why}, {memory_of}: {refused:?}");
            assert_eq!(stored(&memory, &pins()).await.0, forms(&archived), "{why}, {memory_of}");
        }
    }
}

#[test]
fn the_error_about_a_recreated_topic_says_what_to_do() {
    for error in [StoreError::Differs { offset: 7 }, StoreError::BeyondLog { archived: 8, log: 3 }] {
        let text = error.to_string();
        assert!(text.contains("not the topic that was archived") && text.contains("ARCHIVE_URL"), "{text}");
    }
}

#[tokio::test]
async fn offsets_that_are_too_large_or_out_of_order_are_rejected() {
    let memory = Memory::default();
    let archiver = archiver(&memory);
    let beyond = store(&archiver, &[row("a", MAX_OFFSET), row("a", MAX_OFFSET + 1)]).await.unwrap_err();
    assert_eq!(beyond.to_string(), "offset 10000000000 has more than 10 digits: object names would no longer sort");
    for (first, second) in [(5, 5), (5, 4)] {
        let refused = store(&archiver, &[row("a", first), row("a", second)]).await;
        assert!(matches!(refused, Err(StoreError::OutOfOrder { .. })), "{refused:?}");
    }
    assert_eq!(stored(&memory, &pins()).await, (BTreeMap::new(), Vec::new()));
    store(&archiver, &[row("a", MAX_OFFSET)]).await.unwrap();
    store(&Archiver::new(memory.bucket(10), LIMITS), &[row("a", MAX_OFFSET)]).await.unwrap();
}

#[tokio::test]
async fn a_damaged_object_is_named() {
    let memory = Memory::default();
    let path = pins().object(Content::Lines, 0);
    for body in ["", "{\"cut\":"] {
        memory.put_raw(&path, body).await;
        let error = store(&archiver(&memory), &rows("a", 0..1)).await.unwrap_err().to_string();
        assert!(error.starts_with("topics/0a1b.pin/partition=0/0a1b.pin+0+0000000000.json does not hold"), "{error}");
    }
}

#[tokio::test]
async fn a_folder_follows_the_rules_and_an_interrupted_put_does_not_block_it() {
    let root = tempfile::tempdir().unwrap();
    let bucket = Bucket::open(&ArchiveUrl::Folder(root.path().into())).await.unwrap();
    let batch = rows("a", 0..25);
    let open = || Archiver::new(bucket.clone(), LIMITS);
    store(&open(), &batch[..9]).await.unwrap();
    // `object_store` leaves such files when it is killed between writing and renaming.
    let next = root.path().join(pins().object(Content::Lines, 9).as_ref());
    std::fs::write(format!("{}#1", next.display()), "{\"by\":").unwrap();
    std::fs::create_dir_all(root.path().join(pins().folder(Folder::Quarantine).as_ref())).unwrap();
    let quarantined = root.path().join(pins().object(Content::NotJson, 9).as_ref());
    std::fs::write(format!("{}#1", quarantined.display()), "x").unwrap();
    let warm = open();
    store(&warm, &batch[5..20]).await.unwrap();
    store(&open(), &batch).await.unwrap();
    store(&warm, &batch[18..]).await.unwrap();
    let local = object_store::local::LocalFileSystem::new_with_prefix(root.path()).unwrap();
    assert_eq!(stored(&local, &pins()).await.0, forms(&batch));
    assert!(matches!(store(&open(), &rows("b", 0..30)).await, Err(StoreError::Differs { .. })));
}

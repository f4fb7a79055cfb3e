use std::time::Duration;

use archive::{layout::Content, memory::Memory};

use super::*;
use crate::{
    append::Limits,
    testing::{archive_rows, clock, lines, partition, users},
};

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn all() -> Vec<TableName> {
    names(&"0a1b,2c3d".parse().unwrap())
}

#[test]
fn each_user_id_has_a_table_of_each_kind() {
    let names: Vec<_> = all().iter().map(ToString::to_string).collect();
    assert_eq!(names.len(), 2 * CATALOG.len());
    assert!(CATALOG.iter().all(|kind| names.contains(&format!("2c3d/{kind}"))), "{names:?}");
}

#[tokio::test]
async fn a_failing_table_is_named_and_the_others_are_brought_up_to_date() {
    let memory = Memory::default();
    archive_rows(&memory, &partition(0), "a", 0..3).await;
    let pins = archive::layout::TopicPartition { topic: "0a1b.pin".to_owned(), partition: 0 };
    memory.put_raw(&pins.object(Content::Lines, 0), "{}").await;
    let tables = Tables::new(memory.bucket(10), Limits::default(), clock);
    let report = run(&tables, &all(), in_a_minute()).await;
    assert_eq!((report.total().rows, report.tables.len()), (3, 6));
    let path = "topics/0a1b.pin/partition=0/0a1b.pin+0+0000000000.json";
    assert_eq!(report.into_result().unwrap_err().to_string(), format!("0a1b/pin: 0a1b.pin-0: {path} is damaged"));
    assert_eq!(lines(&memory, &users()).await.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_run_leaves_the_tables_behind_that_it_has_no_time_for() {
    let memory = Memory::default();
    archive_rows(&memory, &partition(0), "a", 0..3).await;
    let tables = Tables::new(memory.bucket(10), Limits::default(), clock);
    let late = run(&tables, &all(), Instant::now()).await.into_result().unwrap();
    assert_eq!((late.left_behind.len(), late.total().rows), (6, 0));
    let report = run(&tables, &all(), in_a_minute()).await.into_result().unwrap();
    assert_eq!((report.left_behind.len(), report.total().rows), (0, 3));
}

#[tokio::test]
async fn a_run_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let tables = Tables::new(Memory::default().bucket(10), Limits::default(), clock);
    is_send(&run(&tables, &[], in_a_minute()));
}

use std::{pin::pin, time::Duration};

use futures::FutureExt;

use super::*;
use crate::{
    layout::MAX_OFFSET,
    record::ConsumerRecord,
    store::Limits,
    testing::{Memory, Topic, Topics, forms, pins, row, rows, stored},
};

fn archiver(memory: &Memory) -> Archiver {
    Archiver::new(memory.bucket(10), Limits { records: 4, ..Limits::default() })
}

fn of(topic: &str) -> TopicPartition {
    TopicPartition { topic: topic.to_owned(), partition: 0 }
}

fn in_a_minute() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

fn text(report: Report) -> String {
    report.into_result().unwrap_err().to_string()
}

/// Runs once over the topic of [`pins`].
async fn run_once(topics: &Topics, archiver: &Archiver) -> Report {
    run(topics, archiver, &[pins().topic], in_a_minute()).await
}

#[tokio::test]
async fn a_run_stores_the_topics_records_and_the_next_run_the_new_ones() {
    let (memory, topics) = (Memory::default(), Topics::default());
    let names = ["a.pin".to_owned(), "a.geo".to_owned(), "a.user".to_owned()];
    let archiver = archiver(&memory);
    for (end, new) in [(17, 17), (17, 0), (20, 3)] {
        for name in &names {
            topics.set(of(name), Topic::of(rows(name, 0..end)));
        }
        topics.set(of("another.user"), Topic::of(rows("x", 0..9)));
        let report = run(&topics, &archiver, &names, in_a_minute()).await.into_result().unwrap();
        for name in &names {
            assert_eq!(report.topics[name].records, new, "{name} up to {end}");
            assert_eq!(stored(&memory, &of(name)).await.0, forms(&rows(name, 0..end)), "{name} up to {end}");
        }
        assert_eq!((report.topics.len(), report.left_behind.len()), (3, 0));
    }
    assert!(stored(&memory, &of("another.user")).await.0.is_empty());
}

#[tokio::test]
async fn a_missing_or_failing_topic_is_named_and_the_others_are_stored() {
    let (memory, topics) = (Memory::default(), Topics::default());
    topics.set(of("a.pin"), Topic { failures: 1, ..Topic::of(rows("pin", 0..3)) });
    topics.set(of("a.geo"), Topic::of(rows("geo", 0..3)));
    topics.set(of("a.empty"), Topic::of(Vec::new()));
    let names = ["a.pin", "a.geo", "a.empty", "a.user"].map(str::to_owned);
    let report = run(&topics, &archiver(&memory), &names, in_a_minute()).await;
    assert_eq!(stored(&memory, &of("a.geo")).await.0, forms(&rows("geo", 0..3)));
    let answer = serde_json::to_value(&report).unwrap();
    assert_eq!(answer["topics"]["a.geo"]["records"], 3);
    assert_eq!(answer["failures"][0], "the topic a.user does not exist");
    assert_eq!(text(report), "the topic a.user does not exist\na.pin-0: Kafka returned the offset -1");
}

#[tokio::test(start_paused = true)]
async fn a_run_stops_at_its_deadline_and_the_next_run_continues() {
    let (memory, topics) = (Memory::default(), Topics::default());
    let slow = Topic { delay: Duration::from_secs(1), ..Topic::of(rows("a", 0..30)) };
    topics.set(pins(), slow);
    let archiver = archiver(&memory);
    let mut stored_so_far = 0;
    for seconds in [0, 1, 2, 5, 9] {
        let deadline = Instant::now() + Duration::from_secs(seconds);
        let report = run(&topics, &archiver, &[pins().topic], deadline).await.into_result().unwrap();
        assert_eq!(report.left_behind.is_empty(), seconds == 9, "{seconds} s");
        stored_so_far += report.total().records;
        assert_eq!(stored(&memory, &pins()).await.0, forms(&rows("a", 0..stored_so_far)), "{seconds} s");
    }
    assert_eq!(stored_so_far, 30);
}

#[tokio::test(start_paused = true)]
async fn the_lag_is_reported_once_it_is_known() {
    let (memory, topics) = (Memory::default(), Topics::default());
    let archiver = archiver(&memory);
    topics.set(pins(), Topic { delay: Duration::from_secs(1), ..Topic::of(rows("a", 0..30)) });
    for (seconds, known) in [(0, false), (7, true), (60, true)] {
        let report = run(&topics, &archiver, &[pins().topic], Instant::now() + Duration::from_secs(seconds)).await;
        let left = 30 - stored(&memory, &pins()).await.0.len() as u64;
        assert_eq!(report.lag, known.then_some(left), "{seconds} s");
        assert_eq!(left == 0, seconds == 60, "{seconds} s");
    }
    topics.set(pins(), Topic { failures: 1, ..Topic::of(rows("a", 0..40)) });
    assert_eq!(run_once(&topics, &archiver).await.lag, Some(10), "the topic's end is known, its records are not");
}

#[tokio::test]
async fn a_record_that_fills_a_whole_fetch_does_not_stop_the_run() {
    let (memory, topics) = (Memory::default(), Topics::default());
    topics.set(pins(), Topic { at_once: 1, ..Topic::of(rows("a", 0..9)) });
    let report = run_once(&topics, &archiver(&memory)).await.into_result().unwrap();
    assert_eq!(report.total().records, 9);
}

#[tokio::test]
async fn a_run_can_be_spawned() {
    fn is_send<T: Send>(_: &T) {}
    let (topics, archiver) = (Topics::default(), archiver(&Memory::default()));
    is_send(&run(&topics, &archiver, &[], in_a_minute()));
}

#[tokio::test]
async fn records_dropped_before_they_were_read_are_counted_once() {
    let (memory, topics) = (Memory::default(), Topics::default());
    let archiver = archiver(&memory);
    for (records, lost, why) in [
        (rows("a", 3..10), 3, "before the first run"),
        (rows("a", 5..12), 0, "only stored records were dropped"),
        (rows("a", 20..22), 8, "between two runs"),
        (rows("a", 21..25), 0, "the gap is counted already"),
    ] {
        let end = records.last().unwrap().offset;
        topics.set(pins(), Topic::of(records));
        let report = run_once(&topics, &archiver).await.into_result().unwrap();
        assert_eq!(report.total().lost, lost, "{why}");
        assert!(stored(&memory, &pins()).await.0.contains_key(&end), "{why}");
    }
    let all = [rows("a", 3..12), rows("a", 20..25)].concat();
    assert_eq!(stored(&memory, &pins()).await.0, forms(&all));
}

#[tokio::test]
async fn records_dropped_during_a_run_are_counted() {
    let (memory, topics) = (Memory::default(), Topics::default());
    topics.set(pins(), Topic { drops_to: 8, ..Topic::of(rows("a", 2..20)) });
    let report = run_once(&topics, &archiver(&memory)).await.into_result().unwrap();
    assert_eq!((report.total().lost, report.total().records), (8, 12));
}

#[tokio::test]
async fn offsets_that_never_held_a_record_are_not_lost() {
    let (memory, topics) = (Memory::default(), Topics::default());
    let archiver = archiver(&memory);
    let records = [row("a", 0), row("a", 2), row("a", 40), row("a", 41)];
    for known in 1..=records.len() {
        // The topic ends behind its last record, as it does after a transaction marker.
        let topic = Topic::of(records[..known].to_vec());
        let bounds = 0..topic.bounds.end + 1;
        topics.set(pins(), Topic { bounds, ..topic });
        let report = run_once(&topics, &archiver).await.into_result().unwrap();
        assert_eq!((report.total().lost, report.total().records), (0, 1), "{known}");
    }
    assert_eq!(stored(&memory, &pins()).await.0, forms(&records));
}

#[tokio::test]
async fn a_recreated_topic_of_any_length_is_rejected() {
    for (length, why) in [(0, "empty"), (3, "shorter"), (9, "as long"), (12, "longer")] {
        let (memory, topics) = (Memory::default(), Topics::default());
        let warm = archiver(&memory);
        topics.set(pins(), Topic::of(rows("a", 0..9)));
        run_once(&topics, &warm).await.into_result().unwrap();
        topics.set(pins(), Topic::of(rows("b", 0..length)));
        for (writer, memory_of) in [(&warm, "warm"), (&archiver(&memory), "cold")] {
            let error = text(run_once(&topics, writer).await);
            assert!(error.contains("this is not the topic that was archived here"), "{why}, {memory_of}: {error}");
            assert_eq!(stored(&memory, &pins()).await.0, forms(&rows("a", 0..9)), "{why}, {memory_of}");
        }
    }
}

#[tokio::test]
async fn a_topic_recreated_during_a_run_is_never_mixed_in() {
    for at_once in [1, 2, 5] {
        'moments: for moment in 0.. {
            let (memory, topics) = (Memory::default(), Topics::default());
            let archiver = archiver(&memory);
            let topic = |by| Topic { at_once, ..Topic::of(rows(by, 0..8)) };
            topics.set(pins(), topic("a"));
            let mut run = pin!(run_once(&topics, &archiver));
            for _ in 0..moment {
                if run.as_mut().now_or_never().is_some() {
                    break 'moments;
                }
            }
            topics.set(pins(), topic("b"));
            run.await;
            let archived = stored(&memory, &pins()).await.0;
            let end = archived.len() as u64;
            let of_one = archived == forms(&rows("a", 0..end)) || archived == forms(&rows("b", 0..end));
            assert!(of_one, "after {moment} steps, {at_once} at once: {archived:?}");
        }
    }
}

#[tokio::test]
async fn a_recreated_topic_that_begins_with_the_same_records_is_rejected() {
    let (memory, topics) = (Memory::default(), Topics::default());
    topics.set(pins(), Topic::of(rows("a", 0..9)));
    run_once(&topics, &archiver(&memory)).await.into_result().unwrap();
    // The archive's last object begins at 8: the run reads from there on.
    topics.set(pins(), Topic::of([rows("a", 0..8), rows("b", 8..20)].concat()));
    let error = text(run_once(&topics, &archiver(&memory)).await);
    assert!(error.contains("offset 8 differs from the archived record"), "{error}");
}

#[tokio::test]
async fn a_topic_with_only_quarantined_records_is_compared_too() {
    let (memory, topics) = (Memory::default(), Topics::default());
    let broken = |by: &str| ConsumerRecord { offset: 0, value: Some(format!("{by}{{").into()) };
    topics.set(pins(), Topic::of(vec![broken("a")]));
    run_once(&topics, &archiver(&memory)).await.into_result().unwrap();
    topics.set(pins(), Topic::of([vec![broken("b")], rows("b", 1..9)].concat()));
    let error = text(run_once(&topics, &archiver(&memory)).await);
    assert!(error.contains("offset 0 differs from the archived record"), "{error}");
}

#[tokio::test]
async fn an_offset_too_large_for_an_object_name_stops_its_partition() {
    let (memory, topics) = (Memory::default(), Topics::default());
    topics.set(pins(), Topic::of(vec![row("a", MAX_OFFSET + 1)]));
    let error = text(run_once(&topics, &archiver(&memory)).await);
    assert_eq!(error, "0a1b.pin-0: offset 10000000000 has more than 10 digits: object names would no longer sort");
}

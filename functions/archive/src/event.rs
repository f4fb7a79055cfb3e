//! Stores what an event source mapping delivers.
//!
//! A mapping skips records that are too large for an invocation, and gives batches up where its retries have a limit. So where a batch does not begin at
//! the archive's end, what lies between is read from Kafka and stored first, as a run does. A batch that follows on needs no
//! Kafka.

use std::collections::BTreeMap;

use aws_lambda_events::kafka::{KafkaEvent, KafkaRecord};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::time::Instant;

use crate::{
    catch_up::{Goal, Progress, catch_up, count_lost},
    layout::TopicPartition,
    partitions::{Outcome, gather, in_time},
    reader::Reader,
    record::ConsumerRecord,
    report::{Failure, Report},
    store::Archiver,
};

#[cfg(test)]
mod tests;

/// Why an event's record cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Lambda always names it.
    #[error("a record names no topic")]
    Topic,
    /// Kafka's partitions are numbers of 31 bits.
    #[error("a record is of partition {0}")]
    Partition(i64),
    /// Kafka's offsets begin at 0.
    #[error("a record has the offset {0}")]
    Offset(i64),
    /// Lambda always sends base64.
    #[error("the value of offset {offset} is not base64")]
    Value {
        /// The record's.
        offset: i64,
        /// Where.
        #[source]
        source: base64::DecodeError,
    },
}

/// Stores every record of `event`, which are of `topics`, and what `reader` has between the archive and them. All partitions
/// are tried; the report has a failure when not every record is stored, and then the event has to be delivered again: storing
/// twice changes nothing.
pub async fn store<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    topics: &[String],
    event: KafkaEvent,
    deadline: Instant,
) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    let work = batches(event, topics, &mut report).into_iter();
    let work = work.map(|(partition, records)| store_partition(reader, archiver, partition, records, deadline));
    let late = gather(work, &mut report).await;
    report.failures.extend(late.into_iter().map(Failure::OutOfTime));
    report.finish(started.elapsed(), "archived an event")
}

async fn store_partition<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    partition: TopicPartition,
    records: Vec<ConsumerRecord>,
    deadline: Instant,
) -> Outcome {
    let mut progress = Progress::default();
    let done = in_time(deadline, store_batch(reader, archiver, &partition, &records, &mut progress)).await;
    // What else the topic holds is not asked.
    Outcome { partition, counts: progress.counts, lag: None, done }
}

/// Stores `records`, and before each gap in their offsets what Kafka has there. Once this is `Ok`, every record up to the last
/// of them is stored, unless Kafka has it no longer.
pub(crate) async fn store_batch<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    partition: &TopicPartition,
    records: &[ConsumerRecord],
    progress: &mut Progress,
) -> Result<(), Failure> {
    let store = |error| Failure::Store(partition.clone(), error);
    // Records out of order stay together, for the archiver to refuse.
    for run in records.chunk_by(|record, next| next.offset <= record.offset + 1) {
        let Some(first) = run.first().map(|record| record.offset) else { continue };
        let end = archiver.end_before(partition, first).await.map_err(store)?.next();
        let mut dropped = 0..0;
        if end < first {
            let TopicPartition { topic, partition: number } = partition;
            let missing = first - end;
            tracing::warn!(
                topic,
                partition = number,
                offset = end,
                missing,
                "offsets were not delivered: reading Kafka"
            );
            // Up to the first record itself, which is then held to what the topic has: what the mapping delivered may be of a
            // topic that was made again since.
            dropped = catch_up(reader, archiver, partition, Goal::Through(first), progress).await?;
            dropped.end = dropped.end.min(first);
        }
        archiver.store(partition, run, &mut progress.counts).await.map_err(store)?;
        count_lost(partition, &dropped, &mut progress.counts);
    }
    Ok(())
}

/// The event's records by partition. A partition that cannot be read or is not of `topics` is a failure instead.
fn batches(event: KafkaEvent, topics: &[String], report: &mut Report) -> BTreeMap<TopicPartition, Vec<ConsumerRecord>> {
    let mut batches: BTreeMap<TopicPartition, Vec<ConsumerRecord>> = BTreeMap::new();
    for (name, records) in event.records {
        match records.into_iter().map(decode).collect::<Result<Vec<_>, _>>() {
            Ok(records) => {
                for (partition, record) in records {
                    batches.entry(partition).or_default().push(record);
                }
            }
            Err(error) => report.failures.push(Failure::Event(name, error)),
        }
    }
    batches.retain(|TopicPartition { topic, .. }, _| {
        let known = topics.contains(topic);
        if !known {
            report.failures.push(Failure::ForeignTopic(topic.clone()));
        }
        known
    });
    batches
}

fn decode(record: KafkaRecord) -> Result<(TopicPartition, ConsumerRecord), EventError> {
    let topic = record.topic.ok_or(EventError::Topic)?;
    let partition = i32::try_from(record.partition).ok().filter(|partition| *partition >= 0);
    let partition = partition.ok_or(EventError::Partition(record.partition))?;
    let offset = u64::try_from(record.offset).map_err(|_| EventError::Offset(record.offset))?;
    let value = record.value.map(|value| STANDARD.decode(value)).transpose();
    let value = value.map_err(|source| EventError::Value { offset: record.offset, source })?;
    Ok((TopicPartition { topic, partition }, ConsumerRecord { offset, value: value.map(Into::into) }))
}

//! Stores the batches of an event source mapping.
//!
//! A mapping skips records that are too large for an invocation, and a new one may start behind the archive's end. So the
//! offsets between the archive's end and a batch are first read from Kafka and stored, as in a run. A batch that
//! begins at the archive's end needs no Kafka.

use std::collections::BTreeMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Deserialize;
use tokio::time::Instant;

use crate::{
    catch_up::{Goal, Progress, catch_up, count_lost},
    failure::{EventError, Failure},
    layout::TopicPartition,
    partitions::{Outcome, gather, in_time},
    reader::Reader,
    record::ConsumerRecord,
    report::Report,
    store::Archiver,
};

#[cfg(test)]
mod tests;

/// An event of MSK or a self-managed cluster, reduced to what is archived.
///
/// Lambda delivers a header as an object with a list of bytes, which may be signed, and one whose value is null as an empty
/// object. `aws_lambda_events` rejects an event for a byte above 127, and for a timestamp that is not a date.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct KafkaEvent {
    /// The records by topic and partition, in a text of both.
    #[serde(default)]
    records: Option<BTreeMap<String, Vec<KafkaRecord>>>,
}

/// A record, without its key, headers and timestamp.
#[derive(Debug, Clone, Deserialize)]
struct KafkaRecord {
    #[serde(default)]
    topic: Option<String>,
    partition: i64,
    offset: i64,
    /// Base64; null or missing for Kafka's null.
    #[serde(default)]
    value: Option<String>,
}

/// Stores every record of `event`, all of which belong to `topics`, and the records that `reader` has between the archive and
/// them. Tries all partitions. The report has a failure unless every record is stored; the event must then be redelivered.
/// Storing twice changes nothing.
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
    // The lag stays unknown: the topic's end is not fetched.
    Outcome { partition, counts: progress.counts, lag: None, done }
}

/// Stores `records`, and fills each gap in their offsets from Kafka. When this is `Ok`, every record up to the last of them is
/// stored, unless Kafka dropped it.
pub(crate) async fn store_batch<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    partition: &TopicPartition,
    records: &[ConsumerRecord],
    progress: &mut Progress,
) -> Result<(), Failure> {
    let store = |error| Failure::Store(partition.clone(), error);
    // Records out of order stay in one chunk, which the archiver rejects.
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
            // Including the first record, which is then compared with the topic's: the mapping may have delivered from a
            // topic that was recreated since.
            dropped = catch_up(reader, archiver, partition, Goal::Through(first), progress).await?;
            dropped.end = dropped.end.min(first);
        }
        archiver.store(partition, run, &mut progress.counts).await.map_err(store)?;
        count_lost(partition, &dropped, &mut progress.counts);
    }
    Ok(())
}

/// Groups the event's records by partition. A partition that cannot be decoded or is not of `topics` becomes a failure.
fn batches(event: KafkaEvent, topics: &[String], report: &mut Report) -> BTreeMap<TopicPartition, Vec<ConsumerRecord>> {
    let mut batches: BTreeMap<TopicPartition, Vec<ConsumerRecord>> = BTreeMap::new();
    for (name, records) in event.records.unwrap_or_default() {
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

//! What an event source mapping delivers, as batches.

use std::collections::BTreeMap;

use aws_lambda_events::kafka::{KafkaEvent, KafkaRecord};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::time::Instant;

use crate::{
    layout::TopicPartition,
    partitions::{Outcome, gather, in_time},
    record::Record,
    report::{Failure, Report},
    store::{Archiver, Counts, StoreError},
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

/// Stores every record of `event`, which are of `topics`. All partitions are tried; the report has a failure when not
/// every record is stored, and then the event has to be delivered again: storing twice changes nothing.
pub async fn store(archiver: &Archiver, topics: &[String], event: KafkaEvent, deadline: Instant) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    let work = batches(event, topics, &mut report).into_iter();
    let work = work.map(|(partition, records)| one(archiver, partition, records, deadline));
    let late = gather(work, &mut report).await;
    report.failures.extend(late.into_iter().map(Failure::OutOfTime));
    report.finish(started.elapsed(), "archived an event")
}

async fn one(archiver: &Archiver, partition: TopicPartition, records: Vec<Record>, deadline: Instant) -> Outcome {
    let mut counts = Counts::default();
    let stored = in_time(deadline, one_batch(archiver, &partition, &records, &mut counts)).await;
    let done = stored.map(|stored| stored.map_err(|error| Failure::Store(partition.clone(), error)));
    // What else the topic holds is not asked.
    Outcome { partition, counts, lag: None, done }
}

async fn one_batch(
    archiver: &Archiver,
    partition: &TopicPartition,
    records: &[Record],
    counts: &mut Counts,
) -> Result<(), StoreError> {
    let Some(first) = records.first().map(|record| record.offset) else { return Ok(()) };
    let end = archiver.end_before(partition, first).await?.next();
    archiver.store(partition, records, counts).await?;
    // A mapping that began later than the archive ends. Nobody will deliver what is between; a marker of a transaction is told too.
    if end < first {
        counts.lost += first - end;
        let TopicPartition { topic, partition } = partition;
        tracing::error!(
            topic,
            partition,
            offset = end,
            lost = first - end,
            "records were not delivered: the archive goes on behind them"
        );
    }
    Ok(())
}

/// The event's records by partition. A partition that cannot be read or is not of `topics` is a failure instead.
fn batches(event: KafkaEvent, topics: &[String], report: &mut Report) -> BTreeMap<TopicPartition, Vec<Record>> {
    let mut batches: BTreeMap<TopicPartition, Vec<Record>> = BTreeMap::new();
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

fn decode(record: KafkaRecord) -> Result<(TopicPartition, Record), EventError> {
    let topic = record.topic.ok_or(EventError::Topic)?;
    let partition = i32::try_from(record.partition).ok().filter(|partition| *partition >= 0);
    let partition = partition.ok_or(EventError::Partition(record.partition))?;
    let offset = u64::try_from(record.offset).map_err(|_| EventError::Offset(record.offset))?;
    let value = record.value.map(|value| STANDARD.decode(value)).transpose();
    let value = value.map_err(|source| EventError::Value { offset: record.offset, source })?;
    Ok((TopicPartition { topic, partition }, Record { offset, value: value.map(Into::into) }))
}

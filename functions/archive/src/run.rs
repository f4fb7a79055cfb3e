//! One run: reads every topic from where its archive ends to where the topic ends, and stores what it finds.

use std::ops::Range;

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    layout::TopicPartition,
    partitions::{Outcome, gather, in_time},
    reader::{ReadError, Reader},
    record::Record,
    report::{Failure, Report},
    store::{Archiver, Counts, End, StoreError},
};

#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

/// How much is read before it is stored, in bytes of values: half of what an object may hold.
const ROUND_BYTES: usize = 4 * 1024 * 1024;

/// Archives what `topics` hold now; what comes meanwhile may be left for the next run. One partition's failure does
/// not stop the others.
///
/// # Cancellation
/// At `deadline` it stops wherever it is, and so may it be dropped: the next run goes on from what is stored.
pub async fn run<R: Reader>(reader: &R, archiver: &Archiver, topics: &[String], deadline: Instant) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    match reader.partitions().await {
        Ok(all) => {
            report.lag = Some(0);
            let work = ours(all, topics, &mut report).into_iter();
            let work = work.map(|partition| one(reader, archiver, partition, deadline));
            report.left_behind = gather(work, &mut report).await;
        }
        Err(error) => report.failures.push(Failure::Topics(error)),
    }
    report.finish(started.elapsed(), "archived what is new")
}

/// The partitions of `topics`; a topic that has none is noted as a failure.
fn ours(all: Vec<TopicPartition>, topics: &[String], report: &mut Report) -> Vec<TopicPartition> {
    let exists = |topic: &&String| all.iter().any(|partition| partition.topic == **topic);
    let missing = topics.iter().filter(|topic| !exists(topic));
    report.failures.extend(missing.cloned().map(Failure::NoTopic));
    all.into_iter().filter(|partition| topics.contains(&partition.topic)).collect()
}

async fn one<R: Reader>(reader: &R, archiver: &Archiver, partition: TopicPartition, deadline: Instant) -> Outcome {
    let mut progress = Progress::default();
    let done = in_time(deadline, catch_up(reader, archiver, &partition, &mut progress)).await;
    let Progress { counts, goal } = progress;
    let lag = match done {
        Some(Ok(())) => Some(0),
        Some(Err(_)) | None => goal.zip(archiver.known_end(&partition)).map(|(goal, end)| goal.saturating_sub(end)),
    };
    Outcome { partition, counts, lag, done }
}

/// How far the work on a partition came, whatever ended it.
#[derive(Default)]
struct Progress {
    counts: Counts,
    /// Where the topic ended as this began, once that is known to be a place for the archive to get to.
    goal: Option<u64>,
}

/// Stores one partition's records up to where the topic ends as this begins.
async fn catch_up<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    partition: &TopicPartition,
    Progress { counts, goal }: &mut Progress,
) -> Result<(), Failure> {
    let read = |error| Failure::Read(partition.clone(), error);
    let store = |error| Failure::Store(partition.clone(), error);
    let near = reader.bounds(partition).await.map_err(read)?.end;
    // Below this, what is lost was counted.
    let mut counted = 0;
    loop {
        let end = archiver.end(partition, near).await.map_err(store)?;
        // Asked for after the end, which another writer may have moved on meanwhile.
        let log = reader.bounds(partition).await.map_err(read)?;
        if end.next() > log.end {
            return Err(store(StoreError::BeyondLog { archived: end.next() - 1, log: log.end }));
        }
        let goal = *goal.get_or_insert(log.end);
        let mut position = Position::new(&end, &log);
        let overtaken = loop {
            if position.read >= goal {
                return Ok(());
            }
            let records = match position.next(reader, partition, goal).await {
                Ok(records) => records,
                Err(ReadError::OutOfRange(offset)) => break offset,
                Err(error) => return Err(read(error)),
            };
            // Nothing from here to the goal is a record.
            if records.is_empty() {
                return Ok(());
            }
            archiver.store(partition, &records, counts).await.map_err(store)?;
            // Only now: a run that cannot store meets the same gap again.
            let gap = end.next().max(counted)..log.start;
            if !gap.is_empty() {
                counts.lost += gap.end - gap.start;
                counted = gap.end;
                tell_lost(partition, &gap);
            }
        };
        // Kafka dropped what was to be read next, or the topic was made again. Anything else would stay as it is.
        if reader.bounds(partition).await.map_err(read)?.contains(&overtaken) {
            return Err(read(ReadError::OutOfRange(overtaken)));
        }
    }
}

/// Where a run is. A batch begins with the last record of the one before, so that each meets the archive and is
/// compared with it: a topic may be deleted and made again while a run is reading it.
struct Position {
    /// The offset to ask for.
    next: u64,
    /// What is below this was read.
    read: u64,
    /// The last record that was read, when the batch from `next` on would come without it.
    apart: Option<u64>,
}

impl Position {
    fn new(end: &End, log: &Range<u64>) -> Self {
        let next = end.resume_at().max(log.start);
        Self { next, read: next, apart: None }
    }

    /// The records up to `goal`, or enough of them for one round of storing: small batches would make small objects.
    async fn next<R: Reader>(
        &mut self,
        reader: &R,
        partition: &TopicPartition,
        goal: u64,
    ) -> Result<Vec<Record>, ReadError> {
        let mut records: Vec<Record> = Vec::new();
        let mut bytes = 0;
        while self.read < goal && bytes < ROUND_BYTES {
            let batch = match self.batch(reader, partition).await {
                Ok(batch) => batch,
                // It comes again in the next round.
                Err(_) if !records.is_empty() => break,
                Err(error) => return Err(error),
            };
            // A batch that does not meet the last one is for the archive to judge, in a round of its own.
            let (Some(last), true) = (batch.last(), records.is_empty() || batch.first() == records.last()) else {
                break;
            };
            self.advance(last.offset);
            let known = usize::from(!records.is_empty());
            bytes += batch.iter().skip(known).filter_map(|record| record.value.as_ref()).map(Bytes::len).sum::<usize>();
            records.extend(batch.into_iter().skip(known));
        }
        Ok(records)
    }

    async fn batch<R: Reader>(&self, reader: &R, partition: &TopicPartition) -> Result<Vec<Record>, ReadError> {
        let records = reader.read(partition, self.next).await?;
        match self.apart {
            Some(last) if !records.is_empty() => {
                // In this order: as long as the old record is there, what was read before is of the same topic.
                let known = reader.read(partition, last).await?.into_iter();
                Ok(known.take_while(|record| record.offset < self.next).chain(records).collect())
            }
            Some(_) | None => Ok(records),
        }
    }

    /// Goes on after the record at `last`. When that brought nothing new, there was no room beside it in an answer.
    const fn advance(&mut self, last: u64) {
        (self.next, self.apart) = if last < self.read { (last + 1, Some(last)) } else { (last, None) };
        self.read = last + 1;
    }
}

fn tell_lost(TopicPartition { topic, partition }: &TopicPartition, gap: &Range<u64>) {
    tracing::error!(
        topic,
        partition,
        offset = gap.start,
        lost = gap.end - gap.start,
        "Kafka dropped records before they were archived: the run goes on behind them"
    );
}

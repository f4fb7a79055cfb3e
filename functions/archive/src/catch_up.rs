//! Reads a partition from where its archive ends, and stores what it finds: all of it for a run, and for a batch of an event
//! source mapping what the mapping left out before it.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    layout::TopicPartition,
    reader::{ReadError, Reader},
    record::ConsumerRecord,
    report::Failure,
    store::{Archiver, Counts, End, StoreError},
};

#[cfg(test)]
mod model;

/// How much is read before it is stored, in bytes of values: half of what an object may hold.
const ROUND_BYTES: usize = 4 * 1024 * 1024;

/// The offset up to which a partition is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// The end of the topic as the work begins.
    End,
    /// This offset, and the record there, which the topic is known to hold.
    Through(u64),
}

/// How far the work on a partition came, whatever ended it.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) counts: Counts,
    /// Where the topic ended as this began, once that is known to be a place for the archive to get to.
    pub(crate) end: Option<u64>,
}

/// Stores one partition's records up to `goal`.
///
/// Returns the offsets before the goal that Kafka dropped and that no record was stored behind, so that they are not counted
/// as lost yet: the caller counts them once it stores one, or leaves them to the next run.
pub(crate) async fn catch_up<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    partition: &TopicPartition,
    goal: Goal,
    progress: &mut Progress,
) -> Result<Range<u64>, Failure> {
    let read = |error| Failure::Read(partition.clone(), error);
    let store = |error| Failure::Store(partition.clone(), error);
    let near = match goal {
        Goal::End => reader.bounds(partition).await.map_err(read)?.end,
        Goal::Through(offset) => offset,
    };
    // Below this, what is lost was counted.
    let mut counted = 0;
    loop {
        let end = archiver.end(partition, near).await.map_err(store)?;
        // Asked for after the end, which another writer may have moved on meanwhile.
        let log = reader.bounds(partition).await.map_err(read)?;
        if end.next() > log.end {
            return Err(store(StoreError::BeyondLog { archived: end.next() - 1, log: log.end }));
        }
        let goal = match goal {
            Goal::End => *progress.end.get_or_insert(log.end),
            // A topic that does not hold it yet is not the one that it was delivered from.
            Goal::Through(offset) if offset >= log.end => return Err(read(ReadError::OutOfRange(offset))),
            Goal::Through(offset) => offset + 1,
        };
        let dropped = end.next()..log.start.min(goal);
        let mut position = Position::new(&end, &log);
        let overtaken = loop {
            let left = dropped.start.max(counted)..dropped.end;
            if position.read >= goal {
                return Ok(left);
            }
            let records = match position.next(reader, partition, goal).await {
                Ok(records) => records,
                Err(ReadError::OutOfRange(offset)) => break offset,
                Err(error) => return Err(read(error)),
            };
            // Nothing from here to the goal is a record.
            if records.is_empty() {
                return Ok(left);
            }
            archiver.store(partition, &records, &mut progress.counts).await.map_err(store)?;
            // Only now: a run that cannot store meets the same gap again.
            count_lost(partition, &left, &mut progress.counts);
            counted = counted.max(left.end);
        };
        // Kafka dropped what was to be read next, or the topic was made again. Anything else would stay as it is.
        if reader.bounds(partition).await.map_err(read)?.contains(&overtaken) {
            return Err(read(ReadError::OutOfRange(overtaken)));
        }
    }
}

/// Counts and logs what Kafka dropped, if anything.
pub(crate) fn count_lost(
    TopicPartition { topic, partition }: &TopicPartition,
    dropped: &Range<u64>,
    counts: &mut Counts,
) {
    if dropped.is_empty() {
        return;
    }
    let lost = dropped.end - dropped.start;
    counts.lost += lost;
    let offset = dropped.start;
    tracing::error!(
        topic,
        partition,
        offset,
        lost,
        "Kafka dropped records before they were archived: the archive goes on behind them"
    );
}

/// Where the reading is. A batch begins with the last record of the one before, so that each meets the archive and is
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
    ) -> Result<Vec<ConsumerRecord>, ReadError> {
        let mut records: Vec<ConsumerRecord> = Vec::new();
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

    async fn batch<R: Reader>(&self, reader: &R, partition: &TopicPartition) -> Result<Vec<ConsumerRecord>, ReadError> {
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

//! Reads a partition from its archive's end and stores the records: all of them for a run, and those that an event source
//! mapping skipped before a batch.

use std::ops::Range;

use bytes::Bytes;

use crate::{
    failure::Failure,
    layout::TopicPartition,
    reader::{ReadError, Reader},
    record::ConsumerRecord,
    store::{Archiver, Counts, End, StoreError},
};

#[cfg(test)]
mod model;

/// The bytes of values to read before storing: half of an object's limit.
const ROUND_BYTES: usize = 4 * 1024 * 1024;

/// The offset up to which a partition is read.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Goal {
    /// The topic's end at the start of the work.
    End,
    /// This offset, inclusive. The topic is known to hold its record.
    Through(u64),
}

/// The progress on a partition, valid however the work ends.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    pub(crate) counts: Counts,
    /// The topic's end at the start, once it is known not to lie before the archive's.
    pub(crate) end: Option<u64>,
}

/// Stores one partition's records up to `goal`.
///
/// Returns the offsets up to the goal that Kafka dropped behind the last stored record. They are not counted as lost yet: the
/// caller counts them once it stores a record behind them, or leaves that to the next run.
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
    // Lost offsets below this are counted already.
    let mut counted = 0;
    loop {
        let end = archiver.end(partition, near).await.map_err(store)?;
        // Fetched after the archive's end, which another writer may advance at any time.
        let log = reader.bounds(partition).await.map_err(read)?;
        if end.next() > log.end {
            return Err(store(StoreError::BeyondLog { archived: end.next() - 1, log: log.end }));
        }
        let goal = match goal {
            Goal::End => *progress.end.get_or_insert(log.end),
            // The topic does not hold this record yet, so the record was delivered from an earlier topic of that name.
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
            // No records are left before the goal.
            if records.is_empty() {
                return Ok(left);
            }
            archiver.store(partition, &records, &mut progress.counts).await.map_err(store)?;
            // Only after storing: a run that fails to store meets the same gap again.
            count_lost(partition, &left, &mut progress.counts);
            counted = counted.max(left.end);
        };
        // Retry only if Kafka dropped the next records or the topic was recreated.
        if reader.bounds(partition).await.map_err(read)?.contains(&overtaken) {
            return Err(read(ReadError::OutOfRange(overtaken)));
        }
    }
}

/// Counts and logs the offsets that Kafka dropped, if any.
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

/// The reading position. Each batch begins with the last record of the previous one, so that it overlaps the archive and is
/// compared with it: a topic may be deleted and recreated during a run.
struct Position {
    /// The offset to fetch from.
    next: u64,
    /// Everything below this offset was read.
    read: u64,
    /// The last record read, when the batch from `next` on does not include it.
    apart: Option<u64>,
}

impl Position {
    fn new(end: &End, log: &Range<u64>) -> Self {
        let next = end.resume_at().max(log.start);
        Self { next, read: next, apart: None }
    }

    /// Reads the records up to `goal`, or enough of them for one object: small batches would create small objects.
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
                // The next round meets the same error.
                Err(_) if !records.is_empty() => break,
                Err(error) => return Err(error),
            };
            // A batch that does not overlap the last one is compared with the archive in a round of its own.
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
                // Read second: as long as the old record exists, `records` are of the same topic.
                let known = reader.read(partition, last).await?.into_iter();
                Ok(known.take_while(|record| record.offset < self.next).chain(records).collect())
            }
            Some(_) | None => Ok(records),
        }
    }

    /// Continues after the record at `last`. If it was the only one in the batch, the next record did not fit beside it.
    const fn advance(&mut self, last: u64) {
        (self.next, self.apart) = if last < self.read { (last + 1, Some(last)) } else { (last, None) };
        self.read = last + 1;
    }
}

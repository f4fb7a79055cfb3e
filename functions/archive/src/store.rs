//! The rules that store each record once, with any number of writers, each of which may be stopped at any moment.
//!
//! 1. An object holds a run of consecutive offsets, within [`Limits`]. A gap, be it a transaction's marker or a record
//!    in quarantine, begins a new object. So an object ends at the offset in its name plus its lines less one.
//! 2. A partition's [`End`] is that of its last object, or behind a later record in quarantine. One kept in memory
//!    counts only if the batch begins at or below it; otherwise, and after a lost race, it is looked up.
//! 3. A writer takes the first offset from the end on and *creates* the object of that name. All who see the same end
//!    pick the same name: one wins, the others look again.
//! 4. Nothing is acknowledged before it is stored. What goes to quarantine goes there in its turn, so that whatever
//!    exists, in either folder, says that everything before it is stored too.
//! 5. A topic that was deleted and made again begins at 0 again. What a batch brings from below the end is compared
//!    with what is stored; where it differs, nothing is stored or acknowledged.
//!
//! The rules rest on what Kafka and an event source mapping guarantee: a partition's records come in order, and a topic that
//! was made again is delivered from its beginning. Batches in between may be left out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::sync::mpsc::UnboundedSender;

use crate::{
    bucket::Bucket,
    layout::{Content, Folder, MAX_OFFSET, TopicPartition},
    record::{ConsumerRecord, Form},
};

mod counts;
mod end;
mod error;
mod stored;
#[cfg(test)]
mod tests;

pub use counts::Counts;
pub use end::End;
pub use error::StoreError;
pub use stored::Stored;

/// How often a writer takes the same object for free and finds it taken before it gives up. Twice is usual: S3 refuses
/// a create also while another one of the same name is on its way.
const MAX_LOST_RACES: u32 = 5;

/// How much an object holds at most. Writers with other limits, another version's say, find each other's objects; what is
/// larger than their own takes them some more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// In lines.
    pub records: u64,
    /// In bytes, line breaks included. A record that is larger gets an object of its own.
    pub bytes: usize,
}

impl Default for Limits {
    /// 10,000 records and 8 MiB: large enough for Spark, which opens each object, and small enough for the function's
    /// memory.
    fn default() -> Self {
        Self { records: 10_000, bytes: 8 * 1024 * 1024 }
    }
}

/// A record in its place and form.
struct Entry {
    offset: u64,
    form: Form,
    /// The value as Kafka gave it.
    value_bytes: u64,
}

impl Entry {
    fn of(record: &ConsumerRecord) -> Self {
        let value_bytes = record.value.as_ref().map_or(0, |value| value.len() as u64);
        Self { offset: record.offset, form: Form::of(record.value.as_ref()), value_bytes }
    }
}

/// Stores batches of records by the rules of this module. Made once, it remembers where each partition ends.
#[derive(Debug)]
pub struct Archiver {
    bucket: Bucket,
    limits: Limits,
    ends: Mutex<HashMap<TopicPartition, End>>,
    /// Who is told of each object.
    told: Option<UnboundedSender<Stored>>,
}

impl Archiver {
    /// A writer to `bucket`.
    #[must_use]
    pub fn new(bucket: Bucket, limits: Limits) -> Self {
        Self { bucket, limits, ends: Mutex::default(), told: None }
    }

    /// Tells of each object that it stores from now on. Of one whose answer was lost on the way it does not know.
    #[must_use]
    pub fn telling(self, told: UnboundedSender<Stored>) -> Self {
        Self { told: Some(told), ..self }
    }

    /// Where the partition's archive ends, from memory or looked up near `hint`. In truth it may be later by now.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub async fn end(&self, partition: &TopicPartition, hint: u64) -> Result<End, StoreError> {
        if let Some(end) = self.warm(partition) {
            return Ok(end);
        }
        let end = self.look_up(partition, hint).await?;
        self.remember(partition, &end);
        Ok(end)
    }

    /// The partition's end for a batch that begins at `first`: what is between the two is in neither.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub async fn end_before(&self, partition: &TopicPartition, first: u64) -> Result<End, StoreError> {
        if let Some(end) = self.warm(partition).filter(|end| first <= end.next()) {
            return Ok(end);
        }
        let end = self.look_up(partition, first).await?;
        self.remember(partition, &end);
        Ok(end)
    }

    /// Stores what is new in `records`, which are in order, and adds to `counts` as it goes. Once this is `Ok` every
    /// one of them is stored.
    ///
    /// # Errors
    /// When not all could be stored. Those before the failure may be.
    ///
    /// # Cancellation
    /// Dropped at any point it leaves the archive whole: the next call, here or elsewhere, continues.
    pub async fn store(
        &self,
        partition: &TopicPartition,
        records: &[ConsumerRecord],
        counts: &mut Counts,
    ) -> Result<(), StoreError> {
        let Some(first) = in_order(records)? else { return Ok(()) };
        let batch: Vec<Entry> = records.iter().map(Entry::of).collect();
        let mut end = self.end_before(partition, first).await?;
        self.compare(partition, &end, &batch).await?;
        let mut new = &batch[below(&batch, end.next())..];
        let mut lost_races = 0;
        while let Some(entry) = new.first() {
            let taken = self.put_next(partition, new, counts).await?;
            if taken == 0 {
                let before = end.next();
                end = self.look_up(partition, entry.offset).await?;
                self.compare(partition, &end, &batch).await?;
                lost_races = if end.next() > before { 0 } else { lost_races + 1 };
                if lost_races == MAX_LOST_RACES {
                    return Err(StoreError::Stuck(partition.object(Content::Lines, entry.offset)));
                }
            }
            for entry in &new[..taken] {
                end.push(entry.offset, &entry.form);
            }
            self.remember(partition, &end);
            let (stored, rest) = new.split_at(below(new, end.next()));
            for entry in stored {
                counts.add(&entry.form, entry.value_bytes);
            }
            new = rest;
        }
        self.remember(partition, &end);
        Ok(())
    }

    /// Stores the first of `new` and as many behind it as share its object. 0 when another writer was faster.
    async fn put_next(
        &self,
        partition: &TopicPartition,
        new: &[Entry],
        counts: &mut Counts,
    ) -> Result<usize, StoreError> {
        let Some(Entry { offset, form, .. }) = new.first() else { return Ok(0) };
        let path = partition.object(form.content(), *offset);
        match form {
            Form::NotJson(bytes) => {
                self.bucket.put(&path, bytes.clone()).await?;
                self.tell(partition, Content::NotJson, *offset, 1, bytes.len());
            }
            Form::Null => {
                self.bucket.put(&path, Bytes::new()).await?;
                self.tell(partition, Content::Null, *offset, 1, 0);
            }
            Form::Line(_) => {
                let (body, taken) = self.object(new);
                let size = body.len();
                if !self.bucket.create(&path, body).await? {
                    return Ok(0);
                }
                counts.objects += 1;
                self.tell(partition, Content::Lines, *offset, taken, size);
                return Ok(taken);
            }
        }
        Ok(1)
    }

    fn tell(&self, partition: &TopicPartition, content: Content, offset: u64, records: usize, bytes: usize) {
        if let Some(told) = &self.told {
            let (partition, records, bytes) = (partition.clone(), records as u64, bytes as u64);
            // Whoever asked to be told may have gone.
            drop(told.send(Stored { partition, content, offset, records, bytes }));
        }
    }

    /// The lines at the front of `new` whose offsets are consecutive, within the limits, and their number.
    fn object(&self, new: &[Entry]) -> (Bytes, usize) {
        let mut body = BytesMut::new();
        let mut taken = 0;
        for (expected, entry) in (new[0].offset..).zip(new) {
            let Form::Line(line) = &entry.form else { break };
            let full = taken as u64 >= self.limits.records || body.len() + line.len() + 1 > self.limits.bytes;
            if entry.offset != expected || (full && taken > 0) {
                break;
            }
            body.put_slice(line);
            body.put_u8(b'\n');
            taken += 1;
        }
        (body.freeze(), taken)
    }

    /// Rule 2. Whatever other writers do meanwhile, everything before what this returns is stored.
    async fn look_up(&self, partition: &TopicPartition, near: u64) -> Result<End, StoreError> {
        let all = 0..MAX_OFFSET + 1;
        let hint = near.saturating_sub(self.limits.records);
        let mut end = match self.bucket.last(partition, Folder::Topics, all.clone(), hint).await? {
            Some(start) => End::of_object(start, &self.lines(partition, start).await?),
            None => End::default(),
        };
        let rest = end.next()..all.end;
        if let Some(offset) = self.bucket.last(partition, Folder::Quarantine, rest, end.next()).await? {
            end.skip_to(offset + 1);
        }
        Ok(end)
    }

    /// The lines of the object that begins at `start`.
    async fn lines(&self, partition: &TopicPartition, start: u64) -> Result<Vec<Bytes>, StoreError> {
        let path = partition.object(Content::Lines, start);
        let body = self.bucket.read(&path).await?.unwrap_or_default();
        match body.strip_suffix(b"\n") {
            Some(lines) => Ok(lines.split(|byte| *byte == b'\n').map(|line| body.slice_ref(line)).collect()),
            None => Err(StoreError::Damaged(path)),
        }
    }

    /// Rule 5: compares what `batch` brings from below the end with what is stored: its first record wherever that is,
    /// and those among the last ones, which are at hand, so that a first record that is the same by chance tells less.
    async fn compare(&self, partition: &TopicPartition, end: &End, batch: &[Entry]) -> Result<(), StoreError> {
        let stored = &batch[..below(batch, end.next())];
        let Some(first) = stored.first() else { return Ok(()) };
        let differs = |entry: &&Entry| end.holds(entry.offset, &entry.form) == Some(false);
        if let Some(entry) = stored.iter().find(differs) {
            return Err(StoreError::Differs { offset: entry.offset });
        }
        let known = end.holds(first.offset, &first.form).is_some();
        if known || self.is_stored(partition, first).await? {
            Ok(())
        } else {
            Err(StoreError::Differs { offset: first.offset })
        }
    }

    async fn is_stored(&self, partition: &TopicPartition, entry: &Entry) -> Result<bool, StoreError> {
        let Entry { offset, form, .. } = entry;
        match form {
            Form::Line(line) => {
                // No farther back, unless it was stored by a version with larger objects.
                let near = (offset + 1).saturating_sub(self.limits.records);
                let Some(start) = self.bucket.last(partition, Folder::Topics, 0..offset + 1, near).await? else {
                    return Ok(false);
                };
                let lines = self.lines(partition, start).await?;
                Ok((start..).zip(&lines).any(|(at, stored)| at == *offset && stored == line))
            }
            Form::NotJson(_) | Form::Null => {
                let stored = self.bucket.read(&partition.object(form.content(), *offset)).await?;
                Ok(stored.is_some_and(|stored| match form {
                    Form::NotJson(bytes) => stored == bytes,
                    Form::Null | Form::Line(_) => true,
                }))
            }
        }
    }

    /// The first offset that is not archived, as far as this writer knows without looking.
    pub(crate) fn known_end(&self, partition: &TopicPartition) -> Option<u64> {
        self.warm(partition).map(|end| end.next())
    }

    fn warm(&self, partition: &TopicPartition) -> Option<End> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).get(partition).cloned()
    }

    fn remember(&self, partition: &TopicPartition, end: &End) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(partition.clone(), end.clone());
    }
}

/// How many of `entries` lie below `offset`.
fn below(entries: &[Entry], offset: u64) -> usize {
    entries.partition_point(|entry| entry.offset < offset)
}

/// The first offset of `records`, when they are in order and fit names.
fn in_order(records: &[ConsumerRecord]) -> Result<Option<u64>, StoreError> {
    for pair in records.windows(2) {
        let (after, offset) = (pair[0].offset, pair[1].offset);
        if offset <= after {
            return Err(StoreError::OutOfOrder { offset, after });
        }
    }
    match records.last() {
        Some(last) if last.offset > MAX_OFFSET => Err(StoreError::OffsetTooLarge(last.offset)),
        Some(_) | None => Ok(records.first().map(|record| record.offset)),
    }
}

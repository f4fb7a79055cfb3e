//! The rules that store each record exactly once, with any number of writers, each of which may stop at any moment.
//!
//! 1. An object holds consecutive offsets, within [`Limits`]. A gap, be it a transaction marker or a quarantined record,
//!    starts a new object. So an object ends at the offset in its name, plus its number of lines, minus one.
//! 2. A partition's [`End`] is the end of its last object, or of a later quarantined record. A writer trusts the end in its
//!    memory only if the batch begins at or below it. Otherwise, and after a lost race, it looks the end up.
//! 3. A writer takes the first offset from the end on and *creates* the object of that name. All writers that see the same
//!    end pick the same name: one wins, the others look the end up again.
//! 4. No record is acknowledged before it is stored. Quarantined records are written in offset order too, so every object, in
//!    either folder, implies that all records before it are stored.
//! 5. A topic that was deleted and recreated begins at offset 0. A batch's records below the end are compared with the
//!    stored ones. If they differ, nothing is stored or acknowledged.
//!
//! The rules rest on guarantees of Kafka and of event source mappings: a partition's records arrive in order, and a recreated
//! topic is delivered from its beginning. Batches in between may be missing.

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

/// The consecutive failed creates of the same object after which a writer gives up. Two are common: S3 also rejects a create
/// while another of the same name is in flight.
const MAX_LOST_RACES: u32 = 5;

/// An object's size limits. Writers with different limits, such as those of another version, find each other's objects. Larger
/// objects than their own cost them a few more requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The maximum number of lines.
    pub records: u64,
    /// The maximum number of bytes, line breaks included. A larger record gets an object of its own.
    pub bytes: usize,
}

impl Default for Limits {
    /// 10,000 records and 8 MiB: large enough for Spark, which opens every object, and small enough for the function's
    /// memory.
    fn default() -> Self {
        Self { records: 10_000, bytes: 8 * 1024 * 1024 }
    }
}

/// A record's offset and stored form.
struct Entry {
    offset: u64,
    form: Form,
    /// The size of the value in Kafka.
    value_bytes: u64,
}

impl Entry {
    fn of(record: &ConsumerRecord) -> Self {
        let value_bytes = record.value.as_ref().map_or(0, |value| value.len() as u64);
        Self { offset: record.offset, form: Form::of(record.value.as_ref()), value_bytes }
    }
}

/// Stores batches of records by the rules of this module. Caches each partition's end.
#[derive(Debug)]
pub struct Archiver {
    bucket: Bucket,
    limits: Limits,
    ends: Mutex<HashMap<TopicPartition, End>>,
    /// Receives a notification for each stored object.
    listener: Option<UnboundedSender<Stored>>,
}

impl Archiver {
    /// A writer to `bucket`.
    #[must_use]
    pub fn new(bucket: Bucket, limits: Limits) -> Self {
        Self { bucket, limits, ends: Mutex::default(), listener: None }
    }

    /// Sends each object stored from now on to `listener`, except for one whose response was lost.
    #[must_use]
    pub fn notifying(self, listener: UnboundedSender<Stored>) -> Self {
        Self { listener: Some(listener), ..self }
    }

    /// The end of the partition's archive, from memory or looked up near `hint`. Other writers may have advanced it since.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub async fn end(&self, partition: &TopicPartition, hint: u64) -> Result<End, StoreError> {
        if let Some(end) = self.cached(partition) {
            return Ok(end);
        }
        let end = self.look_up(partition, hint).await?;
        self.remember(partition, &end);
        Ok(end)
    }

    /// The partition's end for a batch that begins at `first`. The archive and the batch both lack the offsets between them.
    ///
    /// # Errors
    /// When the archive cannot be read.
    pub async fn end_before(&self, partition: &TopicPartition, first: u64) -> Result<End, StoreError> {
        if let Some(end) = self.cached(partition).filter(|end| first <= end.next()) {
            return Ok(end);
        }
        let end = self.look_up(partition, first).await?;
        self.remember(partition, &end);
        Ok(end)
    }

    /// Stores the new ones of `records`, which are in order, and adds to `counts` on the way. When this is `Ok`, all of
    /// `records` are stored.
    ///
    /// # Errors
    /// When not all could be stored. Records before the failure may be stored.
    ///
    /// # Cancellation
    /// Safe to drop at any point: the archive stays consistent, and the next call, of any writer, continues.
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

    /// Stores the first of `new` and all that share its object. Returns their number, or 0 if the object already exists.
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
                self.notify(partition, Content::NotJson, *offset, 1, bytes.len());
            }
            Form::Null => {
                self.bucket.put(&path, Bytes::new()).await?;
                self.notify(partition, Content::Null, *offset, 1, 0);
            }
            Form::Line(_) => {
                let (body, taken) = self.object(new);
                let size = body.len();
                if !self.bucket.create(&path, body).await? {
                    return Ok(0);
                }
                counts.objects += 1;
                self.notify(partition, Content::Lines, *offset, taken, size);
                return Ok(taken);
            }
        }
        Ok(1)
    }

    fn notify(&self, partition: &TopicPartition, content: Content, offset: u64, records: usize, bytes: usize) {
        if let Some(listener) = &self.listener {
            let (partition, records, bytes) = (partition.clone(), records as u64, bytes as u64);
            // The receiver may be gone.
            drop(listener.send(Stored { partition, content, offset, records, bytes }));
        }
    }

    /// The object of the first lines of `new` with consecutive offsets, within the limits, and their number.
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

    /// Rule 2. Everything before the returned end is stored, whatever other writers do meanwhile.
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

    /// Rule 5: compares the records of `batch` below the end with the stored ones: the first record always, and those among
    /// the end's cached records, so that a first record that is equal by chance does not decide.
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
                // Its object begins no earlier, unless a version with larger objects stored it.
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

    /// The cached first offset that is not archived.
    pub(crate) fn known_end(&self, partition: &TopicPartition) -> Option<u64> {
        self.cached(partition).map(|end| end.next())
    }

    fn cached(&self, partition: &TopicPartition) -> Option<End> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).get(partition).cloned()
    }

    fn remember(&self, partition: &TopicPartition, end: &End) {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner).insert(partition.clone(), end.clone());
    }
}

/// The number of `entries` below `offset`.
fn below(entries: &[Entry], offset: u64) -> usize {
    entries.partition_point(|entry| entry.offset < offset)
}

/// The first offset of `records`, provided that they are in order and their offsets fit object names.
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

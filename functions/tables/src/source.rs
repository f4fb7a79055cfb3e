//! The archive's objects of one partition, from a position on.

use std::{hash::Hasher, ops::Range};

use archive::{
    bucket::Bucket,
    layout::{Content, Folder, MAX_OFFSET, TopicPartition},
};
use bytes::Bytes;
use fnv::FnvHasher;
use object_store::{Error, path::Path};
use tokio::task::JoinSet;

/// The maximum number of objects that are listed at once.
const LISTED: usize = 1_000;

/// More records than most objects have: the search for the last object before an offset begins that far before it. Larger objects
/// cost more requests.
const OBJECT_RECORDS: u64 = 10_000;

/// A place between two objects of a partition's archive, up to which its records are in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Position {
    /// The first offset that is not in the table.
    pub(crate) next: u64,
    /// The digest of the object before it, by which another archive is recognized. 0 at the beginning.
    pub(crate) digest: i64,
}

/// An object of lines.
#[derive(Debug)]
pub(crate) struct Object {
    /// The offset of its first record.
    pub(crate) start: u64,
    /// The archived values, as UTF-8.
    pub(crate) lines: Vec<Bytes>,
    /// The position behind it.
    pub(crate) end: Position,
}

/// The reason that a partition's archive cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A request to the storage failed.
    #[error("the archive cannot be read")]
    Storage(#[from] Error),
    /// The table holds records that the archive does not.
    #[error(
        "this is not the archive whose records the table holds: it has no object that ends before offset {0}, or another one. Move \
         the table away, or archive a new topic under another prefix"
    )]
    Another(u64),
    /// An object is not lines of text, or overlaps another.
    #[error("{0} is damaged")]
    Damaged(Path),
}

/// Returns the partitions of `topic` that have objects of lines.
pub(crate) async fn partitions(bucket: &Bucket, topic: &str) -> Result<Vec<TopicPartition>, Error> {
    let folders = bucket.folders(&TopicPartition::topic_folder(topic, Folder::Topics)).await?;
    let mut partitions: Vec<_> = folders.iter().filter_map(|folder| TopicPartition::in_folder(topic, folder)).collect();
    partitions.sort_unstable();
    Ok(partitions)
}

/// Reads the object that begins at `start`.
pub(crate) async fn read(bucket: &Bucket, partition: &TopicPartition, start: u64) -> Result<Object, SourceError> {
    let path = partition.object(Content::Lines, start);
    let Some(body) = bucket.read(&path).await? else { return Err(SourceError::Damaged(path)) };
    let is_utf8 = std::str::from_utf8(&body).is_ok();
    let Some(lines) = body.strip_suffix(b"\n").filter(|_| is_utf8) else { return Err(SourceError::Damaged(path)) };
    let lines: Vec<_> = lines.split(|byte| *byte == b'\n').map(|line| body.slice_ref(line)).collect();
    let end = Position { next: start + lines.len() as u64, digest: digest(&body) };
    Ok(Object { start, lines, end })
}

/// Reads a partition's objects in their order.
#[derive(Debug)]
pub(crate) struct Source<'a> {
    bucket: &'a Bucket,
    pub(crate) partition: TopicPartition,
    /// The end of what was read.
    pub(crate) position: Position,
    /// The start of the object before the position.
    pub(crate) held: Option<u64>,
    /// The starts of the next objects, the last one first.
    listed: Vec<u64>,
    /// Set if there are no objects behind the listed ones.
    is_last_page: bool,
    /// The next object and its start, if [`Source::read_ahead`] was called.
    ahead: JoinSet<(u64, Result<Object, SourceError>)>,
}

/// The offsets between two objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Gap {
    /// Values that are not JSON.
    pub(crate) quarantined: u64,
    /// Offsets without a record: transaction markers, and records that Kafka dropped.
    pub(crate) missing: u64,
}

impl<'a> Source<'a> {
    /// The objects of `partition` from `position` on. `held` is the start of the object before it, if that was compared with
    /// `position` before.
    ///
    /// # Errors
    /// When the archive has no object that ends at `position`, or cannot be read.
    pub(crate) async fn open(
        bucket: &'a Bucket,
        partition: TopicPartition,
        position: Position,
        held: Option<u64>,
    ) -> Result<Self, SourceError> {
        let mut source =
            Self { bucket, partition, position, held, listed: Vec::new(), is_last_page: false, ahead: JoinSet::new() };
        if position.next == 0 {
            source.list(0).await?;
            return Ok(source);
        }
        let another = || SourceError::Another(position.next);
        let hint = position.next.saturating_sub(OBJECT_RECORDS);
        let start = if let Some(start) = held {
            start
        } else {
            let before = 0..position.next;
            bucket.last(&source.partition, Folder::Topics, before, hint).await?.ok_or_else(another)?
        };
        source.held = Some(start);
        source.list(start).await?;
        if source.listed.pop() != Some(start) {
            return Err(another());
        }
        // A known archive may have been replaced since. That matters only once it continues.
        let is_compared = held.is_some() && source.listed.is_empty();
        if !is_compared && read(bucket, &source.partition, start).await?.end != position {
            return Err(another());
        }
        Ok(source)
    }

    async fn list(&mut self, from: u64) -> Result<(), SourceError> {
        self.listed = self.bucket.offsets(&self.partition, Folder::Topics, from, LISTED).await?;
        self.is_last_page = self.listed.len() < LISTED;
        self.listed.reverse();
        Ok(())
    }

    /// Reads the next object, and returns what lies before it. Objects that were stored since the listing may be left to the next run.
    pub(crate) async fn next(&mut self) -> Result<Option<(Gap, Object)>, SourceError> {
        if self.listed.is_empty() && !self.is_last_page {
            self.list(self.position.next).await?;
        }
        let Some(start) = self.listed.last().copied() else { return Ok(None) };
        let gap = if start > self.position.next { self.gap(start).await? } else { Gap::default() };
        // The second listing of a gap may have found an object there.
        let Some(start) = self.listed.pop() else { return Ok(None) };
        if start < self.position.next {
            return Err(SourceError::Damaged(self.partition.object(Content::Lines, start)));
        }
        let object = match self.ahead.join_next().await {
            Some(Ok((ahead, object))) if ahead == start => object?,
            _ => read(self.bucket, &self.partition, start).await?,
        };
        (self.position, self.held) = (object.end, Some(start));
        Ok(Some((gap, object)))
    }

    /// Begins to read the next object, so that it arrives while the caller uses the last one.
    pub(crate) fn read_ahead(&mut self) {
        let Some(start) = self.listed.last().copied() else { return };
        let (bucket, partition) = (self.bucket.clone(), self.partition.clone());
        self.ahead.spawn(async move { (start, read(&bucket, &partition, start).await) });
    }

    /// Counts what lies before the object at `start`. Everything before a stored object is stored. But the listing of a folder on
    /// disk may show an object without an older one, if both were stored meanwhile. So it is listed once more.
    async fn gap(&mut self, start: u64) -> Result<Gap, SourceError> {
        let (partition, from) = (&self.partition, self.position.next);
        let before = |offsets: Vec<u64>, start: u64| offsets.into_iter().take_while(move |offset| *offset < start);
        let missed = self.bucket.offsets(partition, Folder::Topics, from, LISTED).await?;
        let missed: Vec<_> = before(missed, start).collect();
        self.listed.extend(missed.into_iter().rev());
        let start = self.listed.last().copied().unwrap_or(start);
        let quarantined = self.quarantined(from..start).await?;
        Ok(Gap { quarantined, missing: start - from - quarantined })
    }

    async fn quarantined(&self, mut offsets: Range<u64>) -> Result<u64, SourceError> {
        let mut quarantined = 0;
        while !offsets.is_empty() {
            let found = self.bucket.offsets(&self.partition, Folder::Quarantine, offsets.start, LISTED).await?;
            quarantined += found.iter().filter(|offset| offsets.contains(offset)).count() as u64;
            offsets.start =
                if found.len() < LISTED { offsets.end } else { found.last().map_or(MAX_OFFSET, |last| last + 1) };
        }
        Ok(quarantined)
    }
}

/// A digest that is the same in every version and process: 63 bits of FNV-1a, since Delta's transactions hold positive numbers.
fn digest(bytes: &[u8]) -> i64 {
    let mut hasher = FnvHasher::default();
    hasher.write(bytes);
    (hasher.finish() >> 1).cast_signed()
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use archive::memory::Memory;
    use object_store::throttle::{ThrottleConfig, ThrottledStore};
    use tokio::time::{Instant, sleep};

    use super::*;
    use crate::testing::{archive_rows, partition};

    /// Tables hold digests, which a later version of the library must not change.
    #[test]
    fn a_digest_is_half_of_fnv_1as_published_value() {
        assert_eq!(digest(b"foobar"), (0x8594_4171_f739_67e8_u64 >> 1).cast_signed());
    }

    #[tokio::test(start_paused = true)]
    async fn the_next_object_arrives_while_the_last_one_is_used() {
        const SECOND: Duration = Duration::from_secs(1);
        let memory = Memory::default();
        for start in 0..3 {
            archive_rows(&memory, &partition(0), "a", start..start + 1).await;
        }
        let slow =
            ThrottledStore::new(memory, ThrottleConfig { wait_get_per_call: SECOND, ..ThrottleConfig::default() });
        let bucket = Bucket::new(Arc::new(slow), 10);
        let mut source = Source::open(&bucket, partition(0), Position::default(), None).await.unwrap();
        let started = Instant::now();
        while source.next().await.unwrap().is_some() {
            source.read_ahead();
            sleep(SECOND).await;
        }
        assert_eq!(started.elapsed(), 4 * SECOND, "the first read, and three uses");
    }
}

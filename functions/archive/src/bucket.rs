//! Where the archive's objects lie, S3 or a folder, and what the rules of [`crate::store`] ask of it.

use std::{ops::Range, sync::Arc};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use object_store::{Error, ObjectStore, ObjectStoreExt, PutMode, path::Path};

use crate::layout::{Folder, MAX_OFFSET, TopicPartition};

mod location;
#[cfg(test)]
mod tests;

pub use location::{ArchiveUrl, ArchiveUrlError, OpenError};

/// The object that claims an archive. Spark and Athena skip names that begin with a dot.
const CLAIM: &str = ".in-use";

/// Where the archive's objects lie. Cloning it is cheap.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// How many names a list request gives, in the order of the names. A store without that order gives all.
    page: usize,
}

/// What a list request found.
struct Page {
    /// Where objects begin, sorted.
    offsets: Vec<u64>,
    /// Whether there is nothing behind them in the range that was asked for.
    last: bool,
}

impl Bucket {
    pub(crate) const fn new(store: Arc<dyn ObjectStore>, page: usize) -> Self {
        Self { store, page }
    }

    /// Whether nothing was archived or quarantined here yet.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        for folder in ["topics", "quarantine"] {
            if self.store.list(Some(&Path::from(folder))).try_next().await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Claims the archive for one process; `false` while another one has claimed it. A claim stays until [`Bucket::release`],
    /// also when its process is killed. Nothing in the archive itself looks at it.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn claim(&self) -> Result<bool, Error> {
        self.create(&Path::from(CLAIM), Bytes::new()).await
    }

    /// Gives a claim back.
    ///
    /// # Errors
    /// When the storage does not answer, or allows no deletion.
    pub async fn release(&self) -> Result<(), Error> {
        self.store.delete(&Path::from(CLAIM)).await
    }

    /// The last object of `folder` that begins in `range`, searched from `hint` on, which is where it may well be.
    ///
    /// S3 lists forwards only, a page a request. So this looks at the page behind `hint`, steps over ever more when
    /// there is more, and halves the rest: some tens of requests among any number of objects, and one when `hint` is
    /// less than a page away. Objects that are added meanwhile may be missed.
    pub(crate) async fn last(
        &self,
        partition: &TopicPartition,
        folder: Folder,
        range: Range<u64>,
        hint: u64,
    ) -> Result<Option<u64>, Error> {
        let end = range.end.min(MAX_OFFSET + 1);
        // The last one known, and where none begins any more.
        let (mut low, mut high) = (None, end);
        let mut from = hint.clamp(range.start, end.max(range.start));
        // How far a page reaches, and how far to step over what was not looked at.
        let (mut reach, mut stride) = (1, 1);
        while low.map_or(range.start, |low| low + 1) < high {
            let page = self.page(partition, folder, from..high).await?;
            match page.offsets.last() {
                Some(last) if page.last => return Ok(Some(*last)),
                Some(last) => {
                    reach = last + 1 - from;
                    stride = reach.max(stride * 2);
                    low = Some(*last);
                }
                None => high = from,
            }
            from = match low {
                // Nothing from the hint on. The first page tells whether there is anything at all.
                None => range.start,
                Some(low) if high == end => (low + stride).min(end - 1),
                Some(low) if high - low <= reach * 2 => low + 1,
                Some(low) => low + (high - low) / 2,
            };
        }
        Ok(low)
    }

    async fn page(&self, partition: &TopicPartition, folder: Folder, range: Range<u64>) -> Result<Page, Error> {
        if range.is_empty() {
            return Ok(Page { offsets: Vec::new(), last: true });
        }
        let names = self
            .store
            .list_with_offset(Some(&partition.folder(folder)), &partition.before(folder, range.start))
            .map_ok(|object| partition.offset_of(folder, &object.location))
            .try_filter_map(async |offset| Ok(offset));
        let mut offsets: Vec<u64> = names.take(self.page).try_collect().await?;
        offsets.sort_unstable();
        let listed = offsets.len();
        offsets.truncate(offsets.partition_point(|offset| *offset < range.end));
        Ok(Page { last: listed < self.page || offsets.len() < listed, offsets })
    }

    /// The object's bytes, or `None` when there is none.
    ///
    /// # Errors
    /// When the storage does not answer.
    pub async fn read(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        match self.store.get(path).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the object, unless one of that name is there already: then this is `false`, and the one there is kept.
    ///
    /// Also `false` when it was this very call that created it, but the first answer was lost and the request sent
    /// again; and for a moment while another one is creating it.
    pub(crate) async fn create(&self, path: &Path, bytes: Bytes) -> Result<bool, Error> {
        match self.store.put_opts(path, bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the object, whether there is one of that name or not.
    pub(crate) async fn put(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        self.store.put(path, bytes.into()).await.map(drop)
    }
}

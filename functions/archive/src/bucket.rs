//! The archive's storage, S3 or a folder, with the operations that the rules of [`crate::store`] need.

use std::{ops::Range, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{StreamExt, TryStreamExt, stream};
use object_store::{Error, ObjectMeta, ObjectStore, ObjectStoreExt, PutMode, path::Path};

use crate::layout::{Folder, MAX_OFFSET, TopicPartition};

mod location;
#[cfg(test)]
mod tests;
mod upload;

pub use location::{ArchiveUrl, ArchiveUrlError, OpenError};
pub use upload::Upload;

/// The object that claims an archive. Spark and Athena skip names that begin with a dot.
const CLAIM: &str = ".in-use";

/// The archive's storage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    /// Names per list request, in lexicographic order. A store without that order returns all of them.
    page: usize,
}

/// The result of a list request.
struct Page {
    /// The objects' first offsets, sorted.
    offsets: Vec<u64>,
    /// True when the requested range holds no further objects.
    last: bool,
}

impl Bucket {
    /// The bucket in `store`, which lists `page` names per request in lexicographic order, or all names in any order if that is
    /// [`usize::MAX`].
    #[must_use]
    pub const fn new(store: Arc<dyn ObjectStore>, page: usize) -> Self {
        Self { store, page }
    }

    /// Returns whether nothing is archived or quarantined here yet.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn is_empty(&self) -> Result<bool, Error> {
        for folder in Folder::ALL {
            if self.store.list(Some(&folder.root())).try_next().await?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Claims the archive for one process; `false` while another one has claimed it. A claim stays until [`Bucket::release`],
    /// also when its process is killed. Nothing in the archive itself looks at it.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn claim(&self) -> Result<bool, Error> {
        self.create(&Path::from(CLAIM), Bytes::new()).await
    }

    /// Gives a claim back.
    ///
    /// # Errors
    /// When a request to the storage fails, or deletion is denied.
    pub async fn release(&self) -> Result<(), Error> {
        self.delete(&Path::from(CLAIM)).await
    }

    /// Finds the last object of `folder` that begins in `range`, starting at `hint`.
    ///
    /// S3 lists forwards only, one page per request. So this lists the page after `hint`, skips exponentially while
    /// there are more objects, and then bisects: a few dozen requests for any number of objects, and one when `hint` is
    /// less than a page away. Objects created during the search may be missed.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn last(
        &self,
        partition: &TopicPartition,
        folder: Folder,
        range: Range<u64>,
        hint: u64,
    ) -> Result<Option<u64>, Error> {
        let end = range.end.min(MAX_OFFSET + 1);
        // The last known object, and the offset from which on there is none.
        let (mut low, mut high) = (None, end);
        let mut from = hint.clamp(range.start, end.max(range.start));
        // The offsets that one page covers, and the number of offsets to skip.
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
                // Nothing from the hint on: the first page shows whether there is any object.
                None => range.start,
                Some(low) if high == end => (low + stride).min(end - 1),
                Some(low) if high - low <= reach * 2 => low + 1,
                Some(low) => low + (high - low) / 2,
            };
        }
        Ok(low)
    }

    /// Returns the first offsets of the objects in `folder` from `from` on, sorted: all of them, or the first `at_most`.
    ///
    /// Objects created meanwhile may be missed, and in a folder on disk also an object that is older than another one found.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn offsets(
        &self,
        partition: &TopicPartition,
        folder: Folder,
        from: u64,
        at_most: usize,
    ) -> Result<Vec<u64>, Error> {
        let listed = self.list(&partition.folder(folder), Some(&partition.before(folder, from)), at_most).await?;
        Ok(listed.iter().filter_map(|object| partition.offset_of(folder, &object.location)).collect())
    }

    /// Returns the objects in and below `folder`, sorted by name: those that sort after `after`, or all; at most `at_most`.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn list(&self, folder: &Path, after: Option<&Path>, at_most: usize) -> Result<Vec<ObjectMeta>, Error> {
        let listed = match after {
            Some(after) => self.store.list_with_offset(Some(folder), after),
            None => self.store.list(Some(folder)),
        };
        let is_sorted = self.page < usize::MAX;
        let mut objects: Vec<_> = listed.take(if is_sorted { at_most } else { usize::MAX }).try_collect().await?;
        objects.sort_unstable_by(|one, other| one.location.cmp(&other.location));
        objects.truncate(at_most);
        Ok(objects)
    }

    /// Returns the folders directly in `folder`.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn folders(&self, folder: &Path) -> Result<Vec<Path>, Error> {
        Ok(self.store.list_with_delimiter(Some(folder)).await?.common_prefixes)
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

    /// Returns the object's bytes, or `None` when it does not exist.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn read(&self, path: &Path) -> Result<Option<Bytes>, Error> {
        match self.store.get(path).await {
            Ok(found) => Ok(Some(found.bytes().await?)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Begins to write the object in parts, so that it is never whole in memory. It exists once it is finished.
    #[must_use]
    pub fn upload(&self, path: &Path) -> Upload {
        Upload { store: Arc::clone(&self.store), path: path.clone(), parts: None, buffer: BytesMut::new(), size: 0 }
    }

    /// Deletes the object, if it exists.
    ///
    /// # Errors
    /// When a request to the storage fails, or deletion is denied.
    pub async fn delete(&self, path: &Path) -> Result<(), Error> {
        self.delete_all(vec![path.clone()]).await
    }

    /// Deletes the objects that exist, in any order. S3 deletes 1,000 per request.
    ///
    /// # Errors
    /// When a request to the storage fails, or deletion is denied.
    pub async fn delete_all(&self, paths: Vec<Path>) -> Result<(), Error> {
        let mut deleted = self.store.delete_stream(stream::iter(paths).map(Ok).boxed());
        while let Some(deleted) = deleted.next().await {
            match deleted {
                Ok(_) | Err(Error::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Creates the object. Returns `false`, and keeps the existing object, when the name is taken.
    ///
    /// Also returns `false` when this very call created it, the response was lost and the client retried; and while
    /// another writer's create of the same name is in flight.
    ///
    /// # Errors
    /// When a request to the storage fails. The object may exist nonetheless.
    pub async fn create(&self, path: &Path, bytes: Bytes) -> Result<bool, Error> {
        match self.store.put_opts(path, bytes.into(), PutMode::Create.into()).await {
            Ok(_) => Ok(true),
            Err(Error::AlreadyExists { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Writes the object, replacing any of that name.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn put(&self, path: &Path, bytes: Bytes) -> Result<(), Error> {
        self.store.put(path, bytes.into()).await.map(drop)
    }
}

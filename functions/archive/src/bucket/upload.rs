//! An object that is written in parts.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use object_store::{Error, MultipartUpload, ObjectStore, ObjectStoreExt, path::Path};

/// The size of a part. S3 accepts parts from 5 MiB on, and 10,000 of them.
const PART_BYTES: usize = 8 * 1024 * 1024;

/// An object that is written in parts; a small one in a single request. An upload that is dropped leaves nothing that a listing
/// shows.
#[derive(Debug)]
pub struct Upload {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
    pub(super) parts: Option<Box<dyn MultipartUpload>>,
    pub(super) buffer: BytesMut,
    pub(super) size: usize,
}

impl Upload {
    /// Appends bytes.
    ///
    /// # Errors
    /// When a request to the storage fails.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Error> {
        self.size += bytes.len();
        self.buffer.extend_from_slice(&bytes);
        if self.buffer.len() < PART_BYTES {
            return Ok(());
        }
        let part = self.buffer.split().freeze();
        let parts = match &mut self.parts {
            Some(parts) => parts,
            None => self.parts.insert(self.store.put_multipart(&self.path).await?),
        };
        parts.put_part(part.into()).await
    }

    /// Completes the object, and returns its size in bytes.
    ///
    /// # Errors
    /// When a request to the storage fails. The object may exist nonetheless.
    pub async fn finish(mut self) -> Result<usize, Error> {
        let rest = self.buffer.freeze();
        match &mut self.parts {
            Some(parts) => {
                if !rest.is_empty() {
                    parts.put_part(rest.into()).await?;
                }
                parts.complete().await?;
            }
            None => drop(self.store.put(&self.path, rest.into()).await?),
        }
        Ok(self.size)
    }
}

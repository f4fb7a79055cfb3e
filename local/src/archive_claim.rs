//! The exclusive claim of an embedded Kafka on its archive.
//!
//! Its offsets begin at 0, so two clusters cannot share an archive: of two equal records at the same offset, one would count as
//! archived already.

use archive::bucket::{ArchiveUrl, Bucket};

use crate::error::StartError;

/// An archive that belongs to this process alone.
#[derive(Debug)]
pub(crate) struct ArchiveClaim {
    url: ArchiveUrl,
    bucket: Bucket,
}

impl ArchiveClaim {
    /// Claims an archive that is empty and that no other process has claimed.
    pub(crate) async fn take(url: &ArchiveUrl, bucket: &Bucket) -> Result<Self, StartError> {
        let unusable = |source| StartError::Unclaimable(url.clone(), source);
        if !bucket.claim().await.map_err(unusable)? {
            // An archive that holds records stays unusable when its claim is deleted, so the error must not advise that.
            let is_empty = bucket.is_empty().await.map_err(unusable)?;
            return Err(if is_empty { StartError::ArchiveClaimed } else { StartError::ArchiveUsed }(url.clone()));
        }
        let claim = Self { url: url.clone(), bucket: bucket.clone() };
        // Checked after the claim, because no other process fills it from here on.
        match bucket.is_empty().await {
            Ok(true) => Ok(claim),
            Ok(false) => {
                claim.release().await;
                Err(StartError::ArchiveUsed(url.clone()))
            }
            Err(error) => {
                claim.release().await;
                Err(unusable(error))
            }
        }
    }

    /// Releases the claim. If that fails the archive stays claimed, which loses no record.
    pub(crate) async fn release(self) {
        if let Err(error) = self.bucket.release().await {
            tracing::warn!(%error, archive = %self.url, "the archive stays claimed: delete .in-use there");
        }
    }
}

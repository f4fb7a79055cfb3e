//! What can go wrong with a partition's records.

use object_store::path::Path;

/// Why a partition's records were not stored, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// An object's name holds 10 digits.
    #[error("offset {0} has more than 10 digits: object names would no longer sort")]
    OffsetTooLarge(u64),
    /// Whoever delivers records does so by offset.
    #[error("offset {offset} was delivered after offset {after}")]
    OutOfOrder {
        /// The offset that should have come first.
        offset: u64,
        /// The one that did.
        after: u64,
    },
    /// Rule 5: the topic's record differs from the one stored, or there is none stored though later ones are.
    #[error("offset {offset} is not what the archive holds under it: {OTHER_TOPIC}")]
    Differs {
        /// One such offset.
        offset: u64,
    },
    /// Rule 5: the topic ends before the archive does.
    #[error("the archive goes on to offset {archived} and the topic only to {log}: {OTHER_TOPIC}")]
    BeyondLog {
        /// The archive's last offset.
        archived: u64,
        /// The first offset that the topic does not have yet.
        log: u64,
    },
    /// An object under a name of ours that was not written by the rules, or deleted while it was looked at.
    #[error("{0} does not hold lines: was it changed or deleted?")]
    Damaged(Path),
    /// The object cannot be created, and the archive does not go on behind it either.
    #[error("{0} cannot be created, and other writers do not get on either")]
    Stuck(Path),
    /// The store failed.
    #[error("the archive cannot be read or written")]
    Storage(#[from] object_store::Error),
}

const OTHER_TOPIC: &str = "this is not the topic that was archived here (was it deleted and made again?). \
    Nothing was stored. Give the new topic an archive of its own: another prefix in ARCHIVE_URL";

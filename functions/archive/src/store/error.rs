//! The errors of storing a partition's records.

use object_store::path::Path;

/// The error of storing a partition's records. Some of them may be stored.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Object names have 10 digits for the offset.
    #[error("offset {0} has more than 10 digits: object names would no longer sort")]
    OffsetTooLarge(u64),
    /// A batch is not sorted by offset.
    #[error("offset {offset} was delivered after offset {after}")]
    OutOfOrder {
        /// The offset that should have come earlier, or a repeated one.
        offset: u64,
        /// The offset that came first.
        after: u64,
    },
    /// Rule 5: the topic's record differs from the stored one, or is missing among the stored ones.
    #[error("offset {offset} differs from the archived record: {OTHER_TOPIC}")]
    Differs {
        /// The first such offset.
        offset: u64,
    },
    /// Rule 5: the topic ends before the archive does.
    #[error("the archive holds offset {archived}, but the topic's next offset is {log}: {OTHER_TOPIC}")]
    BeyondLog {
        /// The archive's last offset.
        archived: u64,
        /// The offset of the topic's next record.
        log: u64,
    },
    /// An object that the archive did not write this way, or that was deleted while it was read.
    #[error("{0} does not hold complete lines: was it changed or deleted?")]
    Damaged(Path),
    /// The object cannot be created, and no other writer stored its records.
    #[error("{0} cannot be created, and no other writer makes progress either")]
    Stuck(Path),
    /// A request to the storage failed.
    #[error("the archive cannot be read or written")]
    Storage(#[from] object_store::Error),
}

const OTHER_TOPIC: &str = "this is not the topic that was archived here (was it deleted and recreated?). \
    No record of it was stored. Archive the new topic under another prefix: change ARCHIVE_URL";

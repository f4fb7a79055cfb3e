//! The notification of a stored object.

use object_store::path::Path;

use crate::layout::{Content, TopicPartition};

/// An object that was just stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The partition of its records.
    pub partition: TopicPartition,
    /// The kind of content.
    pub content: Content,
    /// The offset of its first record.
    pub offset: u64,
    /// The number of records, which have consecutive offsets.
    pub records: u64,
    /// The object's size in bytes.
    pub bytes: u64,
}

impl Stored {
    /// The object's path.
    #[must_use]
    pub fn path(&self) -> Path {
        self.partition.object(self.content, self.offset)
    }

    /// Returns whether it holds the record at `offset`.
    #[must_use]
    pub const fn holds(&self, offset: u64) -> bool {
        self.offset <= offset && offset - self.offset < self.records
    }
}

//! An object that was stored.

use object_store::path::Path;

use crate::layout::{Content, TopicPartition};

/// An object that was stored just now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Whose records it holds.
    pub partition: TopicPartition,
    /// What they are.
    pub content: Content,
    /// That of its first record.
    pub offset: u64,
    /// How many it holds; their offsets are consecutive.
    pub records: u64,
    /// Its size.
    pub bytes: u64,
}

impl Stored {
    /// Its name.
    #[must_use]
    pub fn path(&self) -> Path {
        self.partition.object(self.content, self.offset)
    }

    /// Whether it holds the record at `offset`.
    #[must_use]
    pub const fn holds(&self, offset: u64) -> bool {
        self.offset <= offset && offset - self.offset < self.records
    }
}

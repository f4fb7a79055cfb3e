//! The end of a partition's archive.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use bytes::Bytes;

use crate::record::Form;

/// The number of last records cached for comparison with the topic. A recreated topic must repeat all of them to go
/// unnoticed.
const TAIL: usize = 32;

/// The end of a partition's archive, and its last records.
#[derive(Debug, Clone, Default)]
pub struct End {
    next: u64,
    /// Up to [`TAIL`] of the records before `next`, each as offset and digest: 16 bytes for a record of any size.
    tail: VecDeque<(u64, u64)>,
}

impl End {
    /// The end of the last object.
    pub(super) fn of_object(start: u64, lines: &[Bytes]) -> Self {
        let mut end = Self { next: start, tail: VecDeque::new() };
        let skipped = lines.len().saturating_sub(TAIL);
        for (offset, line) in (start..).zip(lines).skip(skipped) {
            end.push(offset, &Form::Line(line.clone()));
        }
        end
    }

    /// The first offset that is not stored. All records below it are.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// The offset to resume reading at: the first cached record, so that the cached records are compared with the topic's.
    #[must_use]
    pub fn resume_at(&self) -> u64 {
        self.tail.front().map_or(self.next.saturating_sub(1), |(offset, _)| *offset)
    }

    /// Returns whether this is the record stored at `offset`, or `None` when that record is not cached.
    pub(super) fn holds(&self, offset: u64, form: &Form) -> Option<bool> {
        let at = self.tail.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        Some(self.tail[at].1 == digest(form))
    }

    /// Moves the end behind a stored record.
    pub(super) fn push(&mut self, offset: u64, form: &Form) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back((offset, digest(form)));
        self.next = offset + 1;
    }

    /// Moves the end to `next`, behind a quarantined record.
    pub(super) const fn skip_to(&mut self, next: u64) {
        self.next = next;
    }
}

/// Hashes `form`. Digests are only comparable within one process.
fn digest(form: &Form) -> u64 {
    let mut hasher = DefaultHasher::new();
    form.hash(&mut hasher);
    hasher.finish()
}

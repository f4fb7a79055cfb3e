//! Where a partition's archive ends.

use std::{
    collections::VecDeque,
    hash::{DefaultHasher, Hash, Hasher},
};

use bytes::Bytes;

use crate::record::Form;

/// How many of the last records are remembered, to compare with what the topic says. A topic that was made again has
/// to repeat all of them to go unnoticed.
const TAIL: usize = 32;

/// Where a partition's archive ends, and its last records.
#[derive(Debug, Clone, Default)]
pub struct End {
    next: u64,
    /// Up to [`TAIL`] of the records before `next`, each by its offset and a digest: 16 bytes, however large it is.
    tail: VecDeque<(u64, u64)>,
}

impl End {
    /// The end that is given by the last object.
    pub(super) fn of_object(start: u64, lines: &[Bytes]) -> Self {
        let mut end = Self { next: start, tail: VecDeque::new() };
        let skipped = lines.len().saturating_sub(TAIL);
        for (offset, line) in (start..).zip(lines).skip(skipped) {
            end.push(offset, &Form::Line(line.clone()));
        }
        end
    }

    /// Every record below this offset is stored, and this one is not.
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Where to read on: at the last stored records, so that they are compared with the topic's.
    #[must_use]
    pub fn resume_at(&self) -> u64 {
        self.tail.front().map_or(self.next.saturating_sub(1), |(offset, _)| *offset)
    }

    /// Whether this is the record stored at `offset`; `None` when that is not remembered.
    pub(super) fn holds(&self, offset: u64, form: &Form) -> Option<bool> {
        let at = self.tail.binary_search_by_key(&offset, |(offset, _)| *offset).ok()?;
        Some(self.tail[at].1 == digest(form))
    }

    /// Moves the end behind a record that was stored.
    pub(super) fn push(&mut self, offset: u64, form: &Form) {
        if self.tail.len() == TAIL {
            self.tail.pop_front();
        }
        self.tail.push_back((offset, digest(form)));
        self.next = offset + 1;
    }

    /// Moves the end to `next`, behind a record in quarantine.
    pub(super) const fn skip_to(&mut self, next: u64) {
        self.next = next;
    }
}

/// Compared within one process only.
fn digest(form: &Form) -> u64 {
    let mut hasher = DefaultHasher::new();
    form.hash(&mut hasher);
    hasher.finish()
}

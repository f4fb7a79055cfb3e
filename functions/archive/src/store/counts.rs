//! The counts of stored records.

use serde::Serialize;

use crate::record::Form;

/// The counts of one partition or several.
///
/// A record counts if it was not stored at the start of its batch and is stored now, even if another writer or an interrupted
/// attempt stored it. So the counts of one process add up to its topics' records, while several concurrent processes may
/// count a record twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records archived, one line each.
    pub records: u64,
    /// Objects created for them.
    pub objects: u64,
    /// Records put into quarantine.
    pub quarantined: u64,
    /// Offsets that Kafka dropped before they were read: lost permanently.
    pub lost: u64,
    /// The size, in Kafka, of the archived and quarantined values.
    pub value_bytes: u64,
}

impl Counts {
    pub(super) const fn add(&mut self, form: &Form, value_bytes: u64) {
        match form {
            Form::Line(_) => self.records += 1,
            Form::NotJson(_) | Form::Null => self.quarantined += 1,
        }
        self.value_bytes += value_bytes;
    }

    /// The sum of both.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            objects: self.objects + other.objects,
            quarantined: self.quarantined + other.quarantined,
            lost: self.lost + other.lost,
            value_bytes: self.value_bytes + other.value_bytes,
        }
    }
}

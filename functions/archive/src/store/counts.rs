//! How much was stored.

use serde::Serialize;

use crate::record::Form;

/// What was done for one partition, or for several.
///
/// A record counts when it was not stored yet as its batch was taken up, and is now. It does so as well when another
/// writer was faster, or when a first attempt was cut short: so the counts of one process sum up to what its topics
/// hold, while those of several that run at once may count a record twice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Records archived, a line each.
    pub records: u64,
    /// Objects that these made.
    pub objects: u64,
    /// Records put into quarantine.
    pub quarantined: u64,
    /// Offsets that Kafka dropped before they were read. They are gone.
    pub lost: u64,
    /// The values of the archived and the quarantined records, as Kafka gave them.
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

    /// Both together.
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

//! The counts of a run.

use serde::Serialize;

/// The counts of archived records that were brought into a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Archived records, each one line.
    pub records: u64,
    /// Rows: one for each record, or for each row of its list.
    pub rows: u64,
    /// Data files.
    pub files: u64,
    /// Skipped records in quarantine.
    pub quarantined: u64,
    /// Skipped offsets without an archived record: transaction markers, and records that Kafka dropped.
    pub missing: u64,
}

impl Counts {
    pub(crate) const fn plus(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            rows: self.rows + other.rows,
            files: self.files + other.files,
            quarantined: self.quarantined + other.quarantined,
            missing: self.missing + other.missing,
        }
    }
}

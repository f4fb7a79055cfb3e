//! The result of a run.

use std::{collections::BTreeMap, time::Duration};

use serde::{Serialize, Serializer};
use shared::{
    error_chain::{Failures, one_line},
    metrics::{
        Metrics,
        tables::{FILES_ADDED, OFFSETS_SKIPPED, ROWS_ADDED, TABLES_BEHIND},
    },
};

use crate::{
    append::{Counts, TableError},
    layout::TableName,
};

/// The result of a run: the function's response.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// By table.
    pub tables: BTreeMap<String, Counts>,
    /// Tables not finished before the deadline. The next run continues them.
    pub left_behind: Vec<TableName>,
    /// All failures. Other tables may be up to date nonetheless.
    pub failures: Vec<Failure>,
    /// The duration.
    pub seconds: f64,
}

/// A table that a run did not bring up to date.
#[derive(Debug, thiserror::Error)]
#[error("{table}")]
pub struct Failure {
    /// The table.
    pub table: TableName,
    /// The reason.
    #[source]
    pub error: TableError,
}

impl Serialize for Failure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&one_line(self))
    }
}

impl Report {
    /// The sum over all tables.
    #[must_use]
    pub fn total(&self) -> Counts {
        self.tables.values().copied().fold(Counts::default(), Counts::plus)
    }

    /// Returns the report, or an error if anything failed, so that Lambda counts one.
    ///
    /// # Errors
    /// When there is a failure.
    pub fn into_result(self) -> Result<Self, Failures> {
        Failures::check(&self.failures)?;
        Ok(self)
    }

    /// Adds the report's figures to `metrics`.
    pub fn record(&self, metrics: &Metrics) {
        let Counts { records: _, rows, files, quarantined, missing } = self.total();
        metrics.add(&ROWS_ADDED, rows);
        metrics.add(&FILES_ADDED, files);
        metrics.add(&OFFSETS_SKIPPED, quarantined + missing);
        metrics.set(&TABLES_BEHIND, (self.failures.len() + self.left_behind.len()) as u64);
    }

    /// Completes the report and logs it.
    pub(crate) fn finish(mut self, took: Duration) -> Self {
        self.seconds = took.as_secs_f64();
        let Counts { records, rows, files, quarantined, missing } = self.total();
        tracing::info!(
            records,
            rows,
            files,
            quarantined,
            missing,
            left_behind = self.left_behind.len(),
            failures = self.failures.len(),
            duration_ms = took.as_secs_f64() * 1e3,
            "brought the tables up to date"
        );
        self
    }
}

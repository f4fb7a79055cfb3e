//! The summary of a run.

use std::process::ExitCode;

use serde::Serialize;

use crate::{
    cli::SummaryForm,
    terminal::{print, report},
    totals::Totals,
};

/// The totals and the result of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    pub(crate) totals: Totals,
    pub(crate) seconds: f64,
    pub(crate) peak_memory_bytes: u64,
    /// The URL of the archive. `None` with `--no-archive`.
    #[serde(skip)]
    pub(crate) archive: Option<String>,
    /// The reason the run failed.
    #[serde(skip)]
    pub(crate) failure: Option<String>,
}

impl Summary {
    /// Prints it as the last line. The exit code is 0 if everything written is archived.
    pub(crate) fn print(&self, form: SummaryForm) -> ExitCode {
        if let Some(failure) = &self.failure {
            report(format_args!("error: {failure}"));
        }
        let line = match form {
            // Unwrap safety: numbers and strings always serialize.
            SummaryForm::Json => serde_json::to_string(self).unwrap_or_default(),
            SummaryForm::Words => self.words(),
        };
        // The exit code says how the run ended, whether or not anybody reads this.
        drop(print(format!("{line}\n").as_bytes()));
        if self.failure.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
    }

    fn words(&self) -> String {
        let totals = &self.totals;
        let mut parts = vec![
            format!("{} posts sent", totals.posts),
            match totals.records_passed_through {
                0 => format!("{} records written", totals.records_written),
                some => format!("{} records written ({some} of them passed through)", totals.records_written),
            },
            format!("{} refused", totals.records_refused),
        ];
        if totals.records_unconfirmed > 0 {
            parts.push(format!("{} unconfirmed", totals.records_unconfirmed));
        }
        if let Some(archive) = &self.archive {
            parts.push(format!("{} archived in {} objects under {archive}", totals.records_archived, totals.objects));
        }
        if totals.table_rows > 0 {
            parts.push(format!("{} rows in tables", totals.table_rows));
        }
        if totals.quarantined > 0 {
            parts.push(format!("{} quarantined", totals.quarantined));
        }
        let memory = self.peak_memory_bytes as f64 / 1e6;
        format!("{}; {:.1} s, peak memory {memory:.0} MB", parts.join(", "), self.seconds)
    }
}

/// Returns the peak memory of this process, in bytes.
pub(crate) fn peak_memory_bytes() -> u64 {
    high_water_mark().unwrap_or_else(max_rss)
}

/// Reads the peak on Linux, where `getrusage` may return that of the program that executed this one, such as cargo.
fn high_water_mark() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

/// Returns the peak elsewhere: macOS, which counts bytes.
fn max_rss() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_memory_is_that_of_this_process() {
        let before = high_water_mark().unwrap();
        // More than the peak of the tests that run at the same time.
        let memory = vec![1_u8; usize::try_from(before).unwrap() + 64 * 1024 * 1024];
        assert!(high_water_mark().unwrap() >= before + 60 * 1024 * 1024, "{}", memory.len());
    }
}

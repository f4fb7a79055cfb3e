//! What was done, at the end.

use std::process::ExitCode;

use serde::Serialize;

use crate::{cli::SummaryForm, totals::Totals};

/// The figures of a whole run.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    #[serde(flatten)]
    pub(crate) totals: Totals,
    pub(crate) seconds: f64,
    pub(crate) peak_memory_bytes: u64,
    /// `None` when it is left to others.
    #[serde(skip)]
    pub(crate) archive: Option<String>,
    /// What kept the archive from catching up.
    #[serde(skip)]
    pub(crate) failure: Option<String>,
}

impl Summary {
    /// Prints it as the last line. The exit code tells whether everything written is archived.
    pub(crate) fn print(&self, form: SummaryForm) -> ExitCode {
        if let Some(failure) = &self.failure {
            eprintln!("error: {failure}");
        }
        match form {
            // Numbers and strings always serialize.
            SummaryForm::Json => println!("{}", serde_json::to_string(self).unwrap_or_default()),
            SummaryForm::Words => println!("{}", self.words()),
        }
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
        if totals.quarantined > 0 {
            parts.push(format!("{} quarantined", totals.quarantined));
        }
        let memory = self.peak_memory_bytes as f64 / 1e6;
        format!("{}; {:.1} s, peak memory {memory:.0} MB", parts.join(", "), self.seconds)
    }
}

/// The most memory that this process has had, in bytes.
pub(crate) fn peak_memory_bytes() -> u64 {
    high_water_mark().unwrap_or_else(max_rss)
}

/// Linux. What `getrusage` tells there may be that of the program which this one took the place of: cargo's, for instance.
fn high_water_mark() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix("kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

/// Elsewhere: macOS, which tells bytes.
fn max_rss() -> u64 {
    use nix::sys::resource::{UsageWho, getrusage};
    getrusage(UsageWho::RUSAGE_SELF).map_or(0, |usage| u64::try_from(usage.max_rss()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn the_peak_is_this_process_own() {
        let before = high_water_mark().unwrap();
        // More than the peak of the tests that run at the same time.
        let memory = vec![1_u8; usize::try_from(before).unwrap() + 64 * 1024 * 1024];
        assert!(high_water_mark().unwrap() >= before + 60 * 1024 * 1024, "{}", memory.len());
    }
}

//! The emulator's measurements.

use std::time::Duration;

/// The durations in one environment, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// From the start of each process until its first request for an event.
    pub inits: Vec<Duration>,
    /// From each event until the process requested the next one.
    pub invocations: Vec<Duration>,
}

impl Report {
    /// Parses an emulator's log. Its `REPORT` lines are not used because their `Init Duration` is wrong.
    pub(super) fn read(log: &str) -> Self {
        let times = |before: &str| log.lines().filter_map(|line| time(line.split_once(before)?.1)).collect();
        Self { inits: times("INIT REPORT(durationMs: "), invocations: times("INVOKE RTDONE(status: success, ") }
    }
}

/// Returns the first number of a text, in milliseconds.
fn time(text: &str) -> Option<Duration> {
    let text = text.split_once("duration: ").map_or(text, |(_, rest)| rest);
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    text[..end].parse::<f64>().ok().map(|milliseconds| Duration::from_secs_f64(milliseconds / 1_000.0))
}

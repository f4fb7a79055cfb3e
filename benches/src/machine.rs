//! The machine.

use std::{fs, thread::available_parallelism};

use chrono::{DateTime, Utc};

/// Describes the machine in one line.
pub(crate) fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let value =
            text.lines().find_map(|line| line.strip_prefix(name)?.trim_start().strip_prefix(':').map(str::to_owned));
        value.map_or_else(|| "unknown".to_owned(), |value| value.trim().to_owned())
    };
    let cores = available_parallelism().map_or_else(|_| "?".to_owned(), |cores| cores.to_string());
    let memory: f64 = field("/proc/meminfo", "MemTotal").trim_end_matches(" kB").parse().unwrap_or(f64::NAN);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!(
        "{}, {cores} cores, {:.0} GiB, Linux {}, {}",
        field("/proc/cpuinfo", "model name"),
        memory / 1_048_576.0,
        kernel.trim(),
        std::env::consts::ARCH
    )
}

/// Returns the load average of the last minute, as in `uptime`.
pub(crate) fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().unwrap_or("unknown").to_owned()
}

/// Returns today's date.
pub(crate) fn date() -> String {
    #[expect(clippy::disallowed_methods, reason = "the date of the document")]
    let now: DateTime<Utc> = Utc::now();
    now.format("%F").to_string()
}

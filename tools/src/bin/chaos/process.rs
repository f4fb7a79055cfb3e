//! Signals to processes, and their resource usage.

use std::fs;

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::Result;

/// Sends a signal to a process, unless it has ended.
pub(crate) fn signal(process: u32, signal: Signal) -> Result<()> {
    match kill(Pid::from_raw(i32::try_from(process)?), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// The current resource usage of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) memory_mb: u64,
    pub(crate) peak_memory_mb: u64,
    /// Open files, including connections.
    pub(crate) files: u64,
    pub(crate) threads: u64,
}

impl Usage {
    /// Reads the usage of a process from `/proc`.
    pub(crate) fn of(process: u32) -> Result<Self> {
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let number = |name: &str| -> Result<u64> {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).ok_or_else(|| format!("no {name}"))?;
            Ok(line.trim().trim_end_matches(" kB").parse()?)
        };
        let mb = |kib: u64| kib * 1_024 / 1_000_000;
        Ok(Self {
            memory_mb: mb(number("VmRSS:")?),
            peak_memory_mb: mb(number("VmHWM:")?),
            files: fs::read_dir(format!("/proc/{process}/fd"))?.count() as u64,
            threads: number("Threads:")?,
        })
    }
}

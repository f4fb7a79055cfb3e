//! The memory of a process.

use std::fs;

/// A figure of a process's status, such as `VmHWM:` for its peak, in KiB.
pub(crate) fn memory_kib(id: u32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

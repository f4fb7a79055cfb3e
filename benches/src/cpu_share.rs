//! The share of a processor that Lambda allots by memory, enforced by a kernel control group.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// The period of the limit. Shorter ones mean shorter waits; Lambda's is not documented.
const PERIOD_US: u32 = 20_000;

/// The mount points of version 1's CPU controller and of version 2.
const ROOTS: [(&str, Version); 2] = [("/sys/fs/cgroup/cpu", Version::One), ("/sys/fs/cgroup", Version::Two)];

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// A control group. Dropping it removes it, once its processes have ended.
#[derive(Debug)]
pub(crate) struct CpuShare {
    group: PathBuf,
}

impl CpuShare {
    /// Creates a group limited to this many processors.
    ///
    /// # Errors
    /// When there are no control groups, or only root may create one.
    pub(crate) fn new(name: &str, processors: f64) -> io::Result<Self> {
        let (root, version) =
            ROOTS.into_iter().find(|(root, _)| Path::new(root).is_dir()).ok_or(io::ErrorKind::NotFound)?;
        let share = Self { group: Path::new(root).join(format!("benches-{}-{name}", std::process::id())) };
        fs::create_dir(&share.group)?;
        let quota_us = f64::from(PERIOD_US) * processors;
        match version {
            Version::One => {
                share.set("cpu.cfs_period_us", &PERIOD_US.to_string())?;
                share.set("cpu.cfs_quota_us", &format!("{quota_us:.0}"))?;
            }
            Version::Two => share.set("cpu.max", &format!("{quota_us:.0} {PERIOD_US}"))?,
        }
        Ok(share)
    }

    /// Moves a process with all its threads into the group.
    pub(crate) fn give(&self, process: u32) -> io::Result<()> {
        self.set("cgroup.procs", &process.to_string())
    }

    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.group.join(file), value)
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        // A killed process stays in its group for a moment.
        for _ in 0..50 {
            if fs::remove_dir(&self.group).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

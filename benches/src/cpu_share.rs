//! A share of a processor, as Lambda gives it to a function by its memory: a control group of the kernel's.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// In what time a process may use up its share. A shorter one makes for shorter waits; Lambda's is not documented.
const PERIOD_US: u32 = 20_000;

/// Where distributions mount the groups of version 1 that share processor time, and all groups of version 2.
const ROOTS: [(&str, Version); 2] = [("/sys/fs/cgroup/cpu", Version::One), ("/sys/fs/cgroup", Version::Two)];

#[derive(Clone, Copy)]
enum Version {
    One,
    Two,
}

/// A group. It goes away with this, once its processes have ended.
#[derive(Debug)]
pub(crate) struct CpuShare {
    group: PathBuf,
}

impl CpuShare {
    /// A group whose processes have so many processors together.
    ///
    /// # Errors
    /// When there are no such groups, or nobody but root may make one.
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

    /// Moves a process into the group, with all its threads.
    pub(crate) fn give(&self, process: u32) -> io::Result<()> {
        self.set("cgroup.procs", &process.to_string())
    }

    fn set(&self, file: &str, value: &str) -> io::Result<()> {
        fs::write(self.group.join(file), value)
    }
}

impl Drop for CpuShare {
    fn drop(&mut self) {
        // A process that was just killed is in its group for a moment.
        for _ in 0..50 {
            if fs::remove_dir(&self.group).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(20));
        }
    }
}

//! The function's wall clock.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{StackError, folder::Folder, tools::tool};

/// The file name that pip's build produces.
const LIBRARY: &str = "libfaketime.so.1";

/// libfaketime's file, read at each look at the clock.
#[derive(Debug)]
pub(super) struct Clock {
    file: PathBuf,
    ahead: Mutex<Duration>,
}

impl Clock {
    pub(super) fn new(folder: &Folder) -> Result<Self, StackError> {
        remove_abandoned();
        let clock = Self { file: folder.path().join("clock"), ahead: Mutex::default() };
        clock.move_by(Duration::ZERO)?;
        Ok(clock)
    }

    /// The variables that load libfaketime.
    pub(super) fn environment(&self) -> Result<Vec<(String, String)>, StackError> {
        let variables = [
            ("LD_PRELOAD", tool(LIBRARY)?.display().to_string()),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            // A freeze does not move the monotonic clock, so this must not either.
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
        ];
        Ok(variables.map(|(name, value)| (name.to_owned(), value)).into())
    }

    pub(super) fn move_by(&self, by: Duration) -> Result<(), StackError> {
        let mut ahead = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        *ahead += by;
        // Atomically, because the function may read it now.
        let new = self.file.with_extension("new");
        let written = fs::write(&new, format!("+{}", ahead.as_secs())).and_then(|()| fs::rename(&new, &self.file));
        written.map_err(StackError::io("moving a function's clock"))
    }
}

/// Removes shared memory of killed processes, which libfaketime leaves behind.
fn remove_abandoned() {
    for entry in fs::read_dir("/dev/shm").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix("faketime_shm_").or_else(|| name.strip_prefix("sem.faketime_sem_"));
        if process.is_some_and(|process| !Path::new("/proc").join(process).exists()) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

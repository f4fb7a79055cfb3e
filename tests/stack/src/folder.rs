//! Temporary folders for the components' files.

use std::{
    fs,
    path::{Path, PathBuf},
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{StackError, tools::workspace};

/// A folder below `target/stack` that is removed on drop. Folders of killed processes are removed by the next process.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(component: &str) -> Result<Self, StackError> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let parent = workspace().join("target/stack");
        if count == 0 {
            remove_abandoned(&parent);
        }
        let folder = parent.join(format!("{}-{count}-{component}", process::id()));
        fs::create_dir_all(&folder).map_err(StackError::io(format!("making {}", folder.display())))?;
        folder.canonicalize().map(Self).map_err(StackError::io(format!("finding {}", folder.display())))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<PathBuf, StackError> {
        let file = self.0.join(name);
        fs::write(&file, text).map_err(StackError::io(format!("writing {}", file.display())))?;
        Ok(file)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // The next process removes anything left.
        drop(fs::remove_dir_all(&self.0));
    }
}

fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_string_lossy().split('-').next().and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}

//! The folder into which `make tools` fetches programs.

use std::path::{Path, PathBuf};

use crate::StackError;

/// The workspace's root.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Returns the path of a file or folder below `.tools`.
///
/// # Errors
/// When it was not fetched.
pub(crate) fn tool(path: &str) -> Result<PathBuf, StackError> {
    // Absolute, for programs that change their folder. A symbolic link is not resolved: Python finds its packages by
    // the link through which it was started.
    let tools = workspace().canonicalize().map_err(StackError::io("finding the workspace"))?.join(".tools");
    let full = tools.join(path);
    if full.exists() { Ok(full) } else { Err(StackError::NotFetched(format!(".tools/{path}"))) }
}

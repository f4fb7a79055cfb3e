//! Where `make tools` puts what it fetches.

use std::path::{Path, PathBuf};

use crate::StackError;

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A file or folder below `.tools`.
///
/// # Errors
/// When it was not fetched.
pub(crate) fn tool(path: &str) -> Result<PathBuf, StackError> {
    // Programs that change their folder still find it. The file itself may be a link and stays one: Python finds what is
    // installed by the link that it was started by.
    let tools = workspace().canonicalize().map_err(StackError::io("finding the workspace"))?.join(".tools");
    let full = tools.join(path);
    if full.exists() { Ok(full) } else { Err(StackError::NotFetched(format!(".tools/{path}"))) }
}

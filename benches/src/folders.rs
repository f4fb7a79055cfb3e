//! The folders of the workspace.

use std::path::{Path, PathBuf};

/// This crate's folder.
pub(crate) fn benches() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The workspace's root.
pub(crate) fn workspace() -> PathBuf {
    benches().parent().map(Path::to_owned).unwrap_or_default()
}

/// The folder into which `make` fetches programs.
pub(crate) fn tools() -> PathBuf {
    workspace().join(".tools")
}

/// A program of this workspace, built by `make bench`.
pub(crate) fn program(name: &str) -> PathBuf {
    workspace().join("target/release").join(name)
}

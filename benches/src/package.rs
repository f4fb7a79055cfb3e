//! The size of a function's package.

use std::path::{Path, PathBuf};

use crate::{Result, folders, process::command};

/// The arm64 package that `sam build` leaves of a function, named as in the template.
pub(crate) fn built_for_arm64(function: &str) -> Option<PathBuf> {
    let folder = folders::workspace().join(".aws-sam/build").join(function);
    folder.join("bootstrap").exists().then_some(folder)
}

/// Returns the size in MB of a folder as the zip that `sam deploy` would upload: `zipfile`'s compression is its own.
pub(crate) async fn zip_mb(package: &Path) -> Result<f64> {
    let folder = tempfile::tempdir()?;
    let zip = folder.path().join("package.zip");
    let python = folders::tools().join("venv/bin/python");
    let ended = command(&python).args(["-m", "zipfile", "-c"]).arg(&zip).arg(".").current_dir(package).status().await?;
    if !ended.success() {
        return Err(format!("could not zip {}: {ended}", package.display()).into());
    }
    Ok(std::fs::metadata(zip)?.len() as f64 / 1e6)
}

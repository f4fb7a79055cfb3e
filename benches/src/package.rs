//! How large a function's package is.

use std::{
    fs::{self, File},
    io::{self, Cursor, Write},
    path::{Path, PathBuf},
};

use zip::{ZipWriter, write::SimpleFileOptions};

use crate::{Result, folders};

/// What `sam build` leaves for the function `ingest`, for arm64.
pub(crate) fn built_for_arm64() -> Option<PathBuf> {
    let folder = folders::workspace().join(".aws-sam/build/IngestFunction");
    folder.join("bootstrap").exists().then_some(folder)
}

/// The size in MB of a folder as a zip, at the usual level.
pub(crate) fn zip_mb(folder: &Path) -> Result<f64> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut zip, folder, folder)?;
    Ok(zip.finish()?.into_inner().len() as f64 / 1e6)
}

fn add<W: Write + io::Seek>(zip: &mut ZipWriter<W>, root: &Path, folder: &Path) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            add(zip, root, &path)?;
        } else {
            zip.start_file_from_path(path.strip_prefix(root)?, SimpleFileOptions::default())?;
            io::copy(&mut File::open(&path)?, zip)?;
        }
    }
    Ok(())
}

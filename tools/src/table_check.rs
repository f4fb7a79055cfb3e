//! Tables compared with the archive that they were made from, by readers of other projects.

use std::{error::Error, fs, path::Path};

use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use serde::Deserialize;
use tokio::process::Command;

/// The number of objects that are read concurrently.
const CONCURRENCY: usize = 8;

type BoxError = Box<dyn Error + Send + Sync>;

/// The content of tables, and its differences from the archive.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct TableCheck {
    /// Tables.
    pub tables: u64,
    /// Archived records.
    pub records: u64,
    /// Rows to expect of them.
    pub rows: u64,
    /// Versions of the tables.
    pub commits: u64,
    /// Versions that put one file in the place of small ones.
    pub merges: u64,
    /// Checkpoints.
    pub checkpoints: u64,
    /// Rows that a reader finds lost, doubled, or with another cell than the archived line has.
    pub differences: u64,
    /// The differences by table and reader.
    pub problems: Vec<String>,
}

/// Compares the tables of geo rows in `archive` with their topics, row by row. DuckDB and deltalake read the tables.
///
/// # Errors
/// When the archive or a table cannot be read.
pub async fn check_tables(archive: &dyn ObjectStore) -> Result<TableCheck, BoxError> {
    let folder = tempfile::tempdir()?;
    download(archive, folder.path()).await?;
    let tools = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut python = Command::new(tools.join("../.tools/venv/bin/python"));
    python.arg(tools.join("src/table_check.py")).arg(folder.path()).kill_on_drop(true);
    let output = python.output().await.map_err(|error| format!("`make tools` fetches Python's packages: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

async fn download(archive: &dyn ObjectStore, folder: &Path) -> Result<(), BoxError> {
    let objects = archive.list(None).map_err(BoxError::from);
    let copy = |object: ObjectMeta| async move {
        let bytes = archive.get(&object.location).await?.bytes().await?;
        let file = folder.join(object.location.as_ref());
        fs::create_dir_all(file.parent().unwrap_or(folder))?;
        Ok::<_, BoxError>(fs::write(file, bytes)?)
    };
    objects.try_for_each_concurrent(CONCURRENCY, copy).await
}

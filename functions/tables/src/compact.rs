//! Fewer and larger files: merges small data files, writes checkpoints, and deletes what no version needs any more. None of it changes
//! a row.

use std::collections::BTreeMap;

use object_store::ObjectMeta;
use parquet::file::reader::{FileReader, SerializedFileReader};
use serde_json::json;
use shared::kind::Cleaner;

use crate::{
    append::{MAX_LOST_RACES, State, TableError, Tables, commit_info, description},
    data_file::DataFile,
    layout::{TableName, is_data_file, new_data_file},
    log::{Action, Add, Remove},
};

/// The sizes below which files are merged with others of their class, in bytes: each row is rewritten about once a class.
const CLASSES: [i64; 2] = [4 << 20, 64 << 20];

/// The maximum number of bytes that are merged into one file.
const MAX_MERGED: i64 = 128 << 20;

/// The time after which files that the last version does not need are deleted, in milliseconds: 7 days, Delta's default. Until then
/// readers of older versions find them, and a writer can commit a file that it has just written.
pub(crate) const RETENTION_MS: i64 = 7 * DAY_MS;

/// The time after which the log's versions before a checkpoint are deleted: 30 days, Delta's default.
const LOG_RETENTION_MS: i64 = 30 * DAY_MS;

/// The time between two searches for superfluous files, in milliseconds.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

impl Tables {
    /// Does what the table needs beside its rows.
    pub(crate) async fn maintain(&self, table: &TableName, state: &mut State) -> Result<(), TableError> {
        let cleaner = Cleaner::new(table.kind());
        for class in CLASSES {
            while let Some(files) = self.mergeable(state, class) {
                if !self.merge(table, &cleaner, state, files).await? {
                    break;
                }
            }
        }
        let now = (self.clock)();
        state.snapshot.checkpoint(&self.bucket, table, now - RETENTION_MS).await?;
        if now - state.vacuumed >= DAY_MS {
            self.vacuum(table, state, now).await?;
            state.vacuumed = now;
        }
        Ok(())
    }

    /// The files to merge: the oldest ones of a size class that has too many.
    fn mergeable(&self, state: &State, class: i64) -> Option<Vec<Add>> {
        let smaller = CLASSES.into_iter().rfind(|smaller| *smaller < class).unwrap_or(0);
        let files = state.snapshot.files.values().filter(|file| (smaller..class).contains(&file.size));
        let mut files: Vec<_> = files.filter(|file| is_data_file(&file.path)).collect();
        if files.len() <= self.limits.small_files {
            return None;
        }
        files.sort_by_key(|file| (file.modification_time, &file.path));
        let mut bytes = 0;
        let fits = |file: &&&Add| {
            bytes += file.size;
            bytes <= MAX_MERGED
        };
        Some(files.iter().take_while(fits).map(|file| (*file).clone()).collect())
    }

    /// Writes the rows of `files` to a new one, and commits it in their place. Returns `false` if another writer has removed one of
    /// them, which makes the new file superfluous.
    async fn merge(
        &self,
        table: &TableName,
        cleaner: &Cleaner,
        state: &mut State,
        files: Vec<Add>,
    ) -> Result<bool, TableError> {
        let name = new_data_file();
        let path = table.data_file(&name);
        let mut upload = self.bucket.upload(&path);
        let mut merged = DataFile::new(cleaner)?;
        for file in &files {
            let body = self.bucket.read(&table.data_file(&file.path)).await?;
            // Another writer may have merged it, and deleted it long after.
            let Some(body) = body else { return Ok(false) };
            let reader = SerializedFileReader::new(body)?;
            for group in 0..reader.num_row_groups() {
                merged.copy(&*reader.get_row_group(group)?)?;
                upload.write(merged.take()?).await?;
            }
        }
        let finished = merged.finish()?;
        upload.write(finished.body).await?;
        let size = i64::try_from(upload.finish().await?).unwrap_or(i64::MAX);
        let now = (self.clock)();
        let add = Add {
            path: name,
            partition_values: BTreeMap::new(),
            size,
            modification_time: now,
            data_change: false,
            stats: Some(finished.stats),
            tags: None,
        };
        let remove = |file: &Add| Remove {
            path: file.path.clone(),
            deletion_timestamp: Some(now),
            data_change: false,
            extended_file_metadata: Some(true),
            partition_values: Some(file.partition_values.clone()),
            size: Some(file.size),
        };
        let mut lost_races = 0;
        loop {
            if !files.iter().all(|file| state.snapshot.files.get(&file.path) == Some(file)) {
                self.drop_file(&path).await;
                return Ok(false);
            }
            let mut actions = vec![commit_info(now, "OPTIMIZE", &json!({}))];
            // Also refuses to merge files whose columns only a newer version of this function knows.
            actions.extend(description(&state.snapshot, cleaner, now)?);
            actions.extend(files.iter().map(|file| Action::from(remove(file))));
            actions.push(add.clone().into());
            let version = state.snapshot.next;
            if state.snapshot.commit(&self.bucket, table, actions).await? {
                return Ok(true);
            }
            state.snapshot.refresh(&self.bucket, table).await?;
            if state.snapshot.knows(&add.path) {
                return Ok(true);
            }
            lost_races = if state.snapshot.next > version { 0 } else { lost_races + 1 };
            if lost_races == MAX_LOST_RACES {
                return Err(TableError::Stuck(version));
            }
        }
    }

    /// Deletes old files that the table does not need: merged ones, those whose commit lost, and old versions of the log.
    async fn vacuum(&self, table: &TableName, state: &State, now: i64) -> Result<(), TableError> {
        let (folder, log) = (table.folder(), table.log());
        let listed = self.bucket.list(&folder, None, usize::MAX).await?;
        let is_older = |modified: i64, age: i64| modified < now - age;
        let checkpoint = |name: &str| name.strip_suffix(".checkpoint.parquet")?.parse::<u64>().ok();
        // A reader of any version since then begins with this checkpoint.
        let oldest_needed =
            listed.iter().filter(|object| is_older(object.last_modified.timestamp_millis(), LOG_RETENTION_MS));
        let oldest_needed = oldest_needed.filter_map(|object| checkpoint(object.location.filename()?)).max();
        let is_superfluous = |object: &ObjectMeta| {
            let modified = object.last_modified.timestamp_millis();
            let Some(name) = object.location.filename() else { return false };
            if object.location == folder.clone().join(name) {
                let removed = state.snapshot.tombstones.get(name).and_then(|remove| remove.deletion_timestamp);
                is_data_file(name)
                    && !state.snapshot.files.contains_key(name)
                    && is_older(modified, RETENTION_MS)
                    && removed.is_none_or(|removed| is_older(removed, RETENTION_MS))
            } else {
                let version = name.split('.').next().and_then(|version| version.parse::<u64>().ok());
                object.location == log.clone().join(name)
                    && version.zip(oldest_needed).is_some_and(|(version, oldest)| version < oldest)
            }
        };
        let superfluous = listed.iter().filter(|object| is_superfluous(object)).map(|object| object.location.clone());
        // Checkpoints first: a reader that began with one whose next versions are gone would take it for the last version.
        let (versions, others) = superfluous.partition(|path| path.extension() == Some("json"));
        self.bucket.delete_all(others).await?;
        Ok(self.bucket.delete_all(versions).await?)
    }
}

#[cfg(test)]
mod tests;

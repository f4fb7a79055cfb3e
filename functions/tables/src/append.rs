//! The rules that bring each archived record into its table exactly once, with any number of writers, each of which may stop at any
//! moment.
//!
//! 1. The table's log holds a position for each partition of the archive: two of Delta's transactions are the next offset, and a
//!    digest of the object before it. An archive that does not continue there is rejected.
//! 2. A writer reads whole objects from there on, writes their rows to a data file under a random name, and *creates* the log's next
//!    version, which adds the file and moves the transactions: both or neither. Of two writers one wins.
//! 3. A writer that finds the version taken reads it. If it adds the writer's own file, the response of an earlier attempt was lost. If
//!    it moved the transactions, the writer drops its file and begins again. Otherwise it tries the version after it.
//!
//! A file that no version names belongs to no table. The rules rest on the archive's: an object never changes, and everything before a
//! stored object is stored.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{Mutex, PoisonError},
};

use archive::{bucket::Bucket, layout::TopicPartition};
use bytes::Bytes;
use object_store::path::Path;
use parquet::errors::ParquetError;
use serde_json::json;
use shared::kind::Cleaner;
use uuid::Uuid;

use crate::{
    data_file::{DataFile, Finished},
    layout::{TableName, new_data_file},
    log::{Action, Add, Format, LogError, Metadata, Protocol, Snapshot, Transaction},
    schema::{Schema, columns},
    source::{Position, Source, SourceError, partitions},
};

mod counts;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;

pub use counts::Counts;

/// The consecutive failed creates of the same version after which a writer gives up. Two are common: S3 also rejects a create while
/// another of the same name is in flight.
pub(crate) const MAX_LOST_RACES: u32 = 5;

/// The limits of one data file. A file ends with the object that reaches one of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The number of rows.
    pub rows: u64,
    /// The bytes of archived lines.
    pub bytes: usize,
    /// The files of each size class that a table may have before they are merged.
    pub small_files: usize,
}

impl Default for Limits {
    /// 100,000 rows and 64 MiB, whose file takes up to as much of the function's memory; 16 files below 4 MiB and 16 below 64 MiB.
    fn default() -> Self {
        Self { rows: 100_000, bytes: 64 * 1024 * 1024, small_files: 16 }
    }
}

/// A table cannot be brought up to date.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// A request to the storage failed.
    #[error("the archive cannot be listed, or a data file cannot be read or written")]
    Storage(#[from] object_store::Error),
    /// The log cannot be read or written.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A partition's archive cannot be read.
    #[error("{0}")]
    Source(TopicPartition, #[source] SourceError),
    /// The rows cannot be written as Parquet.
    #[error("the rows cannot be written")]
    Rows(#[from] ParquetError),
    /// The table is not one of this function's.
    #[error(
        "the table's columns are not those of its kind, or it is partitioned: another program, or a newer version of this function, \
         changed it"
    )]
    Columns,
    /// A data file of the table is not there.
    #[error("{0} is missing")]
    Missing(Path),
    /// The log's next version exists and cannot be read.
    #[error("version {0} of the table can be neither created nor read")]
    Stuck(u64),
}

/// Brings tables up to date by the rules of this module. Caches each table's state.
#[derive(Debug)]
pub struct Tables {
    pub(crate) bucket: Bucket,
    pub(crate) limits: Limits,
    /// Milliseconds since 1970.
    pub(crate) clock: fn() -> i64,
    /// By name.
    states: Mutex<HashMap<String, State>>,
}

/// The cached state of a table. Other writers may have committed since.
#[derive(Debug, Default)]
pub(crate) struct State {
    pub(crate) snapshot: Snapshot,
    /// The position of each partition when it was last compared with the archive, and the start of the object before it.
    ends: BTreeMap<TopicPartition, (Position, u64)>,
    /// The time of the last search for superfluous files, in milliseconds since 1970.
    pub(crate) vacuumed: i64,
}

/// Rows that are not in the table yet.
struct Batch {
    file: Finished,
    /// The positions that it was read from and to.
    moves: Vec<(TopicPartition, Position, Position)>,
    counts: Counts,
    /// Set if a limit ended it.
    is_full: bool,
}

impl Tables {
    /// A writer to the tables in `bucket`.
    #[must_use]
    pub fn new(bucket: Bucket, limits: Limits, clock: fn() -> i64) -> Self {
        Self { bucket, limits, clock, states: Mutex::default() }
    }

    /// Appends the archived records that `table` lacks, and adds to `counts` on the way.
    ///
    /// # Errors
    /// When not all could be appended. Some may be.
    ///
    /// # Cancellation
    /// Safe to drop at any point: the next call, of any writer, continues.
    pub async fn append(&self, table: &TableName, counts: &mut Counts) -> Result<(), TableError> {
        // A dropped or failed call leaves no state: the next one reads it again.
        let cached = self.states.lock().unwrap_or_else(PoisonError::into_inner).remove(&table.to_string());
        let mut state = self.current(table, cached).await?;
        let cleaner = Cleaner::new(table.kind());
        let mut is_changed = false;
        while let Some(batch) = self.read(table, &cleaner, &mut state).await? {
            is_changed = true;
            let is_full = batch.is_full;
            self.commit(table, &cleaner, &mut state, batch, counts).await?;
            if !is_full {
                break;
            }
        }
        if is_changed {
            self.maintain(table, &mut state).await?;
        }
        self.states.lock().unwrap_or_else(PoisonError::into_inner).insert(table.to_string(), state);
        Ok(())
    }

    async fn current(&self, table: &TableName, cached: Option<State>) -> Result<State, TableError> {
        if let Some(mut state) = cached.filter(|state| !state.snapshot.last.is_empty()) {
            // Somebody may have deleted the table, and another writer made it anew.
            let last = self.bucket.read(&table.version(state.snapshot.next - 1)).await.map_err(LogError::from)?;
            if last.as_ref() == Some(&state.snapshot.last) {
                state.snapshot.refresh(&self.bucket, table).await?;
                return Ok(state);
            }
        }
        Ok(State { snapshot: Snapshot::load(&self.bucket, table).await?, ..State::default() })
    }

    /// Reads the next archived records, of all partitions.
    async fn read(&self, table: &TableName, cleaner: &Cleaner, state: &mut State) -> Result<Option<Batch>, TableError> {
        let topic = table.topic();
        let mut all: BTreeSet<_> = partitions(&self.bucket, &topic).await?.into_iter().collect();
        all.extend(state.snapshot.partitions(&topic));
        let mut file = DataFile::new(cleaner)?;
        let (mut moves, mut counts, mut bytes) = (Vec::new(), Counts::default(), 0);
        let mut is_full = false;
        for partition in all {
            let failed = |error| TableError::Source(partition.clone(), error);
            let from = state.snapshot.position(&partition);
            let held = state.ends.get(&partition).filter(|(end, _)| *end == from).map(|(_, held)| *held);
            let mut source = Source::open(&self.bucket, partition.clone(), from, held).await.map_err(failed)?;
            while !is_full && let Some((gap, object)) = source.next().await.map_err(failed)? {
                let (records, line_bytes) =
                    (object.lines.len() as u64, object.lines.iter().map(Bytes::len).sum::<usize>());
                if file.rows() + records < self.limits.rows && bytes + line_bytes < self.limits.bytes {
                    source.read_ahead();
                }
                for (offset, line) in (object.start..).zip(&object.lines) {
                    // Unwrap safety: the source validated it.
                    let text = std::str::from_utf8(line).unwrap_or_default();
                    file.push(cleaner, partition.partition, offset.cast_signed(), (line, text))?;
                }
                bytes += line_bytes;
                counts.records += records;
                counts.quarantined += gap.quarantined;
                counts.missing += gap.missing;
                is_full = file.rows() >= self.limits.rows || bytes >= self.limits.bytes;
            }
            if let Some(held) = source.held {
                state.ends.insert(partition.clone(), (source.position, held));
                if source.position != from {
                    moves.push((partition, from, source.position));
                }
            }
            if is_full {
                break;
            }
        }
        if moves.is_empty() {
            return Ok(None);
        }
        let file = file.finish()?;
        counts.rows = file.rows;
        Ok(Some(Batch { file, moves, counts, is_full }))
    }

    /// Rules 2 and 3. Returns once the batch is in the table, or another writer moved its partitions.
    async fn commit(
        &self,
        table: &TableName,
        cleaner: &Cleaner,
        state: &mut State,
        batch: Batch,
        counts: &mut Counts,
    ) -> Result<(), TableError> {
        let now = (self.clock)();
        // A refused table gets no data file, with which each run would leave one.
        description(&state.snapshot, cleaner, now)?;
        let name = new_data_file();
        let (path, size) = (table.data_file(&name), batch.file.body.len());
        self.bucket.put(&path, batch.file.body).await?;
        let add = Add {
            path: name,
            partition_values: BTreeMap::new(),
            size: i64::try_from(size).unwrap_or(i64::MAX),
            modification_time: now,
            data_change: true,
            stats: Some(batch.file.stats),
            tags: None,
        };
        let mut lost_races = 0;
        loop {
            let mut actions = vec![commit_info(now, "STREAMING UPDATE", &json!({"outputMode": "Append"}))];
            actions.extend(description(&state.snapshot, cleaner, now)?);
            actions.push(add.clone().into());
            for (partition, _, to) in &batch.moves {
                actions.extend(Snapshot::moved(partition, *to, now).map(Action::from));
            }
            let version = state.snapshot.next;
            if state.snapshot.commit(&self.bucket, table, actions).await? {
                break;
            }
            state.snapshot.refresh(&self.bucket, table).await?;
            if state.snapshot.knows(&add.path) {
                break;
            }
            if batch.moves.iter().any(|(partition, from, _)| state.snapshot.position(partition) != *from) {
                state.ends.clear();
                self.drop_file(&path).await;
                return Ok(());
            }
            lost_races = if state.snapshot.next > version { 0 } else { lost_races + 1 };
            if lost_races == MAX_LOST_RACES {
                return Err(TableError::Stuck(version));
            }
        }
        *counts = counts.plus(Counts { files: 1, ..batch.counts });
        Ok(())
    }

    /// Deletes a file that no version names, if possible. Otherwise it is deleted later, with others like it.
    pub(crate) async fn drop_file(&self, path: &Path) {
        if let Err(error) = self.bucket.delete(path).await {
            tracing::warn!(%path, %error, "a data file that another writer made superfluous remains for now");
        }
    }
}

pub(crate) fn commit_info(now: i64, operation: &str, parameters: &serde_json::Value) -> Action {
    let info = json!({
        "timestamp": now,
        "operation": operation,
        "operationParameters": parameters,
        "engineInfo": concat!("pinterest-data-pipeline/", env!("CARGO_PKG_VERSION")),
    });
    Action { commit_info: Some(info), ..Action::default() }
}

/// The actions that describe the table, where its log lacks them: all of them for a new table, the new columns for one of an
/// earlier version of this function.
///
/// # Errors
/// When the table has columns that this version does not know. It can neither append nor merge files there.
pub(crate) fn description(snapshot: &Snapshot, cleaner: &Cleaner, now: i64) -> Result<Vec<Action>, TableError> {
    let own = Schema::new(&columns(cleaner));
    let text = |schema: &Schema| serde_json::to_string(schema).unwrap_or_default();
    let (Some(_), Some(metadata)) = (snapshot.protocol, &snapshot.metadata) else {
        let metadata = Metadata {
            id: Uuid::new_v4().to_string(),
            name: None,
            description: None,
            format: Format { provider: "parquet".to_owned(), options: BTreeMap::new() },
            schema_string: text(&own),
            partition_columns: Vec::new(),
            configuration: BTreeMap::new(),
            created_time: Some(now),
        };
        return Ok(vec![Protocol::KNOWN.into(), metadata.into()]);
    };
    let table: Schema = serde_json::from_str(&metadata.schema_string).map_err(|_| TableError::Columns)?;
    if !own.includes(&table) || !metadata.partition_columns.is_empty() {
        return Err(TableError::Columns);
    }
    if table.includes(&own) {
        return Ok(Vec::new());
    }
    let schema_string = text(&own.extending(&table));
    Ok(vec![Metadata { schema_string, ..metadata.clone() }.into()])
}

impl Snapshot {
    /// A topic's partitions that have a position in the table.
    fn partitions(&self, topic: &str) -> impl Iterator<Item = TopicPartition> {
        let prefix = format!("archive/{topic}/");
        self.transactions.keys().filter_map(move |application| {
            let partition = application.strip_prefix(&prefix)?.parse().ok()?;
            Some(TopicPartition { topic: topic.to_owned(), partition })
        })
    }

    /// The position of a partition in the table.
    fn position(&self, partition: &TopicPartition) -> Position {
        let [next, digest] = applications(partition).map(|application| self.transaction(&application));
        Position { next: next.unwrap_or_default().cast_unsigned(), digest: digest.unwrap_or_default() }
    }

    /// The transactions that move a partition to a position.
    fn moved(partition: &TopicPartition, Position { next, digest }: Position, now: i64) -> [Transaction; 2] {
        let [of_next, of_digest] = applications(partition);
        let transaction = |app_id, version| Transaction { app_id, version, last_updated: Some(now) };
        [transaction(of_next, next.cast_signed()), transaction(of_digest, digest)]
    }
}

/// The names of a partition's transactions: those of the next offset and of the digest.
fn applications(TopicPartition { topic, partition }: &TopicPartition) -> [String; 2] {
    [format!("archive/{topic}/{partition}"), format!("archive/{topic}/{partition}/digest")]
}

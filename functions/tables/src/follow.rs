//! Reads a table's rows, and later those that further versions add.

use std::{borrow::Cow, collections::VecDeque};

use archive::bucket::Bucket;
use bytes::Bytes;
use parquet::{
    errors::ParquetError,
    file::reader::{FileReader, SerializedFileReader},
    record::Field,
    schema::types::Type,
};
use shared::kind::Cell;

use crate::{append::TableError, layout::TableName, log::Snapshot};

/// The versions that are read one by one. Of a table that has had more since, reading the present files costs less.
const MAX_VERSIONS: usize = 32;

/// A reader that follows a table.
#[derive(Debug)]
pub struct Follower {
    bucket: Bucket,
    table: TableName,
    /// The table's state at the last known version. `None` at the beginning.
    snapshot: Option<Snapshot>,
    /// The paths of the data files to be read, in the table.
    unread: VecDeque<String>,
    /// The data file that is being read, and the place of its next row group.
    open: Option<(Bytes, usize)>,
}

/// Some rows of a table.
#[derive(Debug)]
pub struct Rows {
    file: Bytes,
    group: usize,
}

impl Follower {
    /// A reader of `table` from its first row on. The table need not exist yet.
    #[must_use]
    pub const fn new(bucket: Bucket, table: TableName) -> Self {
        Self { bucket, table, snapshot: None, unread: VecDeque::new(), open: None }
    }

    /// The table.
    #[must_use]
    pub const fn table(&self) -> &TableName {
        &self.table
    }

    /// Returns further rows, at most those of one row group, or `None` if the table has no others now. Rows may come again if files
    /// were merged while many versions were committed between two calls.
    ///
    /// # Errors
    /// When the table cannot be read. After a missing data file the next call begins with the table's first row again.
    ///
    /// # Cancellation
    /// Safe to drop at any point.
    pub async fn next_rows(&mut self) -> Result<Option<Rows>, TableError> {
        loop {
            if let Some((file, group)) = &mut self.open {
                if *group < reader(file)?.num_row_groups() {
                    *group += 1;
                    return Ok(Some(Rows { file: file.clone(), group: *group - 1 }));
                }
                self.open = None;
            }
            if self.unread.is_empty() {
                self.find_files().await?;
            }
            let Some(name) = self.unread.front() else { return Ok(None) };
            let path = self.table.data_file(name);
            let Some(file) = self.bucket.read(&path).await? else {
                // Deleted, long after it was merged.
                (self.snapshot, self.unread) = (None, VecDeque::new());
                return Err(TableError::Missing(path));
            };
            self.unread.pop_front();
            self.open = Some((file, 0));
        }
    }

    /// Finds the data files of the versions since the last known one.
    async fn find_files(&mut self) -> Result<(), TableError> {
        if let Some(snapshot) = &mut self.snapshot {
            for _ in 0..MAX_VERSIONS {
                match snapshot.apply_next(&self.bucket, &self.table).await? {
                    Some(added) => self.unread.extend(added),
                    None => return Ok(()),
                }
            }
        }
        let present = Snapshot::load(&self.bucket, &self.table).await?;
        let is_known = |path: &&String| self.snapshot.as_ref().is_some_and(|known| known.knows(path));
        self.unread.extend(present.files.keys().filter(|path| !is_known(path)).cloned());
        self.snapshot = Some(present);
        Ok(())
    }
}

impl Rows {
    /// Calls `each` with the cells of every row, in the order of `columns`. The cells of a column that the file lacks are null.
    ///
    /// # Errors
    /// When the file is damaged, or `each` fails.
    pub fn for_each<E: From<TableError>>(
        &self,
        columns: &[&str],
        mut each: impl FnMut(&[Cell<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let damaged = |error: ParquetError| E::from(TableError::Rows(error));
        let reader = reader(&self.file).map_err(damaged)?;
        let schema = reader.metadata().file_metadata().schema();
        let field = |name: &&str| schema.get_fields().iter().find(|field| field.name() == *name).cloned();
        let fields: Vec<_> = columns.iter().map(field).collect();
        let selection = Type::group_type_builder(schema.name()).with_fields(fields.iter().flatten().cloned().collect());
        let selection = selection.build().map_err(damaged)?;
        let group = reader.get_row_group(self.group).map_err(damaged)?;
        for row in group.get_row_iter(Some(selection)).map_err(damaged)? {
            let row = row.map_err(damaged)?;
            let mut found = row.get_column_iter().map(|(_, field)| cell(field));
            let cells = fields.iter().map(|field| field.as_ref().and_then(|_| found.next()).unwrap_or(Cell::Null));
            each(&cells.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

fn reader(file: &Bytes) -> Result<SerializedFileReader<Bytes>, ParquetError> {
    SerializedFileReader::new(file.clone())
}

/// The cell that was written as `field`.
fn cell(field: &Field) -> Cell<'_> {
    match field {
        Field::Str(text) => Cell::Text(Cow::Borrowed(text)),
        Field::Int(value) => Cell::Integer(*value),
        Field::Long(value) => Cell::BigInteger(*value),
        Field::Double(value) => Cell::Number(*value),
        Field::TimestampMicros(value) => Cell::Time(*value),
        Field::ListInternal(list) => {
            let number = |element: &Field| if let Field::Double(value) = element { Some(*value) } else { None };
            Cell::Numbers(list.elements().iter().filter_map(number).collect())
        }
        _ => Cell::Null,
    }
}

#[cfg(test)]
mod tests {
    use archive::memory::Memory;

    use super::*;
    use crate::{
        append::{Counts, Limits, Tables},
        testing::{archive_lines, archive_rows, clock, files, line, partition, users},
    };

    /// The offsets and places of the rows that are left to read.
    async fn read(follower: &mut Follower) -> Vec<(i64, i32)> {
        let mut places = Vec::new();
        while let Some(rows) = follower.next_rows().await.unwrap() {
            let read = rows.for_each::<TableError>(&["list_index", "offset"], |cells| {
                let [Cell::Integer(index), Cell::BigInteger(offset)] = cells else { panic!("{cells:?}") };
                places.push((*offset, *index));
                Ok(())
            });
            read.unwrap();
        }
        places
    }

    async fn append(tables: &Tables) {
        tables.append(&users(), &mut Counts::default()).await.unwrap();
    }

    #[tokio::test]
    async fn the_rows_of_a_growing_table_come_once_though_its_files_are_merged() {
        let memory = Memory::default();
        let tables = Tables::new(memory.bucket(10), Limits { small_files: 2, ..Limits::default() }, clock);
        let mut follower = Follower::new(memory.bucket(10), users());
        assert!(read(&mut follower).await.is_empty());
        for start in 0..20 {
            archive_rows(&memory, &partition(0), "a", start..start + 1).await;
            append(&tables).await;
            // Some of the files are merged before they are read.
            if start % 5 == 4 {
                let new: Vec<_> = (start - 4..=start).map(|offset| (offset.cast_signed(), 0)).collect();
                assert_eq!(read(&mut follower).await, new);
                assert!(read(&mut follower).await.is_empty());
            }
        }
        assert!(files(&memory, &users()).await.len() <= 3, "they were merged");
        let mut all = read(&mut Follower::new(memory.bucket(10), users())).await;
        all.sort_unstable();
        assert_eq!(all, (0..20).map(|offset| (offset, 0)).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_reader_that_is_many_versions_behind_misses_no_row() {
        let memory = Memory::default();
        let tables = Tables::new(memory.bucket(10), Limits::default(), clock);
        archive_rows(&memory, &partition(0), "a", 0..1).await;
        append(&tables).await;
        let mut follower = Follower::new(memory.bucket(10), users());
        assert_eq!(read(&mut follower).await.len(), 1);
        let end = 1 + 2 * MAX_VERSIONS as u64;
        for start in 1..end {
            archive_rows(&memory, &partition(0), "a", start..start + 1).await;
            append(&tables).await;
        }
        let mut later: Vec<_> = read(&mut follower).await;
        later.sort_unstable();
        later.dedup();
        later.retain(|(offset, _)| *offset > 0);
        assert_eq!(later, (1..end.cast_signed()).map(|offset| (offset, 0)).collect::<Vec<_>>());
        assert!(read(&mut follower).await.is_empty());
    }

    #[tokio::test]
    async fn the_cells_are_typed_in_the_order_asked_for_and_null_where_the_file_lacks_the_column() {
        let memory = Memory::default();
        let list = format!("[{},{{\"ind\":2}}]", line("Ada", 1));
        archive_lines(&memory, &partition(3), 0, &[list]).await;
        append(&Tables::new(memory.bucket(10), Limits::default(), clock)).await;
        let mut follower = Follower::new(memory.bucket(10), users());
        let rows = follower.next_rows().await.unwrap().unwrap();
        let mut found = Vec::new();
        let read =
            rows.for_each::<TableError>(&["date_joined", "of_a_later_version", "user_name", "partition"], |cells| {
                found.push(format!("{cells:?}"));
                Ok(())
            });
        read.unwrap();
        let first = "[Time(1445462805000000), Null, Text(\"Ada é\"), Integer(3)]";
        assert_eq!(found, [first, "[Null, Null, Null, Integer(3)]"]);
    }

    #[tokio::test]
    async fn a_file_that_was_merged_and_deleted_before_it_is_read_is_an_error_once() {
        let memory = Memory::default();
        let (bucket, limits) = (memory.bucket(10), Limits { small_files: 1, ..Limits::default() });
        let tables = Tables::new(bucket.clone(), limits, clock);
        let mut follower = Follower::new(bucket.clone(), users());
        archive_rows(&memory, &partition(0), "a", 0..1).await;
        append(&tables).await;
        follower.find_files().await.unwrap();
        let first = files(&memory, &users()).await;
        archive_rows(&memory, &partition(0), "a", 1..2).await;
        append(&tables).await;
        for name in first {
            bucket.delete(&users().data_file(&name)).await.unwrap();
        }
        assert!(matches!(follower.next_rows().await, Err(TableError::Missing(_))));
        let mut again = read(&mut follower).await;
        again.sort_unstable();
        assert_eq!(again, [(0, 0), (1, 0)]);
    }
}

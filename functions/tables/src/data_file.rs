//! A Parquet file of cleaned rows, written in memory.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::Compression,
    column::reader::ColumnReader,
    data_type::{ByteArray, ByteArrayType, DoubleType, Int32Type, Int64Type},
    errors::ParquetError,
    file::{
        properties::{EnabledStatistics, WriterProperties},
        reader::RowGroupReader,
        writer::{SerializedColumnWriter, SerializedFileWriter},
    },
    schema::types::{ColumnPath, TypePtr},
};
use serde_json::{Map, Value, json};
use shared::kind::{Cell, Cleaner, ColumnType};

use crate::schema::{columns, parquet_schema};

/// The rows of a row group. Readers skip whole groups.
const GROUP_ROWS: usize = 65_536;

/// The bytes of lines in a row group, which are in memory until it is written. Pins reach it before [`GROUP_ROWS`].
const GROUP_BYTES: usize = 16 * 1024 * 1024;

/// The columns in a file's statistics, by which readers skip whole files.
const MEASURED: [&str; 3] = ["partition", "offset", "ind"];

/// The properties of every data file. Snappy is pure Rust here, and every reader has it.
fn properties() -> WriterProperties {
    let line = ColumnPath::from("line");
    WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by(concat!("pinterest-data-pipeline ", env!("CARGO_PKG_VERSION")).to_owned())
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        // Each line is another one.
        .set_column_dictionary_enabled(line.clone(), false)
        .set_column_statistics_enabled(line, EnabledStatistics::None)
        .build()
}

/// A data file that is being written.
#[derive(Debug)]
pub(crate) struct DataFile {
    writer: SerializedFileWriter<Vec<u8>>,
    columns: Vec<Column>,
    group_rows: usize,
    group_bytes: usize,
    rows: u64,
}

/// A finished data file.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) body: Bytes,
    pub(crate) rows: u64,
    /// Delta's statistics, as JSON.
    pub(crate) stats: String,
}

/// A column of the current row group, and the bounds of all groups.
#[derive(Debug)]
struct Column {
    name: &'static str,
    values: Values,
    definition_levels: Vec<i16>,
    repetition_levels: Vec<i16>,
    bounds: Option<(i64, i64)>,
    nulls: u64,
}

#[derive(Debug)]
enum Values {
    Text(Vec<ByteArray>),
    Integer(Vec<i32>),
    BigInteger(Vec<i64>),
    Number(Vec<f64>),
    Numbers(Vec<f64>),
}

impl DataFile {
    pub(crate) fn new(cleaner: &Cleaner) -> Result<Self, ParquetError> {
        let columns = columns(cleaner);
        let schema: TypePtr = parquet_schema(&columns)?;
        let writer = SerializedFileWriter::new(Vec::new(), schema, Arc::new(properties()))?;
        let columns = columns.into_iter().map(|(name, of_type)| Column::new(name, of_type)).collect();
        Ok(Self { writer, columns, group_rows: 0, group_bytes: 0, rows: 0 })
    }

    /// The number of rows so far.
    pub(crate) const fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds the rows of one archived record.
    pub(crate) fn push(
        &mut self,
        cleaner: &Cleaner,
        partition: i32,
        offset: i64,
        (line, text): (&Bytes, &str),
    ) -> Result<(), ParquetError> {
        let mut list_index = 0;
        cleaner.clean(text, |cells| {
            // The value only once: repeated, a list of n rows would take n² bytes.
            let value = if list_index == 0 { Cell::Text(text.into()) } else { Cell::Null };
            let position = [Cell::Integer(partition), Cell::BigInteger(offset), Cell::Integer(list_index), value];
            for (column, cell) in self.columns.iter_mut().zip(position.iter().chain(cells)) {
                column.push(cell, line);
            }
            list_index += 1;
            self.group_rows += 1;
            self.rows += 1;
        });
        self.group_bytes += line.len();
        if self.group_rows >= GROUP_ROWS || self.group_bytes >= GROUP_BYTES { self.end_group() } else { Ok(()) }
    }

    /// Adds the rows of a row group of another file of the same table. Columns that it lacks are null.
    pub(crate) fn copy(&mut self, group: &dyn RowGroupReader) -> Result<(), ParquetError> {
        let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
        for column in &mut self.columns {
            let leaves = group.metadata().columns().iter();
            let at = leaves.map(|leaf| leaf.column_path().parts().first().cloned());
            match at.into_iter().position(|name| name.as_deref() == Some(column.name)) {
                Some(at) => column.copy(group.get_column_reader(at)?, rows)?,
                None => column.copy_nulls(rows),
            }
        }
        self.group_rows += rows;
        self.group_bytes += usize::try_from(group.metadata().total_byte_size()).unwrap_or_default();
        self.rows += rows as u64;
        if self.group_rows >= GROUP_ROWS || self.group_bytes >= GROUP_BYTES { self.end_group() } else { Ok(()) }
    }

    /// Takes the part of the file that is written.
    pub(crate) fn take(&mut self) -> Result<Bytes, ParquetError> {
        self.writer.flush()?;
        Ok(std::mem::take(self.writer.inner_mut()).into())
    }

    fn end_group(&mut self) -> Result<(), ParquetError> {
        let mut group = self.writer.next_row_group()?;
        let mut columns = self.columns.iter_mut();
        while let Some(mut writer) = group.next_column()? {
            if let Some(column) = columns.next() {
                column.write(&mut writer)?;
            }
            writer.close()?;
        }
        group.close()?;
        (self.group_rows, self.group_bytes) = (0, 0);
        Ok(())
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<Finished, ParquetError> {
        if self.group_rows > 0 {
            self.end_group()?;
        }
        let (mut min, mut max, mut nulls) = (Map::new(), Map::new(), Map::new());
        for column in self.columns.iter().filter(|column| MEASURED.contains(&column.name)) {
            if let Some((low, high)) = column.bounds {
                min.insert(column.name.to_owned(), low.into());
                max.insert(column.name.to_owned(), high.into());
            }
            nulls.insert(column.name.to_owned(), column.nulls.into());
        }
        let stats: Value = json!({"numRecords": self.rows, "minValues": min, "maxValues": max, "nullCount": nulls});
        let body = self.writer.into_inner()?;
        Ok(Finished { body: body.into(), rows: self.rows, stats: stats.to_string() })
    }
}

impl Column {
    const fn new(name: &'static str, of_type: ColumnType) -> Self {
        let values = match of_type {
            ColumnType::Text => Values::Text(Vec::new()),
            ColumnType::Integer => Values::Integer(Vec::new()),
            ColumnType::BigInteger | ColumnType::Time => Values::BigInteger(Vec::new()),
            ColumnType::Number => Values::Number(Vec::new()),
            ColumnType::Numbers => Values::Numbers(Vec::new()),
        };
        Self { name, values, definition_levels: Vec::new(), repetition_levels: Vec::new(), bounds: None, nulls: 0 }
    }

    /// Adds the cell of a row. A text that is a part of `line` shares its memory.
    fn push(&mut self, cell: &Cell<'_>, line: &Bytes) {
        match (&mut self.values, cell) {
            (Values::Text(values), Cell::Text(text)) => values.push(match text {
                std::borrow::Cow::Borrowed(text) => line.slice_ref(text.as_bytes()).into(),
                std::borrow::Cow::Owned(text) => text.clone().into_bytes().into(),
            }),
            (Values::Integer(values), Cell::Integer(value)) => {
                values.push(*value);
                self.bounds = Some(within(self.bounds, i64::from(*value)));
            }
            (Values::BigInteger(values), Cell::BigInteger(value) | Cell::Time(value)) => {
                values.push(*value);
                self.bounds = Some(within(self.bounds, *value));
            }
            (Values::Number(values), Cell::Number(value)) => values.push(*value),
            (Values::Numbers(values), Cell::Numbers(list)) if !list.is_empty() => {
                values.extend_from_slice(list);
                // Optional list, repeated element, optional value. The first element begins the row.
                self.definition_levels.extend(list.iter().map(|_| 3));
                self.repetition_levels.extend((0..list.len()).map(|at| i16::from(at > 0)));
                return;
            }
            // A cell has its column's type, or is null.
            _ => {
                self.nulls += 1;
                self.definition_levels.push(0);
                self.repetition_levels.push(0);
                return;
            }
        }
        self.definition_levels.push(1);
    }

    /// Adds all values of a column chunk.
    fn copy(&mut self, reader: ColumnReader, rows: usize) -> Result<(), ParquetError> {
        let before = self.definition_levels.len();
        let levels = &mut self.definition_levels;
        match (&mut self.values, reader) {
            (Values::Text(values), ColumnReader::ByteArrayColumnReader(mut reader)) => {
                reader.read_records(rows, Some(levels), None, values)?;
            }
            (Values::Integer(values), ColumnReader::Int32ColumnReader(mut reader)) => {
                let old = values.len();
                reader.read_records(rows, Some(levels), None, values)?;
                self.bounds =
                    values[old..].iter().fold(self.bounds, |bounds, value| Some(within(bounds, i64::from(*value))));
            }
            (Values::BigInteger(values), ColumnReader::Int64ColumnReader(mut reader)) => {
                let old = values.len();
                reader.read_records(rows, Some(levels), None, values)?;
                self.bounds = values[old..].iter().fold(self.bounds, |bounds, value| Some(within(bounds, *value)));
            }
            (Values::Number(values), ColumnReader::DoubleColumnReader(mut reader)) => {
                reader.read_records(rows, Some(levels), None, values)?;
            }
            (Values::Numbers(values), ColumnReader::DoubleColumnReader(mut reader)) => {
                let repetition_levels = Some(&mut self.repetition_levels);
                reader.read_records(rows, Some(levels), repetition_levels, values)?;
            }
            _ => return Err(ParquetError::General(format!("the column {} of a file has another type", self.name))),
        }
        self.nulls += self.definition_levels[before..].iter().filter(|level| **level == 0).count() as u64;
        Ok(())
    }

    /// Adds rows without a value.
    fn copy_nulls(&mut self, rows: usize) {
        self.nulls += rows as u64;
        self.definition_levels.extend(std::iter::repeat_n(0, rows));
        if matches!(self.values, Values::Numbers(_)) {
            self.repetition_levels.extend(std::iter::repeat_n(0, rows));
        }
    }

    /// Writes the column chunk, and begins the next.
    fn write(&mut self, writer: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let definition_levels = Some(self.definition_levels.as_slice());
        match &mut self.values {
            Values::Text(values) => {
                writer.typed::<ByteArrayType>().write_batch(values, definition_levels, None)?;
                values.clear();
            }
            Values::Integer(values) => {
                writer.typed::<Int32Type>().write_batch(values, definition_levels, None)?;
                values.clear();
            }
            Values::BigInteger(values) => {
                writer.typed::<Int64Type>().write_batch(values, definition_levels, None)?;
                values.clear();
            }
            Values::Number(values) => {
                writer.typed::<DoubleType>().write_batch(values, definition_levels, None)?;
                values.clear();
            }
            Values::Numbers(values) => {
                let levels = Some(self.repetition_levels.as_slice());
                writer.typed::<DoubleType>().write_batch(values, definition_levels, levels)?;
                values.clear();
            }
        }
        self.definition_levels.clear();
        self.repetition_levels.clear();
        Ok(())
    }
}

fn within(bounds: Option<(i64, i64)>, value: i64) -> (i64, i64) {
    bounds.map_or((value, value), |(low, high)| (low.min(value), high.max(value)))
}

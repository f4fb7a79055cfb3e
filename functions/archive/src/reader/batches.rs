//! Record batches, from which only what is archived is read: <https://kafka.apache.org/documentation/#recordbatch>.
//!
//! Keys, headers and timestamps are skipped by their length, so none of them can be of a form that stops the archive.

use std::collections::HashSet;

use bytes::{Buf, Bytes, BytesMut};

use super::{
    compression::decompress,
    error::RequestError,
    protocol::{Aborted, Fetched},
};
use crate::record::ConsumerRecord;

/// The bytes of values after which no further batch is decompressed: as many as are stored in one round. The next fetch begins
/// behind them.
const ENOUGH_BYTES: usize = 4 * 1024 * 1024;

/// The size of a batch's base offset and length, before what the length counts.
const PREFIX: usize = 12;

/// The format since Kafka 0.11. Brokers convert older producers' records to it.
const MAGIC: i8 = 2;

/// The bits of a batch's attributes.
const COMPRESSION: i16 = 0b111;
const TRANSACTIONAL: i16 = 1 << 4;
const CONTROL: i16 = 1 << 5;

/// The type of the marker that ends an aborted transaction, in its key after the version: 1 ends a committed one.
const ABORT: i16 = 0;

/// The committed records of a fetch.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Committed {
    pub(super) records: Vec<ConsumerRecord>,
    /// The offset behind all batches that were read, which may end without a record. `None` if there was no batch.
    pub(super) end: Option<i64>,
}

/// Reads the records from offset `from` on: a broker sends whole batches.
pub(super) fn committed(fetched: Fetched, from: i64) -> Result<Committed, RequestError> {
    let Fetched { aborted, mut batches, .. } = fetched;
    let mut transactions = Transactions::new(aborted);
    let mut committed = Committed { records: Vec::new(), end: None };
    let mut bytes = 0;
    while bytes < ENOUGH_BYTES {
        let count = committed.records.len();
        let batch = Batch::next(&mut batches).and_then(|batch| {
            let Some(batch) = batch else { return Ok(None) };
            let is_committed = transactions.is_committed(&batch)?;
            let read = if is_committed { batch.read(from, &mut committed.records)? } else { 0 };
            Ok(Some((batch.end(), read)))
        });
        match batch {
            Ok(None) => break,
            Ok(Some((end, read))) => {
                committed.end = Some(end);
                bytes += read;
            }
            // The batches before an unreadable one are archived. The next fetch begins with it.
            Err(_) if count > 0 => {
                committed.records.truncate(count);
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(committed)
}

/// A batch with its records as they are stored.
#[derive(Debug)]
struct Batch {
    offset: i64,
    attributes: i16,
    last_offset_delta: i32,
    producer_id: i64,
    count: i32,
    records: Bytes,
}

impl Batch {
    /// Takes the first of `batches`. `None` if there is none, or if it is cut off.
    fn next(batches: &mut Bytes) -> Result<Option<Self>, RequestError> {
        let mut header = &batches[..];
        let (Ok(offset), Ok(length)) = (header.try_get_i64(), header.try_get_i32()) else { return Ok(None) };
        let invalid = |problem| RequestError::Batch { offset, problem };
        let length = usize::try_from(length).map_err(|_| invalid("its size is negative"))?;
        if header.len() < length {
            return Ok(None);
        }
        let mut body = batches.split_to(PREFIX + length).split_off(PREFIX);
        let cut_off = |_| invalid("it is too short");
        let _leader_epoch = body.try_get_i32().map_err(cut_off)?;
        if body.try_get_i8().map_err(cut_off)? != MAGIC {
            return Err(invalid("its format is older than Kafka 0.11"));
        }
        if body.try_get_u32().map_err(cut_off)? != crc32c::crc32c(&body) {
            return Err(invalid("its checksum is wrong"));
        }
        let attributes = body.try_get_i16().map_err(cut_off)?;
        let last_offset_delta = body.try_get_i32().map_err(cut_off)?;
        let _first_timestamp = body.try_get_i64().map_err(cut_off)?;
        let _last_timestamp = body.try_get_i64().map_err(cut_off)?;
        let producer_id = body.try_get_i64().map_err(cut_off)?;
        let _producer_epoch = body.try_get_i16().map_err(cut_off)?;
        let _first_sequence = body.try_get_i32().map_err(cut_off)?;
        let count = body.try_get_i32().map_err(cut_off)?;
        Ok(Some(Self { offset, attributes, last_offset_delta, producer_id, count, records: body }))
    }

    /// The offset of its last record, also if compaction removed that record.
    fn last(&self) -> i64 {
        self.offset.saturating_add(self.last_offset_delta.into())
    }

    fn end(&self) -> i64 {
        self.last().saturating_add(1)
    }

    const fn has(&self, attribute: i16) -> bool {
        self.attributes & attribute != 0
    }

    fn invalid(&self, problem: &'static str) -> RequestError {
        RequestError::Batch { offset: self.offset, problem }
    }

    /// The records' own bytes. A batch whose records were all compacted away is empty, whatever its attributes say.
    fn content(&self) -> Result<Bytes, RequestError> {
        if self.count <= 0 {
            return Ok(Bytes::new());
        }
        decompress(self.attributes & COMPRESSION, &self.records)
            .map_err(|source| RequestError::Compression { offset: self.offset, source })
    }

    /// Adds the records from offset `from` on to `all`, and returns the size of their values.
    fn read(&self, from: i64, all: &mut Vec<ConsumerRecord>) -> Result<usize, RequestError> {
        let mut content = self.content()?;
        // The values alone, since one of them would keep the whole batch in memory.
        let mut values = BytesMut::new();
        let mut found = Vec::new();
        for _ in 0..self.count {
            let record = Record::next(&mut content).map_err(|problem| self.invalid(problem))?;
            let offset = self.offset.saturating_add(record.offset_delta.into());
            if offset >= from {
                let length = record.value.as_ref().map(Bytes::len);
                values.extend_from_slice(&record.value.unwrap_or_default());
                found.push((u64::try_from(offset).map_err(|_| self.invalid("an offset is negative"))?, length));
            }
        }
        let size = values.len();
        let mut values = values.freeze();
        all.extend(found.into_iter().map(|(offset, length)| {
            let value = length.map(|length| values.split_to(length));
            ConsumerRecord { offset, value }
        }));
        Ok(size)
    }
}

/// A record without what is not archived.
#[derive(Debug)]
struct Record {
    offset_delta: i32,
    key: Option<Bytes>,
    value: Option<Bytes>,
}

impl Record {
    fn next(content: &mut Bytes) -> Result<Self, &'static str> {
        let mut record = bytes(content)?.ok_or("a record has no size")?;
        let _attributes = record.try_get_i8().map_err(|_| CUT_OFF)?;
        let _timestamp_delta = number(&mut record)?;
        let offset_delta = length(&mut record)?;
        let (key, value) = (bytes(&mut record)?, bytes(&mut record)?);
        // Headers follow.
        Ok(Self { offset_delta, key, value })
    }
}

const CUT_OFF: &str = "a record is cut off";

/// Reads a number of up to 64 bits: seven bits a byte, the lowest first, and the sign in the lowest bit.
fn number(bytes: &mut Bytes) -> Result<i64, &'static str> {
    let mut number = 0;
    for shift in (0..70).step_by(7) {
        let byte = bytes.try_get_u8().map_err(|_| CUT_OFF)?;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((number >> 1).cast_signed() ^ -(number & 1).cast_signed());
        }
    }
    Err("a number has more than 64 bits")
}

fn length(bytes: &mut Bytes) -> Result<i32, &'static str> {
    i32::try_from(number(bytes)?).map_err(|_| "a length has more than 32 bits")
}

/// Takes bytes after their length. `None` for a negative length, which stands for null.
fn bytes(bytes: &mut Bytes) -> Result<Option<Bytes>, &'static str> {
    match usize::try_from(length(bytes)?) {
        Err(_) => Ok(None),
        Ok(length) if length <= bytes.len() => Ok(Some(bytes.split_to(length))),
        Ok(_) => Err(CUT_OFF),
    }
}

/// The aborted transactions of a fetch.
#[derive(Debug)]
struct Transactions {
    /// Those not reached yet, the next one last.
    later: Vec<Aborted>,
    /// The producers whose transactional records are aborted, up to their next marker.
    aborting: HashSet<i64>,
}

impl Transactions {
    fn new(mut aborted: Vec<Aborted>) -> Self {
        aborted.sort_unstable_by_key(|aborted| std::cmp::Reverse(aborted.first_offset));
        Self { later: aborted, aborting: HashSet::new() }
    }

    /// Returns whether the next batch holds records for a consumer of committed ones: not aborted, and not a marker.
    fn is_committed(&mut self, batch: &Batch) -> Result<bool, RequestError> {
        while let Some(aborted) = self.later.pop_if(|aborted| aborted.first_offset <= batch.last()) {
            self.aborting.insert(aborted.producer_id);
        }
        if batch.has(CONTROL) {
            if is_abort(batch)? {
                self.aborting.remove(&batch.producer_id);
            }
            return Ok(false);
        }
        Ok(!(batch.has(TRANSACTIONAL) && self.aborting.contains(&batch.producer_id)))
    }
}

/// Returns whether a batch of control records ends an aborted transaction.
fn is_abort(batch: &Batch) -> Result<bool, RequestError> {
    if batch.count <= 0 {
        return Ok(false);
    }
    let record = Record::next(&mut batch.content()?).map_err(|problem| batch.invalid(problem))?;
    let mut key = record.key.unwrap_or_default();
    let _version = key.try_get_i16();
    Ok(key.try_get_i16() == Ok(ABORT))
}

#[cfg(test)]
mod tests;

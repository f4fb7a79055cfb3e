use std::io::Write;

use bytes::BufMut;
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;

use super::*;

/// Writes a number as Kafka's records have it.
fn put_number(buffer: &mut Vec<u8>, number: i64) {
    let mut left = ((number << 1) ^ (number >> 63)).cast_unsigned();
    while left > 0x7f {
        buffer.put_u8(u8::try_from(left & 0x7f).unwrap() | 0x80);
        left >>= 7;
    }
    buffer.put_u8(u8::try_from(left).unwrap());
}

fn put_bytes(buffer: &mut Vec<u8>, bytes: Option<&[u8]>) {
    put_number(buffer, bytes.map_or(-1, |bytes| i64::try_from(bytes.len()).unwrap()));
    buffer.put_slice(bytes.unwrap_or_default());
}

/// A record with a key and, behind the value, any bytes in place of headers.
fn record(offset_delta: i64, key: Option<&[u8]>, value: Option<&[u8]>, headers: &[u8]) -> Vec<u8> {
    let mut record = vec![0];
    put_number(&mut record, i64::MIN);
    put_number(&mut record, offset_delta);
    put_bytes(&mut record, key);
    put_bytes(&mut record, value);
    record.put_slice(headers);
    let mut sized = Vec::new();
    put_bytes(&mut sized, Some(&record));
    sized
}

/// A batch of one producer.
#[derive(Debug, Clone, Copy)]
struct Header {
    offset: i64,
    attributes: i16,
    last_offset_delta: i32,
    producer_id: i64,
    count: i32,
}

impl Header {
    const fn at(offset: i64) -> Self {
        Self { offset, attributes: 0, last_offset_delta: 0, producer_id: -1, count: 1 }
    }

    fn with(self, records: &[u8]) -> Vec<u8> {
        let mut checked = Vec::new();
        checked.put_i16(self.attributes);
        checked.put_i32(self.last_offset_delta);
        // Two timestamps.
        checked.put_i64(i64::MIN);
        checked.put_i64(i64::MAX);
        checked.put_i64(self.producer_id);
        checked.put_i16(0);
        checked.put_i32(0);
        checked.put_i32(self.count);
        checked.put_slice(records);
        let mut batch = Vec::new();
        batch.put_i64(self.offset);
        batch.put_i32(i32::try_from(checked.len() + 9).unwrap());
        batch.put_i32(0);
        batch.put_i8(MAGIC);
        batch.put_u32(crc32c::crc32c(&checked));
        batch.put_slice(&checked);
        batch
    }
}

fn read(batches: &[Vec<u8>], from: i64) -> Result<Committed, RequestError> {
    read_with(batches, from, Vec::new())
}

fn read_with(batches: &[Vec<u8>], from: i64, aborted: Vec<Aborted>) -> Result<Committed, RequestError> {
    committed(Fetched { last_stable_offset: 0, aborted, batches: batches.concat().into() }, from)
}

fn value(offset: u64, value: &'static str) -> ConsumerRecord {
    ConsumerRecord { offset, value: Some(value.into()) }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn only_the_values_of_a_batch_are_read() {
    let null = ConsumerRecord { offset: 12, value: None };
    let records = [
        record(0, None, Some(b"before"), &[0]),
        record(1, Some(b"key"), Some(b"one"), b"not headers at all"),
        record(2, Some(b""), None, &[]),
        // Offsets between are compacted.
        record(7, Some(&[0xff; 300]), Some(b""), &[0x80; 20]),
    ];
    let header = Header { last_offset_delta: 9, count: 4, ..Header::at(10) };
    let read = read(&[header.with(&records.concat())], 11).unwrap();
    assert_eq!(read, Committed { records: vec![value(11, "one"), null, value(17, "")], end: Some(20) });
}

#[test]
fn a_batch_that_compaction_emptied_has_an_end_and_is_not_decompressed() {
    for count in [0, -1] {
        let empty = Header { attributes: 4, last_offset_delta: 3, count, ..Header::at(10) };
        let read = read(&[empty.with(&[])], 10).unwrap();
        assert_eq!(read, Committed { records: Vec::new(), end: Some(14) }, "{count}");
    }
}

#[test]
fn a_batch_that_is_cut_off_is_left_to_the_next_fetch() {
    let first = Header::at(0).with(&record(0, None, Some(b"1"), &[0]));
    let second = Header::at(1).with(&record(0, None, Some(b"2"), &[0]));
    for length in 0..second.len() {
        let read = read(&[first.clone(), second[..length].to_vec()], 0).unwrap();
        assert_eq!(read, Committed { records: vec![value(0, "1")], end: Some(1) }, "{length}");
    }
    assert_eq!(read(&[second[..5].to_vec()], 0).unwrap(), Committed { records: Vec::new(), end: None });
}

#[test]
fn the_batches_after_enough_values_are_left_to_the_next_fetch() {
    let large = record(0, None, Some(&vec![b'x'; ENOUGH_BYTES]), &[0]);
    let small = Header::at(1).with(&record(0, None, Some(b"2"), &[0]));
    let read = read(&[Header::at(0).with(&large), small], 0).unwrap();
    assert_eq!((read.records.len(), read.end), (1, Some(1)));
}

#[test]
fn a_compressed_batch_may_consist_of_several_parts() {
    let records = [record(0, None, Some(b"1"), &[0]), record(1, None, Some(b"2"), &[0])];
    let parts = records.map(|record| gzip(&record)).concat();
    let header = Header { attributes: 1, last_offset_delta: 1, count: 2, ..Header::at(0) };
    let read = read(&[header.with(&parts)], 0).unwrap();
    assert_eq!(read.records, [value(0, "1"), value(1, "2")]);
}

#[test]
fn only_transactional_records_of_a_producer_are_aborted_and_only_up_to_its_marker() {
    let marker = |offset, kind: i16| {
        let key = [[0, 0], kind.to_be_bytes()].concat();
        let control = Header { attributes: TRANSACTIONAL | CONTROL, producer_id: 7, ..Header::at(offset) };
        control.with(&record(0, Some(&key), Some(b"control"), &[0]))
    };
    let of = |offset, attributes, producer_id| {
        Header { attributes, producer_id, ..Header::at(offset) }.with(&record(0, None, Some(b"1"), &[0]))
    };
    let batches = [
        of(0, TRANSACTIONAL, 7),
        marker(1, 1),
        of(2, TRANSACTIONAL, 7),
        of(3, 0, 7),
        of(4, TRANSACTIONAL, 8),
        marker(5, ABORT),
        of(6, TRANSACTIONAL, 7),
    ];
    let aborted = vec![Aborted { producer_id: 7, first_offset: 2 }];
    let read = read_with(&batches, 0, aborted).unwrap();
    let offsets: Vec<_> = read.records.iter().map(|record| record.offset).collect();
    assert_eq!((offsets, read.end), (vec![0, 3, 4, 6], Some(7)));
}

#[test]
fn an_unreadable_batch_is_named_with_its_problem() {
    let good = Header::at(5).with(&record(0, None, Some(b"1"), &[0]));
    let changed = |at: usize, byte: u8| {
        let mut batch = good.clone();
        batch[at] = byte;
        batch
    };
    let last = good.len() - 1;
    for (batch, problem) in [
        (changed(16, 1), "the batch at offset 5 cannot be read: its format is older than Kafka 0.11"),
        (changed(last, 9), "the batch at offset 5 cannot be read: its checksum is wrong"),
        (changed(8, 0xff), "the batch at offset 5 cannot be read: its size is negative"),
        ([&good[..8], &[0, 0, 0, 3, 0, 0, 0]].concat(), "the batch at offset 5 cannot be read: it is too short"),
        (Header::at(5).with(&[6, 0, 0, 0]), "a record is cut off"),
        (Header { count: 2, ..Header::at(5) }.with(&record(0, None, None, &[])), "a record is cut off"),
        (Header::at(5).with(&[1]), "a record has no size"),
        (Header::at(5).with(&[0xff; 12]), "a number has more than 64 bits"),
        (Header { attributes: 1, ..Header::at(5) }.with(&[0]), "the batch at offset 5 cannot be decompressed"),
        (Header { attributes: 7, ..Header::at(5) }.with(&[0]), "unknown compression 7"),
        (
            Header::at(-5).with(&record(0, None, None, &[])),
            "the batch at offset -5 cannot be read: an offset is negative",
        ),
    ] {
        let error = shared::error_chain::one_line(&read(&[batch], i64::MIN).unwrap_err());
        assert!(error.contains(problem), "{problem}: {error}");
    }
}

proptest! {
    /// Kafka checks a producer's batch only as far as it has to.
    #[test]
    fn any_content_is_read_or_rejected(
        attributes in any::<i16>(),
        framed in any::<bool>(),
        count in -1..40,
        content in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let frame: &[u8] = if framed { b"\x82SNAPPY\0\0\0\0\x01\0\0\0\x01" } else { b"" };
        let header = Header { attributes, count, ..Header::at(0) };
        drop(read(&[header.with(&[frame, &content].concat())], 0));
    }
}

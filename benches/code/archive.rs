//! Builds an archive object from a batch of records, compared with `serde_json`'s syntax-only pass.

use std::hint::black_box;

use archive::record::Form;
use bytes::{BufMut, Bytes, BytesMut};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use hot_path::payload;
use serde::de::IgnoredAny;
use shared::kind::PIN;

fn bench(c: &mut Criterion) {
    let batch: Vec<Bytes> = payload::rows(&PIN).take(500).map(|row| Bytes::from_static(row.as_bytes())).collect();
    let mut group = c.benchmark_group("archived pins: 500");
    group.throughput(Throughput::Bytes(batch.iter().map(|row| row.len() as u64).sum()));
    group.bench_function("syntax", |b| {
        b.iter(|| black_box(&batch).iter().all(|row| serde_json::from_slice::<IgnoredAny>(row).is_ok()));
    });
    assert_eq!(object(&batch).iter().filter(|byte| **byte == b'\n').count(), batch.len(), "a row is not archived");
    group.bench_function("ours", |b| b.iter(|| object(black_box(&batch))));
    group.finish();
}

fn object(batch: &[Bytes]) -> Bytes {
    let mut body = BytesMut::new();
    for value in batch {
        if let Form::Line(line) = Form::of(Some(value)) {
            body.put_slice(&line);
            body.put_u8(b'\n');
        }
    }
    body.freeze()
}

criterion_group!(benches, bench);
criterion_main!(benches);

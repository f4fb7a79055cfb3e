//! One row of each kind: held to its kind and compacted, next to `serde_json`'s pass over the syntax alone.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use serde::de::IgnoredAny;
use shared::{json, kind::CATALOG, sample};

pub(crate) fn bench(c: &mut Criterion) {
    for kind in CATALOG {
        // The kinds are constants, and each has sample rows.
        let row = sample::rows(kind.table).and_then(|rows| rows.lines().next()).unwrap_or_default();
        let mut group = c.benchmark_group(format!("{kind} row"));
        group.throughput(Throughput::Bytes(row.len() as u64));
        group.bench_function("syntax", |b| b.iter(|| serde_json::from_str::<IgnoredAny>(black_box(row)).is_ok()));
        group.bench_function("validate and compact", |b| {
            b.iter(|| {
                let row = black_box(row);
                let checked = kind.check(row, |_| String::new()).is_ok();
                (checked, json::compact(row).len())
            });
        });
        group.finish();
    }
}

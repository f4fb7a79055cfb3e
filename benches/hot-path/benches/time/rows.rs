//! Rows of each kind, validated and compacted, compared with `serde_json`'s syntax-only pass and with a JSON schema.

use std::hint::black_box;

use axum::body::{Body, to_bytes};
use criterion::{Criterion, Throughput};
use hot_path::{app, payload};
use http::Request;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use shared::kind::{CATALOG, Kind};
use tower::ServiceExt;

pub(crate) fn bench(c: &mut Criterion) {
    let document = openapi();
    for kind in CATALOG {
        let schema = schema(&document, kind);
        for count in [1, 500] {
            let rows: Vec<&str> = payload::rows(kind).take(count).collect();
            let mut group = c.benchmark_group(format!("{kind} rows: {count}"));
            group.throughput(Throughput::Bytes(rows.iter().map(|row| row.len() as u64).sum()));
            let all = |check: &dyn Fn(&str) -> bool| black_box(&rows).iter().all(|row| check(row));
            assert!(all(&|row| kind.check(row).is_ok()), "a row is refused");
            group.bench_function("syntax", |b| b.iter(|| all(&|row| serde_json::from_str::<IgnoredAny>(row).is_ok())));
            group.bench_function("schema", |b| {
                b.iter(|| all(&|row| serde_json::from_str(row).is_ok_and(|row: Value| schema.is_valid(&row))));
            });
            group.bench_function("ours", |b| {
                b.iter(|| {
                    let mut copies = Vec::new();
                    let mut is_valid =
                        |row: &&str| kind.check_start(row, &mut copies).is_ok_and(|(checked, _)| checked.is_ok());
                    let all_valid = black_box(&rows).iter().all(&mut is_valid);
                    (all_valid, copies)
                });
            });
            group.finish();
        }
    }
}

fn openapi() -> Value {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    runtime.block_on(async {
        let request = Request::get("/openapi.json").body(Body::empty()).expect("a request");
        let answer = ingest::router(app()).oneshot(request).await.expect("an answer");
        serde_json::from_slice(&to_bytes(answer.into_body(), usize::MAX).await.expect("a body")).expect("a document")
    })
}

/// Returns the schema of a kind's rows.
fn schema(document: &Value, kind: &Kind) -> jsonschema::Validator {
    let (first, rest) = kind.name.split_at(1);
    let reference = format!("#/components/schemas/{}{rest}", first.to_uppercase());
    let schema = json!({ "$ref": reference, "components": document["components"] });
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    assert!(payload::rows(kind).all(|row| serde_json::from_str(row).is_ok_and(|row: Value| schema.is_valid(&row))));
    schema
}

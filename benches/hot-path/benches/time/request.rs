//! Whole requests through the router, to a publisher that discards the records.

use std::hint::black_box;

use axum::{Router, body::Body};
use criterion::{Criterion, Throughput};
use hot_path::{USER_ID, app, payload};
use http::Request;
use serde::de::IgnoredAny;
use shared::kind::PIN;
use tower::ServiceExt;

pub(crate) fn bench(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let router = ingest::router(app());
    for count in [1, 500] {
        let body = payload::body(payload::rows(&PIN).take(count));
        let mut group = c.benchmark_group(format!("request of {count}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("syntax", |b| b.iter(|| serde_json::from_str::<IgnoredAny>(black_box(&body)).is_ok()));
        group.bench_function("ours", |b| b.iter(|| runtime.block_on(answer(&router, body.clone()))));
        group.finish();
    }
}

async fn answer(router: &Router, body: String) {
    let request = Request::post(format!("/topics/{USER_ID}.{PIN}")).body(Body::from(body)).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

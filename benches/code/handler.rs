//! Whole requests through the router, to a publisher that keeps nothing.

use std::{future, hint::black_box, time::Duration};

use axum::{Router, body::Body};
use criterion::{Criterion, Throughput};
use http::Request;
use ingest::{App, router};
use serde::de::IgnoredAny;
use shared::{
    kind::PIN,
    metadata::{Describe, DescribeError, Offsets, Partition},
    metrics::Metrics,
    publish::{Outcome, Publish, Record, Unreachable, Written},
    sample,
};
use tokio::time::Instant;
use tower::ServiceExt;

/// Says of each record that it is written.
#[derive(Clone)]
struct Discard;

impl Publish for Discard {
    fn publish(&self, records: Vec<Record>, _: Instant) -> impl Future<Output = Vec<Outcome>> + Send {
        let written = Written { partition: 0, offset: 0, timestamp_ms: None };
        future::ready(black_box(records).iter().map(|_| Ok(written)).collect())
    }
}

/// Nothing is asked here.
impl Describe for Discard {
    async fn reach(&self, _: Duration) -> Result<(), Unreachable> {
        future::pending().await
    }

    async fn cluster_id(&self, _: Duration) -> Result<String, DescribeError> {
        future::pending().await
    }

    async fn brokers(&self, _: Duration) -> Result<Vec<i32>, DescribeError> {
        future::pending().await
    }

    async fn partitions(&self, _: &str, _: Duration) -> Result<Vec<Partition>, DescribeError> {
        future::pending().await
    }

    async fn offsets(&self, _: &str, _: i32, _: Duration) -> Result<Offsets, DescribeError> {
        future::pending().await
    }
}

pub(crate) fn bench(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let router = router(App::new(Discard, &"u".parse().expect("a user id"), Metrics::default()));
    for count in [1, 500] {
        let rows = sample::rows(PIN.table).unwrap_or_default().lines().take(count);
        let records: Vec<String> = rows.map(|row| format!(r#"{{"value":{row}}}"#)).collect();
        let body = format!(r#"{{"records":[{}]}}"#, records.join(","));
        let mut group = c.benchmark_group(format!("request of {count}"));
        group.throughput(Throughput::Bytes(body.len() as u64));
        group.bench_function("syntax", |b| b.iter(|| serde_json::from_str::<IgnoredAny>(black_box(&body)).is_ok()));
        group.bench_function("answer", |b| {
            b.iter(|| runtime.block_on(answer(&router, body.clone())));
        });
        group.finish();
    }
}

async fn answer(router: &Router, body: String) {
    let request = Request::post("/topics/u.pin").body(Body::from(body)).expect("a request");
    let answer = router.clone().oneshot(request).await.expect("an answer");
    assert_eq!(answer.status(), 200);
}

//! Hostile input to API v3, which has a result for each record of a request.

use axum::http::Request;
use bytes::Bytes;
use ingest::{MAX_BODY_BYTES, MAX_V3_RECORDS};

use super::{
    cost::{Before, Most},
    processes::assert_nothing_written,
};
use crate::support::{http::send, local::Local};

/// The largest response that fits into Lambda's 6 MB, with a margin, in bytes.
const MAX_ANSWER_BYTES: usize = 5_000_000;

/// `object` as often as a request may have it.
fn many(object: &str) -> String {
    object.repeat((MAX_BODY_BYTES / object.len()).min(MAX_V3_RECORDS))
}

/// The name, the path below the cluster, the body, the status, and a part of the response.
fn refused() -> impl Iterator<Item = (&'static str, &'static str, String, u16, &'static str)> {
    let number = format!(r#"{{"value":1e999,"x":"{}"}}"#, "y".repeat(600));
    let headers = vec![r#"{"name":"a"}"#; 480_000].join(",");
    let deep = |id: usize| format!(r#"{{"id":"{id}","value":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let entries = (0..10).map(deep).collect::<Vec<_>>().join(",");
    let rows = format!(r#"{{"value":{{"type":"JSON","data":[{}]}}}}"#, ["{}"; 190].join(","));
    [
        ("lists of wrong rows", "demo.geo/records", many(&rows), 200, "and 759 more"),
        ("numbers out of range", "demo.geo/records", many(&number), 200, "number out of range"),
        ("lines and numbers out of range", "demo.geo/records", many(&format!("\n{number}")), 200, "line 3"),
        ("empty records", "demo.geo/records", many("{}"), 200, "is missing or null"),
        ("records for an unknown topic", "nowhere/records", many("{}"), 200, "Topic not found"),
        ("too many records", "demo.geo/records", "{}".repeat(MAX_BODY_BYTES / 2), 413, "3145728 records"),
        ("unknown members", "demo.geo/records", many(r#"{"a":{},"b":{}}"#), 200, "Unrecognized field"),
        ("480000 headers", "demo.geo/records", format!(r#"{{"headers":[{headers}]}}"#), 200, "more than 1000"),
        ("a deep record", "demo.geo/records", deep(0), 200, "recursion limit exceeded"),
        (
            "deep entries",
            "demo.geo/records:batch",
            format!(r#"{{"entries":[{entries}]}}"#),
            207,
            "recursion limit exceeded",
        ),
    ]
    .into_iter()
}

#[tokio::test]
async fn local_refuses_every_hostile_record_at_a_bounded_cost() {
    let local = Local::start_without_emulator().await;
    let mut most = Most::default();
    for (what, path, body, status, says) in refused() {
        let before = Before::of(local.process.id());
        let request = Request::post(format!("/v3/clusters/c/topics/{path}")).header("content-type", "application/json");
        let request = request.body(Bytes::from(body)).unwrap();
        let answer = send(local.address, "", request).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let body = std::str::from_utf8(answer.body()).unwrap();
        assert_eq!(answer.status(), status, "{what}: {body:.300}");
        assert!(body.contains(says), "{what}: {body:.300}");
        assert!(!body.contains(r#""error_code":200"#), "{what}: {body:.300}");
        assert!(body.len() < MAX_ANSWER_BYTES, "{what}: {} bytes", body.len());
        before.assert_bounded(what, &mut most);
    }
    most.print();
    assert_nothing_written(&local).await;
}

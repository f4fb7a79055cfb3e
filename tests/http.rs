//! Requests beyond the vectors: the log line of each, and the response after a panic.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use lambda_runtime::tracing::Level;
use shared::kind::GEO;

use crate::support::{
    log::Log,
    pipeline::{JSON, answer, envelope},
    recorder::Recorder,
    rows::with,
};

#[tokio::test]
async fn only_the_beginning_of_a_long_path_is_logged() {
    let (log, _guard) = Log::capture(Level::INFO);
    let request = Request::get(format!("/{}", "a".repeat(5_000))).body(Body::empty()).unwrap();
    answer(&Recorder::default().router(), request).await;
    let log = log.text();
    assert!(log.contains("path=") && log.contains(&"a".repeat(60)), "{log}");
    assert!(!log.contains(&"a".repeat(65)), "{log}");
}

#[tokio::test]
async fn the_response_to_a_panic_discloses_nothing() {
    let router = Recorder::panicking().router();
    let request = Request::post("/topics/u.geo")
        .header(header::CONTENT_TYPE, JSON)
        .body(Body::from(envelope(&[&with(&GEO, &[])])))
        .unwrap();
    let answer = answer(&router, request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body, r#"{"error_code":500,"message":"Internal Server Error"}"#);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
}

#[tokio::test]
async fn every_paths_error_names_the_remedy() {
    const PATHS: [&str; 16] = [
        "/",
        "/nope",
        "/streams",
        "/streams/streaming-u-pin/record",
        "/topics",
        "/topics/u.geo",
        "/topics/u.geo/nope",
        "/topics/%ff",
        "/topics/u.geo/partitions/x",
        "/topics/u.geo/partitions/-1/offsets",
        "/brokers",
        "/consumers/a",
        "/v3",
        "/v3/clusters/c",
        "/v3/clusters/c/topics/u.geo/records",
        "/docs/nope",
    ];
    for path in PATHS {
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"] {
            let request = Request::builder().method(method).uri(path).body(Body::from("{}")).unwrap();
            let answer = answer(&Recorder::default().router(), request).await;
            if answer.status.is_success() {
                continue;
            }
            let message = answer.json()["message"].as_str().unwrap().to_owned();
            let bare = format!("HTTP {}", answer.status);
            assert!(message.len() > bare.len() + 10, "{method} {path}: {message}");
        }
    }
}

//! `GET /openapi.json` describes the API: its routes, responses, and which requests are accepted.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
};
use ingest::router;
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};
use vectors::Names;

use crate::support::{
    golden::assert_golden,
    local::Local,
    openapi::OpenApi,
    pipeline::{Answer, JSON, answer},
    recorder::Recorder,
    template::{python_in, workspace},
};

mod answers;
mod schemas;

/// A minute where nothing else runs; more than it ever takes.
const SCHEMATHESIS: Duration = Duration::from_mins(5);

/// Every HTTP method except for the two that work on every path.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "trace", "connect"];

async fn send(router: &Router, method: &str, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    let request = request.header(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    answer(router, request.body(body.into()).unwrap()).await
}

#[tokio::test]
async fn the_document_matches_its_golden_file() {
    let OpenApi(document) = OpenApi::of(&Recorder::default().router()).await;
    assert_golden("openapi.json", &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()));
}

#[tokio::test]
#[ignore = "needs Python with openapi-spec-validator: make test"]
async fn the_document_is_openapi_3_1() {
    let OpenApi(document) = OpenApi::of(&Recorder::default().router()).await;
    assert_eq!(python_in("openapi", "valid.py", &document), Value::from("3.1"));
}

/// Some thousand requests, the same on each run: valid ones, invalid ones, and sequences.
#[tokio::test]
#[ignore = "needs schemathesis: make test"]
async fn every_schemathesis_request_gets_a_documented_response() {
    let local = Local::start_without_emulator().await;
    // It keeps notes where it runs.
    let folder = tempfile::tempdir().unwrap();
    let file = |path: &str| workspace(path).canonicalize().expect("`make tools` fetches it");
    let mut schemathesis = Command::new(file(".tools/venv/bin/schemathesis"));
    schemathesis.env("SCHEMATHESIS_HOOKS", file("tests/openapi/hooks.py"));
    schemathesis.arg("--config-file").arg(file("tests/openapi/schemathesis.toml"));
    schemathesis.args(["run", "--checks", "all", "--seed", "1"]).arg(format!("http://{}/openapi.json", local.address));
    schemathesis.current_dir(folder.path()).env("NO_PROXY", "*").kill_on_drop(true);
    let output = timeout(SCHEMATHESIS, schemathesis.output()).await.expect("an end in time").unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("No issues found"), "{said}");
}

#[tokio::test]
async fn every_route_of_the_router_is_in_the_document_and_no_other() {
    let source = include_str!("../functions/ingest/src/routes.rs");
    let lists = source.split("segments: &[").skip(1).map(|rest| rest.split(']').next().unwrap());
    let segments = |list: &str| list.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let routes = lists
        .filter(|list| !list.starts_with('&'))
        .map(|list| format!("/{}", segments(list).join("/")).replace("{*", "{"));
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    assert_eq!(openapi.paths().map(str::to_owned).collect::<BTreeSet<_>>(), routes.collect());
}

#[tokio::test]
async fn each_documented_method_is_served_and_each_other_one_is_a_405() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    for at in openapi.operations() {
        let path = openapi.filled(&at);
        let of_path = &openapi.0["paths"][at.path];
        for method in METHODS {
            let answer = send(&router, method, &path, JSON, "{}").await;
            // Behind a stage as well: `routes` distinguishes it from a route.
            let staged = send(&router, method, &format!("/stage{path}"), JSON, "{}").await;
            assert!(staged.status == answer.status || path == "/", "{method} /stage{path}: {}", staged.body);
            if of_path[method].is_object() {
                openapi.assert_describes(&openapi.operation(method, at.path), &answer);
                // The message shows that a path is not routed. The root's POST is routed there.
                let to_nowhere = answer.body.contains("records are sent to") && (method, at.path) != ("post", "/");
                assert!(answer.status != 405 && !to_nowhere, "{method} {path}: {}", answer.body);
            } else {
                assert_eq!(answer.status, 405, "{method} {path} is not in the document: {}", answer.body);
                let allowed = answer.header(header::ALLOW).to_lowercase();
                let allowed: BTreeSet<_> = allowed.split(',').filter(|method| *method != "head").collect();
                assert_eq!(allowed, of_path.as_object().unwrap().keys().map(String::as_str).collect(), "{path}");
            }
        }
    }
}

/// The values of the vectors' placeholders.
fn names() -> Names {
    Names::new("u", &["u.pin".to_owned(), "u.geo".to_owned(), "u.user".to_owned()])
}

#[tokio::test]
async fn pass_through_topics_are_listed_and_accept_any_value() {
    let topics = "clicks,views".parse().unwrap();
    let openapi = OpenApi::of(&router(Recorder::default().app().with_pass_through(&topics))).await;
    let schema = &openapi.0["components"]["parameters"]["topic"]["schema"];
    assert_eq!(schema["enum"], json!(["clicks", "u.geo", "u.pin", "u.user", "views"]));
    let records = &openapi.0["components"]["schemas"]["Records"];
    let problems = openapi.problems(records, &json!({"records": [{"value": [1, "two"]}]}));
    assert_eq!(problems, <[String; 0]>::default());
    assert!(openapi.0["components"]["schemas"]["Value"].to_string().contains("clicks, views"));
}

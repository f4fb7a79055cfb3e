//! `GET /openapi.json` tells what the API does: each route, each answer, what is accepted and what is refused.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
};
use ingest::{App, error::ANSWERS, router};
use serde_json::Value;
use shared::{
    kind::CATALOG,
    metrics::Metrics,
    publish::{Failure, Outcome, Publish, Reach, Record, Unreachable, Written},
};
use tokio::{
    process::Command,
    time::{Instant, timeout},
};

use crate::{
    support::{
        golden::assert_golden,
        local::Local,
        openapi::{OpenApi, Operation},
        pipeline::{Answer, BINARY, JSON, answer, envelope},
        recorder::Recorder,
        rows::with,
        template::{python_in, workspace},
    },
    validation::{accepted, refused},
};

/// A minute where nothing else runs; more than it ever takes.
const SCHEMATHESIS: Duration = Duration::from_mins(5);

/// Every method that HTTP knows, but for the two that are answered everywhere.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "trace", "connect"];

async fn send(router: &Router, method: &str, path: &str, content_type: &str, body: impl Into<Body>) -> Answer {
    let request = Request::builder().method(method.to_uppercase().as_str()).uri(path);
    let request = request.header(header::CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap());
    answer(router, request.body(body.into()).unwrap()).await
}

/// The operation of a path and a method.
fn operation<'a>(openapi: &'a OpenApi, method: &str, path: &str) -> Operation<'a> {
    openapi.operations().find(|operation| (operation.method, operation.path) == (method, path)).unwrap()
}

fn produce(openapi: &OpenApi) -> Operation<'_> {
    operation(openapi, "post", "/topics/{topic}")
}

#[tokio::test]
async fn the_document_is_what_it_was() {
    let OpenApi(document) = OpenApi::of(&Recorder::default().router()).await;
    assert_golden("openapi.json", &format!("{}\n", serde_json::to_string_pretty(&document).unwrap()));
}

#[tokio::test]
#[ignore = "needs Python with openapi-spec-validator: make test"]
async fn the_document_is_openapi_3_1() {
    let OpenApi(document) = OpenApi::of(&Recorder::default().router()).await;
    assert_eq!(python_in("openapi", "valid.py", &document), Value::from("3.1"));
}

/// Some thousand requests, the same each time: valid ones, wrong ones, and sequences of them.
#[tokio::test]
#[ignore = "needs schemathesis: make test"]
async fn no_request_that_schemathesis_makes_of_the_document_is_answered_otherwise() {
    let local = Local::start_quiet().await;
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
    let source = include_str!("../functions/ingest/src/router.rs");
    let routes = source.split(".route(\"").skip(1).map(|rest| rest.split('"').next().unwrap().replace("{*", "{"));
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    assert_eq!(openapi.paths().map(str::to_owned).collect::<BTreeSet<_>>(), routes.collect());
}

#[tokio::test]
async fn each_method_of_a_path_is_answered_as_the_document_says_and_each_other_one_by_405() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    for at in openapi.operations() {
        let path = openapi.filled(&at);
        let of_path = &openapi.0["paths"][at.path];
        for method in METHODS {
            let answer = send(&router, method, &path, JSON, "{}").await;
            if of_path[method].is_object() {
                openapi.assert_describes(&operation(&openapi, method, at.path), &answer);
                // What has no answer but an error is told by its words.
                let to_nowhere = answer.status == 404 && !answer.body.contains("records are sent to");
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

#[tokio::test]
async fn the_schemas_take_all_that_is_accepted() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    for (what, kind, value) in accepted() {
        let body: Value = serde_json::from_str(&envelope(&[&value])).unwrap();
        let records = openapi.problems(&openapi.0["components"]["schemas"]["Records"], &body);
        assert_eq!(records, <[String; 0]>::default(), "{kind}, {what}: {value}");
    }
}

#[tokio::test]
async fn the_schemas_take_nothing_that_is_refused_but_what_a_schema_cannot_tell() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    for (what, kind, value, expected) in refused() {
        let Ok(parsed) = serde_json::from_str::<Value>(&value) else { panic!("{value}") };
        let name = kind.name[..1].to_uppercase() + &kind.name[1..];
        let problems = openapi.problems(&openapi.0["components"]["schemas"][name], &parsed);
        let (field, problem) = expected[0];
        let in_text = field.is_some_and(|field| parsed[field].is_string());
        let untold = problem.contains("is not an existing date")
            || problem.contains("differs from")
            || problem.contains("appears more than once")
            || what == "more fields than are kept"
            || (in_text
                && problem.contains("must be ")
                && parsed[field.unwrap()].as_str().unwrap().parse::<f64>().is_ok());
        assert!(untold || !problems.is_empty(), "{kind}, {what}: {value:.200}");
    }
}

#[tokio::test]
async fn every_example_of_a_request_is_written_to_the_topic_of_its_kind() {
    let recorder = Recorder::default();
    let router = recorder.router();
    let openapi = OpenApi::of(&router).await;
    let at = produce(&openapi);
    let content = openapi.at(&at.described["requestBody"])["content"].as_object().unwrap();
    let mut kinds = BTreeSet::new();
    for (content_type, described) in content {
        for (name, example) in described["examples"].as_object().unwrap() {
            let body = &openapi.at(example)["value"];
            assert_eq!(openapi.problems(&described["schema"], body), <[String; 0]>::default(), "{name}");
            let kind = name.split('-').next().unwrap();
            let answer = send(&router, "post", &format!("/topics/u.{kind}"), content_type, body.to_string()).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            assert_eq!(recorder.take().len(), body["records"].as_array().unwrap().len(), "{name}");
            openapi.assert_describes(&at, &answer);
            kinds.insert(kind.to_owned());
        }
    }
    assert_eq!(kinds, CATALOG.iter().map(|kind| kind.name.to_owned()).collect());
    let types = content.keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(types, [JSON, BINARY, "application/json"].into());
}

#[tokio::test]
async fn every_example_of_a_refusal_is_what_the_api_answers() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    let at = produce(&openapi);
    let mut refusals = 0;
    for (status, response) in at.described["responses"].as_object().unwrap() {
        let examples = openapi.at(response)["content"]["application/json"]["examples"].as_object();
        for (name, example) in examples.into_iter().flatten() {
            // Those of records that Kafka did not take were sent nowhere.
            let Some(sent) = example["description"].as_str() else { continue };
            let (to, body) = sent.strip_suffix("\n```").unwrap().split_once(":\n\n```json\n").unwrap();
            let mut words = to.split('`').skip(1).step_by(2);
            let (topic, content_type) = (words.next().unwrap(), words.next().unwrap_or(JSON));
            let answer = send(&router, "post", &format!("/topics/{topic}"), content_type, body.to_owned()).await;
            assert_eq!((answer.status.as_str(), answer.json()), (status.as_str(), example["value"].clone()), "{name}");
            openapi.assert_describes(&at, &answer);
            refusals += 1;
        }
    }
    let listed: Vec<Value> =
        serde_json::from_str(include_str!("../functions/ingest/src/openapi/refusals.json")).unwrap();
    assert_eq!(refusals, listed.len(), "one of them is none");
}

/// Fails one record of a request, and has no broker.
#[derive(Debug, Clone)]
struct Fails(Failure);

impl Publish for Fails {
    async fn publish(&self, records: Vec<Record>, _: Instant) -> Vec<Outcome> {
        let written = Ok(Written { partition: 0, offset: 0 });
        std::iter::once(Err(self.0)).chain(records.iter().skip(1).map(|_| written)).collect()
    }
}

impl Reach for Fails {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        Err(Unreachable::NoAnswer { within, source: None })
    }
}

#[tokio::test]
async fn every_answer_to_what_kafka_does_not_take_is_in_the_document() {
    let row = with(CATALOG[1], &[]);
    for failure in [
        Failure::Unconfirmed,
        Failure::NoSuchTopic,
        Failure::NoSuchPartition,
        Failure::TooLarge,
        Failure::Refused,
        Failure::Unauthenticated,
        Failure::Unauthorized,
    ] {
        let router = router(App::new(Fails(failure), &"u".parse().unwrap(), Metrics::default()));
        let openapi = OpenApi::of(&router).await;
        let answer = send(&router, "post", "/topics/u.geo", JSON, envelope(&[&row, &row])).await;
        openapi.assert_describes(&produce(&openapi), &answer);
        let health = operation(&openapi, "get", "/health");
        openapi.assert_describes(&health, &send(&router, "get", "/health", JSON, "").await);
    }
}

#[tokio::test]
async fn every_answer_of_the_readmes_table_is_one_of_an_operation() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let of_an_operation = |status: &str, code: u32| {
        let mut responses = openapi.operations().map(|at| &at.described["responses"][status]["description"]);
        responses.any(|description| description.as_str().is_some_and(|text| text.contains(&format!("`{code}`: "))))
    };
    let untold = ANSWERS.iter().filter(|answer| !of_an_operation(answer.status.as_str(), answer.code));
    // That is of the methods which no operation has.
    assert_eq!(untold.map(|answer| answer.code).collect::<Vec<_>>(), [405]);
}

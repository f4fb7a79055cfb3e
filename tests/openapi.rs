//! `GET /openapi.json` tells what the API does: each route, each answer, what is accepted and what is refused.

use std::{collections::BTreeSet, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, Request, header},
};
use ingest::{App, error::ANSWERS, router};
use serde_json::{Value, json};
use shared::{
    kind::{CATALOG, GEO, Kind},
    metadata::{Describe, DescribeError, Description, Offsets, Partition},
    metrics::Metrics,
    publish::{Failure, Outcome, Publish, Reach, Record, Unreachable},
};
use tokio::{
    process::Command,
    time::{Instant, timeout},
};
use vectors::{Names, Need, Vector};

use crate::{
    contract::vectors,
    support::{
        golden::assert_golden,
        local::Local,
        openapi::OpenApi,
        pipeline::{Answer, BINARY, JSON, answer, envelope},
        recorder::Recorder,
        rows::with,
        template::{python_in, workspace},
    },
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
                openapi.assert_describes(&openapi.operation(method, at.path), &answer);
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

/// The vectors that run on a topic of one partition.
fn of_one_partition() -> impl Iterator<Item = &'static Vector> {
    vectors().iter().filter(|vector| !vector.needs.contains(&Need::ThreePartitions))
}

fn names() -> Names {
    Names::new("u", &["u.pin".to_owned(), "u.geo".to_owned(), "u.user".to_owned()])
}

#[tokio::test]
async fn the_answer_to_every_vector_is_one_of_its_operation() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    let mut described = BTreeSet::new();
    for vector in of_one_partition() {
        let request = vector.request(&names()).unwrap();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let answer = answer(&router, request.map(Body::from)).await;
        match openapi.asked(&method, &path) {
            Some(operation) => {
                openapi.assert_describes(&operation, &answer);
                described.insert(operation.path);
            }
            // A path or a method that is not there, or a path that is spelled in another way.
            None => assert!(matches!(answer.status.as_u16(), 200 | 404 | 405), "{vector}: {}", answer.body),
        }
    }
    assert!(described.len() > 5, "{described:?}");
}

/// The bodies of a file's vectors as JSON, each with the message to it and the kind of its topic.
fn bodies(file: &str) -> Vec<(&'static Vector, Value, &'static Kind)> {
    let body = |vector: &'static Vector| {
        let request = vector.request(&names()).unwrap();
        let kind = CATALOG.iter().find(|kind| request.uri().path().ends_with(&format!("u.{kind}")))?;
        Some((vector, serde_json::from_slice(request.body()).ok()?, *kind))
    };
    vectors().iter().filter(|vector| vector.file.starts_with(file)).filter_map(body).collect()
}

#[tokio::test]
async fn the_schemas_take_all_that_is_accepted() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let accepted = bodies("accepted-");
    assert!(accepted.len() > 40, "{}", accepted.len());
    for (vector, body, _) in accepted {
        let problems = openapi.problems(&openapi.0["components"]["schemas"]["Records"], &body);
        assert_eq!(problems, <[String; 0]>::default(), "{vector}");
    }
}

#[tokio::test]
async fn the_schemas_take_nothing_that_is_refused_but_what_a_schema_cannot_tell() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let refused = bodies("refused");
    assert!(refused.len() > 40, "{}", refused.len());
    for (vector, body, kind) in refused {
        let row = kind.name[..1].to_uppercase() + &kind.name[1..];
        let row = &openapi.0["components"]["schemas"][row];
        let told = |value: &Value| !openapi.problems(row, value).is_empty();
        let told = body["records"].as_array().is_none_or(|records| records.iter().any(|record| told(&record["value"])));
        let said = vector.answers(&names()).unwrap();
        // A number in a string has no bounds there, the calendar is none of a pattern's, and names are read once.
        let bounded = said.split("; it is the string \\\"").skip(1);
        let bounded = bounded.filter_map(|rest| rest.split('\\').next()?.parse::<f64>().ok()).count() > 0;
        let untold = ["is not an existing date", "differs from", "appears more than once", " fields, more than "];
        assert!(told || bounded || untold.iter().any(|untold| said.contains(untold)), "{vector}: {body:.300}\n{said}");
    }
}

#[tokio::test]
async fn every_example_of_a_request_is_written_to_the_topic_of_its_kind() {
    let recorder = Recorder::default();
    let router = recorder.router();
    let openapi = OpenApi::of(&router).await;
    let at = openapi.operation("post", "/topics/{topic}");
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
async fn every_example_of_v3_has_the_results_that_it_tells() {
    let recorder = Recorder::default();
    let router = recorder.router();
    let openapi = OpenApi::of(&router).await;
    for (path, written) in [("records", [1, 1].as_slice()), ("records:batch", &[1])] {
        let at = openapi.operation("post", &format!("/v3/clusters/{{cluster_id}}/topics/{{topic}}/{path}"));
        let described = &at.described["requestBody"]["content"]["application/json"];
        let examples = described["examples"].as_object().unwrap();
        assert_eq!(examples.len(), written.len());
        for ((name, example), written) in examples.iter().zip(written) {
            let body = &openapi.at(example)["value"];
            assert_eq!(openapi.problems(&described["schema"], body), <[String; 0]>::default(), "{name}");
            let path = format!("/v3/clusters/c/topics/u.geo/{path}");
            let answer = send(&router, "post", &path, "application/json", body.to_string()).await;
            openapi.assert_describes(&at, &answer);
            assert_eq!(recorder.take().len(), *written, "{name}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn every_example_of_a_refusal_is_what_the_api_answers() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    let at = openapi.operation("post", "/topics/{topic}");
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

#[tokio::test]
async fn every_answer_to_records_that_kafka_does_not_take_is_in_the_document() {
    let row = with(&GEO, &[]);
    let v3 = format!(r#"{{"value":{{"type":"JSON","data":{row}}}}}"#);
    let batch = format!(r#"{{"entries":[{{"id":"a","value":{{"type":"JSON","data":{row}}}}}]}}"#);
    for failure in [
        Failure::Unconfirmed,
        Failure::NoSuchTopic,
        Failure::NoSuchPartition,
        Failure::TooLarge,
        Failure::Refused,
        Failure::Unauthenticated,
        Failure::Unauthorized,
    ] {
        let router = Recorder::failing(failure).router();
        let openapi = OpenApi::of(&router).await;
        for (path, content_type, body) in [
            ("/topics/u.geo", JSON, &envelope(&[&row, &row])),
            ("/topics/u.geo/partitions/0", "application/json", &envelope(&[&row])),
            ("/v3/clusters/c/topics/u.geo/records", "application/json", &v3),
            ("/v3/clusters/c/topics/u.geo/records:batch", "application/json", &batch),
        ] {
            let answer = send(&router, "post", path, content_type, body.clone()).await;
            openapi.assert_describes(&openapi.asked("POST", path).unwrap(), &answer);
        }
    }
}

/// A cluster that tells nothing.
#[derive(Debug, Clone)]
struct Silent(DescribeError);

impl Publish for Silent {
    async fn publish(&self, _: Vec<Record>, _: Instant) -> Vec<Outcome> {
        Vec::new()
    }
}

impl Reach for Silent {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        Err(Unreachable::NoAnswer { within, source: None })
    }
}

impl Describe for Silent {
    async fn cluster(&self, within: Duration) -> Result<Description, DescribeError> {
        Err(Unreachable::NoAnswer { within, source: None }.into())
    }

    async fn partitions(&self, _: &str, _: Duration) -> Result<Vec<Partition>, DescribeError> {
        Err(self.0.clone())
    }

    async fn offsets(&self, _: &str, _: i32, _: Duration) -> Result<Offsets, DescribeError> {
        Err(self.0.clone())
    }
}

#[tokio::test]
async fn every_answer_of_a_cluster_that_tells_nothing_is_in_the_document() {
    for error in [DescribeError::NoSuchTopic, DescribeError::Unauthorized, Unreachable::LogInRefused.into()] {
        let router = router(App::new(Silent(error), &"u".parse().unwrap(), Metrics::default()));
        let openapi = OpenApi::of(&router).await;
        for at in openapi.operations().filter(|at| at.method == "get") {
            openapi.assert_describes(&at, &send(&router, "get", &openapi.filled(&at), JSON, "").await);
        }
    }
}

#[tokio::test]
async fn topics_that_are_passed_through_are_told_and_take_anything() {
    let topics = "clicks,views".parse().unwrap();
    let openapi = OpenApi::of(&router(Recorder::default().app().passing_through(&topics))).await;
    let schema = &openapi.0["components"]["parameters"]["topic"]["schema"];
    assert_eq!(schema["enum"], json!(["clicks", "u.geo", "u.pin", "u.user", "views"]));
    let records = &openapi.0["components"]["schemas"]["Records"];
    let problems = openapi.problems(records, &json!({"records": [{"value": [1, "two"]}]}));
    assert_eq!(problems, <[String; 0]>::default());
    assert!(openapi.0["components"]["schemas"]["Value"].to_string().contains("clicks, views"));
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

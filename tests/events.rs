//! Every event that reaches `ingest` gets a response from it: the files in `events/`, each a vector's request, and events that
//! no gateway should send.

use std::{fs, path::PathBuf, time::Duration};

use aws_lambda_events::{
    apigw::{ApiGatewayProxyRequest, ApiGatewayV2httpRequest},
    encodings::Body,
};
use axum::http::Response;
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use ingest::{
    App,
    event::{self, Event},
};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use shared::{metadata::Describe, publish::Publish, read_back::ReadBack};
use vectors::{Names, Vector};

use crate::{
    contract,
    support::{self, contents::Contents, pipeline::Pipeline, recorder::Recorder},
};

mod published;
mod replaced;

/// The event files whose names begin with `function`.
fn events(function: &str) -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../events");
    let mut events: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_str().unwrap().to_owned(), fs::read_to_string(&path).unwrap()))
        .filter(|(name, _)| name.starts_with(function))
        .collect();
    events.sort();
    events
}

fn invocation(event: &str, time: Duration) -> LambdaEvent<Event> {
    support::invocation(support::event(event), time)
}

/// The body's text and the rest of a response, as API Gateway gets it.
async fn answer<P: Publish, C: Describe + ReadBack>(app: &App<P, C>, event: &str) -> (Value, String) {
    let response = event::handle(app, Duration::ZERO, invocation(event, Duration::from_secs(28))).await;
    let Some(Body::Text(body)) = &response.body else { panic!("no text: {response:?}") };
    (serde_json::to_value(&response).unwrap(), body.clone())
}

/// The vector whose request an event stands for.
fn vector(event: &str, names: &Names) -> Option<&'static Vector> {
    let event: Value = serde_json::from_str(event).unwrap();
    let http = &event["requestContext"]["http"];
    let method = event["httpMethod"].as_str().or_else(|| http["method"].as_str());
    let path = event["path"].as_str().or_else(|| event["rawPath"].as_str());
    let headers = event["headers"].as_object().unwrap().iter();
    let content_type = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let content_type: Vec<_> = content_type.map(|(_, value)| value.as_str().unwrap()).collect();
    let body = event["body"].as_str().unwrap_or_default();
    let body = if event["isBase64Encoded"] == true { STANDARD.decode(body).unwrap() } else { body.into() };
    contract::vectors().iter().find(|vector| {
        let request = vector.request(names).unwrap();
        let types = request.headers().get_all("content-type").iter();
        let types: Vec<_> = types.map(|value| value.to_str().unwrap()).collect();
        (Some(request.method().as_str()), Some(request.uri().path())) == (method, path)
            && types == content_type
            && *request.body() == body
    })
}

#[tokio::test]
async fn every_event_file_is_a_vectors_request_and_gets_its_response() {
    let pipeline = Pipeline::start_for("demo").await;
    let names = Names::new("demo", &pipeline.topics());
    let contents = Contents::of(&pipeline);
    for (name, event) in events("ingest-") {
        let vector = vector(&event, &names).unwrap_or_else(|| panic!("no vector has the request of {name}"));
        let (response, body) = answer(&pipeline.app, &event).await;
        let mut answered = Response::builder().status(u16::try_from(response["statusCode"].as_u64().unwrap()).unwrap());
        for (name, value) in response["headers"].as_object().unwrap() {
            answered = answered.header(name, value.as_str().unwrap());
        }
        let answered = answered.body(Bytes::from(body)).unwrap();
        let mut differences = vector.differences(&names, &answered);
        differences.extend(contents.differences(vector.records(&names), &answered));
        assert_eq!(differences, [], "{name}, {vector}");
        assert_eq!(response["isBase64Encoded"], false, "{name}");
        assert_eq!(name.contains("refused"), answered.status() != 200, "{name}");
    }
}

#[test]
fn every_event_file_has_the_form_of_aws_events() {
    for (name, event) in events("ingest-") {
        let version_2 = event.contains(r#""version": "2.0""#);
        if version_2 {
            serde_json::from_str::<ApiGatewayV2httpRequest>(&event).unwrap_or_else(|error| panic!("{name}: {error}"));
        } else {
            serde_json::from_str::<ApiGatewayProxyRequest>(&event).unwrap_or_else(|error| panic!("{name}: {error}"));
        }
    }
}

const ROW: &str = r#"{"ind":1,"timestamp":"2020-08-28 03:52:47","latitude":1,"longitude":1}"#;

fn v1(change: impl FnOnce(&mut Value)) -> String {
    let mut event = json!({
        "httpMethod": "POST",
        "path": "/topics/u.geo",
        "headers": {"Content-Type": "application/json"},
        "body": format!(r#"{{"records":[{{"value":{ROW}}}]}}"#),
        "isBase64Encoded": false,
    });
    change(&mut event);
    event.to_string()
}

#[tokio::test]
async fn a_malformed_event_is_served_if_it_has_a_request() {
    let multiple = json!({"content-type": ["text/html", "application/json"], "accept": []});
    let cases = [
        ("as it is", v1(|_| ()), 200),
        ("no headers", v1(|event| event["headers"] = Value::Null), 200),
        (
            "headers that HTTP cannot express",
            v1(|event| event["headers"] = json!({"a b": "c", "x": "\n", "y": null, "": ""})),
            200,
        ),
        ("several types, of which the first counts", v1(|event| event["multiValueHeaders"] = multiple), 415),
        ("text marked as base64", v1(|event| event["isBase64Encoded"] = json!(true)), 200),
        ("null as the base64 flag", v1(|event| event["isBase64Encoded"] = Value::Null), 200),
        ("no body", v1(|event| event["body"] = Value::Null), 422),
        ("an unparsable Host", v1(|event| event["headers"] = json!({"Host": "a b:x"})), 200),
        ("no path", v1(|event| event["path"] = Value::Null), 400),
        ("an empty path", v1(|event| event["path"] = json!("")), 404),
        ("a path without a slash", v1(|event| event["path"] = json!("topics/u.geo")), 200),
        ("a path of 70 kB", v1(|event| event["path"] = json!("/a".repeat(35_000))), 404),
        ("two dots", v1(|event| event["path"] = json!("/topics/../topics/u.geo")), 404),
        ("letters, spaces, question marks", v1(|event| event["path"] = json!("/topics/é ?#{}\"<>\\^`|\n")), 404),
        ("a percent sign", v1(|event| event["path"] = json!("/topics/%zz%")), 404),
        ("a method of its own", v1(|event| event["httpMethod"] = json!("BREW")), 405),
        ("no method", v1(|event| event["httpMethod"] = json!("")), 405),
        ("a lower case method", v1(|event| event["httpMethod"] = json!("post")), 405),
        ("a number for a path", v1(|event| event["path"] = json!(1)), 400),
        ("nothing", "{}".to_owned(), 400),
        ("a list", "[]".to_owned(), 400),
        ("null", "null".to_owned(), 400),
        ("an envelope", r#"{"records":[]}"#.to_owned(), 400),
        ("a tick", r#"{"source":"aws.scheduler"}"#.to_owned(), 400),
    ];
    for (what, event, status) in cases {
        let recorder = Recorder::default();
        let (response, body) = answer(&recorder.app(), &event).await;
        assert_eq!(response["statusCode"], status, "{what}: {body}");
        assert_eq!(recorder.take().len(), usize::from(status == 200), "{what}");
        let body: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{what}: {error}: {body}"));
        if status != 200 {
            assert!(body["message"].is_string() && body["error_code"].is_u64(), "{what}: {body}");
        }
    }
}

#[tokio::test]
async fn the_stage_of_an_http_api_is_not_part_of_the_path() {
    for (stage, path) in
        [("prod", "/prod/topics/u.geo"), ("$default", "/topics/u.geo"), ("topics", "/topics/topics/u.geo")]
    {
        let event = json!({
            "version": "2.0",
            "rawPath": path,
            "requestContext": {"stage": stage, "http": {"method": "POST"}},
            "headers": {"content-type": "application/json"},
            "body": format!(r#"{{"records":[{{"value":{ROW}}}]}}"#),
        });
        let (response, body) = answer(&Recorder::default().app(), &event.to_string()).await;
        assert_eq!(response["statusCode"], 200, "{stage}: {body}");
    }
}

#[tokio::test]
async fn a_response_is_sent_before_the_invocations_deadline() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.broker_down(1).unwrap();
    let event = v1(|_| ());
    let second = Duration::from_secs(1);
    // The gateway has waited for the start as well, and Lambda's deadline does not tell.
    for (deadline, init) in [(3 * second, Duration::ZERO), (28 * second, 25 * second)] {
        let begun = tokio::time::Instant::now();
        let event = invocation(&event, deadline);
        let response = event::handle(&pipeline.app, init, event).await;
        assert_eq!(response.status_code, 503);
        assert!(begun.elapsed() < 3 * second, "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn the_archives_event_files_are_stored_and_invalid_json_is_quarantined() {
    let folder = tempfile::tempdir().unwrap();
    let lookup = |name: &str| {
        Some(match name {
            "BOOTSTRAP_SERVERS" => "127.0.0.1:1".to_owned(),
            "SECURITY_PROTOCOL" => "PLAINTEXT".to_owned(),
            "USER_IDS" => "demo".to_owned(),
            _ => folder.path().to_str().unwrap().to_owned(),
        })
    };
    let function = archive::Function::new(archive::settings::Settings::from_lookup(lookup).unwrap()).await.unwrap();
    let events = events("archive-");
    let event = |name: &str| events.iter().find(|(of, _)| of == name).map(|(_, event)| event.as_str()).unwrap();
    for delivery in [1, 2] {
        let batch = serde_json::from_str(event("archive-kafka-batch")).unwrap();
        let report = function.handle(LambdaEvent::new(batch, Context::default())).await.unwrap();
        let new = if delivery == 1 { (4, 1) } else { (0, 0) };
        assert_eq!((report.total().records, report.total().quarantined), new, "delivery {delivery}");
    }
    let tick = serde_json::from_str(event("archive-tick")).unwrap();
    let error = function.handle(LambdaEvent::new(tick, Context::default())).await.unwrap_err().to_string();
    assert!(error.contains("cannot connect to Kafka at 127.0.0.1:1"), "a tick asks Kafka: {error}");
    assert_eq!(events.len(), 2, "each of them is tested here");
}

//! Hostile bodies, headers, raw sockets and events: the response is a clear 4xx, the cost is bounded, and nothing is written.

use std::time::Duration;

use aws_lambda_events::encodings::Body as EventBody;
use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, Request, header},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use ingest::{MAX_BODY_BYTES, event};
use serde_json::{Value, json};

use crate::support::{
    self,
    pipeline::{JSON, answer},
    recorder::Recorder,
};

mod bodies;
mod cost;
mod processes;
mod v3;

use bodies::{HostileBody, ROW, refused};

/// Larger than any response to a refused request, in bytes. Most of the largest one are its hundred violations.
const MAX_ANSWER_BYTES: usize = 64 * 1024;

/// Large enough for an event, in bytes; the largest events that Lambda delivers go to the function's process.
const EVENT_BODY_BYTES: usize = 1024 * 1024;

impl HostileBody {
    /// Asserts the expected response.
    fn assert_answered(&self, by: &str, status: u16, body: &str) {
        let Self { what, says, .. } = self;
        assert!(body.len() < MAX_ANSWER_BYTES, "{what}, {by}: {} bytes", body.len());
        assert_eq!(status, self.status, "{what}, {by}: {body}");
        assert!(body.contains(says), "{what}, {by}: {body}");
        let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{what}, {by}: {error}: {body}"));
        let code = body["offsets"][0].get("error_code").unwrap_or(&body["error_code"]);
        assert_eq!(*code, self.code, "{what}, {by}: {body}");
    }
}

#[tokio::test]
async fn the_router_refuses_every_hostile_body() {
    let recorder = Recorder::default();
    for hostile in refused(MAX_BODY_BYTES) {
        let request =
            Request::post(format!("/topics/u.{}", hostile.kind)).header(header::CONTENT_TYPE, hostile.content_type);
        let answer = answer(&recorder.router(), request.body(Body::from(hostile.body.clone())).unwrap()).await;
        hostile.assert_answered("the router", answer.status.as_u16(), &answer.body);
    }
    assert_eq!(recorder.take(), []);
}

/// The status and body of an event's answer.
async fn answer_to(recorder: &Recorder, event: &Value) -> (u16, String) {
    let event = support::invocation(support::event(&event.to_string()), Duration::from_secs(28));
    let response = event::handle(&recorder.app(), Duration::ZERO, event).await;
    let Some(EventBody::Text(body)) = response.body else { panic!("no text: {response:?}") };
    (u16::try_from(response.status_code).unwrap(), body)
}

/// An event of a REST API, which loses the bytes of a body that are not text.
fn version_1(content_type: &str, body: &[u8]) -> Value {
    json!({
        "httpMethod": "POST",
        "path": "/topics/u.geo",
        "headers": {"Content-Type": content_type},
        "body": String::from_utf8_lossy(body),
        "isBase64Encoded": false,
    })
}

/// An event of an HTTP API.
fn version_2(content_type: &str, body: &[u8]) -> Value {
    json!({
        "version": "2.0",
        "rawPath": "/topics/u.geo",
        "requestContext": {"stage": "$default", "http": {"method": "POST"}},
        "headers": {"content-type": content_type},
        "body": STANDARD.encode(body),
        "isBase64Encoded": true,
    })
}

/// The event of a body: text as a REST API sends it, bytes as an HTTP API does.
fn event_of(hostile: &HostileBody) -> Value {
    let version = if std::str::from_utf8(&hostile.body).is_ok() { version_1 } else { version_2 };
    version(hostile.content_type, &hostile.body)
}

#[tokio::test]
async fn an_event_with_a_hostile_body_is_refused() {
    let recorder = Recorder::default();
    for hostile in refused(EVENT_BODY_BYTES) {
        let (status, body) = answer_to(&recorder, &event_of(&hostile)).await;
        hostile.assert_answered("an event", status, &body);
    }
    assert_eq!(recorder.take(), []);
}

/// Valid JSON without a valid record: hostile headers must not change its response.
const NO_ROW: &str = r#"{"records":[{"value":1}]}"#;

#[tokio::test]
async fn an_event_that_misdescribes_or_lacks_its_body_is_refused() {
    let recorder = Recorder::default();
    let event = |change: &dyn Fn(&mut Value)| {
        let mut event = version_1(JSON, NO_ROW.as_bytes());
        change(&mut event);
        event
    };
    let good = format!(r#"{{"records":[{{"value":{ROW}}}]}}"#);
    let base64 = STANDARD.encode(&good);
    let many: serde_json::Map<_, _> = (0..10_000).map(|at| (format!("x-{at}"), json!("y".repeat(500)))).collect();
    for (what, event, status, says) in [
        ("text marked as base64", event(&|event| event["isBase64Encoded"] = json!(true)), 422, "records[0].value"),
        ("base64 that is said to be text", event(&|event| event["body"] = json!(base64)), 400, "not JSON"),
        (
            "base64 of the other alphabet",
            event(&|event| (event["body"], event["isBase64Encoded"]) = (json!("-_-_"), json!(true))),
            400,
            "not JSON",
        ),
        (
            "base64 with line breaks",
            event(&|event| (event["body"], event["isBase64Encoded"]) = (json!(format!("{base64}\n")), json!(true))),
            400,
            "not JSON",
        ),
        (
            "text that is base64 of something else",
            event(&|event| (event["body"], event["isBase64Encoded"]) = (json!("12345678"), json!(true))),
            400,
            "not JSON",
        ),
        (
            "base64 twice",
            event(&|event| (event["body"], event["isBase64Encoded"]) = (json!(STANDARD.encode(&base64)), json!(true))),
            400,
            "not JSON",
        ),
        ("a word as the base64 flag", event(&|event| event["isBase64Encoded"] = json!("yes")), 422, "records[0].value"),
        ("null for a body", event(&|event| event["body"] = Value::Null), 422, "the body is empty"),
        ("an object for a body", event(&|event| event["body"] = json!({"records": []})), 422, "the body is empty"),
        ("no body", event(&|event| drop(event.as_object_mut().unwrap().remove("body"))), 422, "the body is empty"),
        (
            "no body, marked as base64",
            json!({"httpMethod": "POST", "path": "/topics/u.geo", "isBase64Encoded": true}),
            422,
            "empty",
        ),
        ("10000 headers", event(&|event| event["headers"] = json!(many)), 422, "records[0].value"),
        (
            "a header of 5 MB",
            event(&|event| event["headers"]["x"] = json!("y".repeat(5_000_000))),
            422,
            "records[0].value",
        ),
        ("headers that are a list", event(&|event| event["headers"] = json!(["a"])), 422, "records[0].value"),
        (
            "headers without values",
            event(&|event| event["multiValueHeaders"] = json!({"Content-Type": null, "Accept": [null, null]})),
            422,
            "records[0].value",
        ),
    ] {
        let (found, body) = answer_to(&recorder, &event).await;
        assert_eq!(found, status, "{what}: {body}");
        assert!(body.contains(says), "{what}: {body}");
    }
    assert_eq!(recorder.take(), []);
}

#[tokio::test]
async fn hostile_headers_are_refused_or_ignored() {
    let recorder = Recorder::default();
    let header =
        |name: &'static str, value: &[u8]| (HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap());
    let ranges = |range: &str| vec![range; 5_000].join(", ").into_bytes();
    let long = vec![b'x'; 1_000_000];
    for (what, headers, status, code) in [
        ("none", vec![], 422, 42203),
        ("many", (0..10_000).map(|_| header("x", b"y")).collect(), 422, 42203),
        ("a long one", vec![header("x", &long)], 422, 42203),
        ("one that is not text", vec![header("x", b"\xff\xfe")], 422, 42203),
        ("a type that is not text", vec![header("content-type", b"\xff")], 415, 415),
        ("a long type", vec![header("content-type", &long)], 415, 415),
        (
            "a type with many parameters",
            vec![header("content-type", &[&b"text/x"[..], &b";a=b".repeat(9_000)].concat())],
            415,
            415,
        ),
        (
            "two types, the first unknown",
            vec![header("content-type", b"text/x"), header("content-type", JSON.as_bytes())],
            415,
            415,
        ),
        (
            "two types, the second unknown",
            vec![header("content-type", JSON.as_bytes()), header("content-type", b"text/x")],
            422,
            42203,
        ),
        ("two types in one", vec![header("content-type", b"application/json, text/x")], 415, 415),
        ("an Accept that is not text", vec![header("accept", b"\xff")], 406, 406),
        ("an Accept of nonsense", vec![header("accept", b";;;,,,///=")], 406, 406),
        ("an Accept with many types", vec![header("accept", &ranges("text/x;q=0.1"))], 406, 406),
        ("many Accepts", (0..10_000).map(|_| header("accept", b"text/x")).collect(), 406, 406),
        (
            "an Accept with invalid weights",
            vec![header("accept", b"*/*;q=x, */*;q=-1, */*;q=, */*;q=1e999")],
            422,
            42203,
        ),
        ("a long Accept", vec![header("accept", &long)], 406, 406),
        ("a wrong encoding", vec![header("content-encoding", b"br, zstd, gzip, x")], 422, 42203),
        ("an encoding that is not text", vec![header("content-encoding", b"\xff")], 422, 42203),
        ("a length that is not a number", vec![header("content-length", b"many")], 422, 42203),
        ("a length of another body", vec![header("content-length", b"1")], 422, 42203),
        (
            "chunked and a length",
            vec![header("transfer-encoding", b"chunked"), header("content-length", b"1")],
            422,
            42203,
        ),
    ] {
        let mut request = Request::post("/topics/u.geo").body(Body::from(NO_ROW)).unwrap();
        for (name, value) in headers {
            request.headers_mut().append(name, value);
        }
        let answer = answer(&recorder.router(), request).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error_code"]),
            (status, &json!(code)),
            "{what}: {}",
            answer.body
        );
    }
    assert_eq!(recorder.take(), []);
}

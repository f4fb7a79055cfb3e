//! Each member of an event in turn is of another type than AWS says: that member is lost, and nothing but it.

use serde_json::{Value, json};

use super::{answer, events};
use crate::support::recorder::Recorder;

/// A value of each JSON type, and of each type that a member may have.
fn replacements() -> [Value; 12] {
    [
        Value::Null,
        json!(true),
        json!(false),
        json!(0),
        json!(-1.5),
        json!(""),
        json!("x"),
        json!([]),
        json!(["x"]),
        json!([1, null, {}]),
        json!({}),
        json!({"a": "b"}),
    ]
}

/// The pointers to every value below one.
fn pointers(value: &Value, pointer: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.replace('/', "~1"), value)).collect(),
        Value::Array(list) => list.iter().enumerate().map(|(at, value)| (at.to_string(), value)).collect(),
        _ => Vec::new(),
    };
    for (name, value) in below {
        let pointer = format!("{pointer}/{name}");
        pointers(value, &pointer, found);
        found.push(pointer);
    }
}

/// The status of an event's answer with one member replaced: 200 unless the request cannot do without it, or the value is a
/// text that has another meaning.
fn expected(event: &Value, pointer: &str, value: &Value) -> &'static [u16] {
    let is_version_1 = event["httpMethod"].is_string();
    let mut segments = pointer.split('/').skip(1);
    let list = segments.next().unwrap_or_default();
    let header = segments.next().unwrap_or_default().to_lowercase();
    // Version 1 has a header's values in a list of their own, which counts.
    let says_x = match list {
        "headers" => !is_version_1 && *value == json!("x"),
        "multiValueHeaders" => *value == if segments.next().is_some() { json!("x") } else { json!(["x"]) },
        _ => false,
    };
    match pointer {
        "/httpMethod" => &[400, 405],
        "/requestContext" | "/requestContext/http" | "/requestContext/http/method" if !is_version_1 => &[400, 405],
        "/rawPath" => &[400, 404],
        "/pathParameters/proxy" if value.is_string() => &[404],
        "/body" => &[400, 422],
        "/isBase64Encoded" if event["isBase64Encoded"] == true && *value != true => &[400],
        _ if says_x && header == "content-type" => &[415],
        _ if says_x && header == "accept" => &[406],
        _ => &[200],
    }
}

#[tokio::test]
async fn a_member_of_an_unexpected_type_is_ignored() {
    let mut tried = 0;
    for name in ["ingest-geo", "ingest-http-api", "ingest-http-api-stage", "ingest-function-url"] {
        let (_, event) = events(name).into_iter().find(|(of, _)| of == name).unwrap();
        let event: Value = serde_json::from_str(&event).unwrap();
        let mut all = Vec::new();
        pointers(&event, "", &mut all);
        for pointer in all {
            for value in replacements() {
                let mut changed = event.clone();
                *changed.pointer_mut(&pointer).unwrap() = value.clone();
                let recorder = Recorder::default();
                let (response, body) = answer(&recorder.app_for("demo"), &changed.to_string()).await;
                let status = u16::try_from(response["statusCode"].as_u64().unwrap()).unwrap();
                let expected = expected(&event, &pointer, &value);
                assert!(expected.contains(&status), "{name}, {pointer} = {value}: {status}, not {expected:?}: {body}");
                assert_eq!(recorder.take().len(), usize::from(status == 200), "{name}, {pointer} = {value}");
                assert!(serde_json::from_str::<Value>(&body).is_ok(), "{name}, {pointer} = {value}: {body}");
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}

#[tokio::test]
async fn an_event_of_another_type_is_refused() {
    for value in replacements() {
        let (response, body) = answer(&Recorder::default().app(), &value.to_string()).await;
        assert_eq!(response["statusCode"], 400, "{value}: {body}");
    }
}

//! API Gateway's events.

use serde_json::{Value, json};

/// A REST API's event for a request, made from an example file.
pub(crate) fn v1(method: &str, path: &str, body: &str) -> Value {
    let mut event: Value = serde_json::from_str(include_str!("../../events/ingest-geo.json")).unwrap();
    event["httpMethod"] = json!(method);
    event["path"] = json!(path);
    event["pathParameters"]["proxy"] = json!(path.trim_start_matches('/'));
    event["body"] = json!(body);
    event["requestContext"]["path"] = json!(format!("/dev{path}"));
    event["requestContext"]["httpMethod"] = json!(method);
    event
}

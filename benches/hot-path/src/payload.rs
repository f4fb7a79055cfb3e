//! What is sent: the sample rows, in the forms in which requests carry them.

use serde_json::{Value, json};
use shared::{kind::Kind, sample};

/// The sample rows of a kind, each a JSON object.
pub fn rows(kind: &Kind) -> impl Iterator<Item = &'static str> + Clone {
    sample::rows(kind.table).unwrap_or_default().lines()
}

/// A request's body with a record a row.
pub fn body<'a>(rows: impl Iterator<Item = &'a str>) -> String {
    let records: Vec<_> = rows.map(|row| format!(r#"{{"value":{row}}}"#)).collect();
    format!(r#"{{"records":[{}]}}"#, records.join(","))
}

/// API Gateway's event for a request to a topic.
///
/// # Errors
/// Never: it is made of a file of the project's that is JSON.
pub fn event(topic: &str, body: &str) -> serde_json::Result<Value> {
    let mut event: Value = serde_json::from_str(include_str!("../../../events/ingest-pin.json"))?;
    event["path"] = json!(format!("/topics/{topic}"));
    event["pathParameters"]["proxy"] = json!(format!("topics/{topic}"));
    event["body"] = json!(body);
    Ok(event)
}

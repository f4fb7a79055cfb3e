//! The sample rows, as request bodies and events.

use serde_json::{Value, json};
use shared::{kind::Kind, sample};

/// Returns the sample rows of a kind, each a JSON object.
pub fn rows(kind: &Kind) -> impl Iterator<Item = &'static str> + Clone {
    sample::rows(kind.table).unwrap_or_default().lines()
}

/// Builds a request's body with one record per row.
pub fn body<'a>(rows: impl Iterator<Item = &'a str>) -> String {
    let records: Vec<_> = rows.map(|row| format!(r#"{{"value":{row}}}"#)).collect();
    format!(r#"{{"records":[{}]}}"#, records.join(","))
}

/// Builds API Gateway's event for a request to a topic.
///
/// # Errors
/// Never: the event is built from a valid file of the repository.
pub fn event(topic: &str, body: &str) -> serde_json::Result<Value> {
    let mut event: Value = serde_json::from_str(include_str!("../../../events/ingest-pin.json"))?;
    event["path"] = json!(format!("/topics/{topic}"));
    event["pathParameters"]["proxy"] = json!(format!("topics/{topic}"));
    event["body"] = json!(body);
    Ok(event)
}

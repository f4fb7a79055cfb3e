//! What is sent: the sample pins, one a request or many.

use std::{fs, path::PathBuf};

use serde_json::{Value, json};
use shared::{kind::PIN, sample};
use tempfile::TempDir;

use crate::Result;

/// Records of a large request.
pub(crate) const MANY: usize = 500;

/// A little less than the 6 MB that Lambda takes as an event.
const LARGEST: usize = 6_000_000;

/// Requests for one topic, in files as the load reads them: one a line.
#[derive(Debug)]
pub(crate) struct Requests {
    /// One record each, as many as there are rows.
    pub(crate) one: PathBuf,
    /// The first [`MANY`] rows.
    pub(crate) many: PathBuf,
}

impl Requests {
    /// Bodies, as a server gets them.
    pub(crate) fn bodies(folder: &TempDir, topic: &str) -> Result<Self> {
        Self::write(folder, topic, str::to_owned)
    }

    /// API Gateway's events, as a function gets them.
    pub(crate) fn events(folder: &TempDir, topic: &str) -> Result<Self> {
        let template: Value = serde_json::from_str(include_str!("../../events/ingest-pin.json"))?;
        Self::write(folder, topic, |body| event(&template, topic, body).to_string())
    }

    fn write(folder: &TempDir, name: &str, request: impl Fn(&str) -> String) -> Result<Self> {
        let write = |form: &str, requests: Vec<String>| -> Result<PathBuf> {
            let file = folder.path().join(format!("{name}-{form}.jsonl"));
            fs::write(&file, requests.join("\n") + "\n")?;
            Ok(file)
        };
        let one = rows().into_iter().map(|row| request(&body(&[row]))).collect();
        let many = vec![request(&body(&rows()[..MANY]))];
        Ok(Self { one: write("one", one)?, many: write("many", many)? })
    }
}

/// An event with one record.
pub(crate) fn small_event(topic: &str) -> Result<Value> {
    event_of(topic, 1)
}

/// An event that is as large as Lambda takes it.
pub(crate) fn largest_event(topic: &str) -> Result<Value> {
    let size = event_of(topic, MANY)?.to_string().len();
    event_of(topic, LARGEST * MANY / size)
}

fn event_of(topic: &str, count: usize) -> Result<Value> {
    let template = serde_json::from_str(include_str!("../../events/ingest-pin.json"))?;
    let rows: Vec<_> = rows().into_iter().cycle().take(count).collect();
    Ok(event(&template, topic, &body(&rows)))
}

fn event(template: &Value, topic: &str, body: &str) -> Value {
    let mut event = template.clone();
    event["path"] = json!(format!("/topics/{topic}"));
    event["pathParameters"]["proxy"] = json!(format!("topics/{topic}"));
    event["body"] = json!(body);
    event
}

fn body(rows: &[&str]) -> String {
    let records: Vec<_> = rows.iter().map(|row| format!(r#"{{"value":{row}}}"#)).collect();
    format!(r#"{{"records":[{}]}}"#, records.join(","))
}

fn rows() -> Vec<&'static str> {
    sample::rows(PIN.table).unwrap_or_default().lines().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_event_is_one_that_lambda_takes() {
        let size = largest_event("bench.pin").unwrap().to_string().len();
        assert!((LARGEST * 9 / 10..=LARGEST + LARGEST / 50).contains(&size), "{size}");
    }
}

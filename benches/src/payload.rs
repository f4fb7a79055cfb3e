//! The requests: sample pins, one per request or many.

use std::{fs, iter, path::PathBuf};

use hot_path::payload::{body, event, rows};
use serde_json::Value;
use shared::kind::PIN;
use tempfile::TempDir;

use crate::Result;

/// The number of records in a large request.
pub(crate) const MANY: usize = 500;

/// Slightly below Lambda's limit of 6 MB for an event.
pub(crate) const LARGEST_EVENT_BYTES: usize = 6_000_000;

/// Requests for one topic, in files with one request per line.
#[derive(Debug)]
pub(crate) struct Requests {
    /// One record each, a request per row.
    pub(crate) one: PathBuf,
    /// The first [`MANY`] rows.
    pub(crate) many: PathBuf,
}

impl Requests {
    /// Writes bodies, for a server.
    pub(crate) fn bodies(folder: &TempDir, topic: &str) -> Result<Self> {
        Self::write(folder, topic, |body| Ok(body.to_owned()))
    }

    /// Writes API Gateway's events, for a function.
    pub(crate) fn events(folder: &TempDir, topic: &str) -> Result<Self> {
        Self::write(folder, topic, |body| Ok(event(topic, body)?.to_string()))
    }

    fn write(folder: &TempDir, name: &str, request: impl Fn(&str) -> Result<String>) -> Result<Self> {
        let write = |form: &str, requests: Vec<String>| -> Result<PathBuf> {
            let file = folder.path().join(format!("{name}-{form}.jsonl"));
            fs::write(&file, requests.join("\n") + "\n")?;
            Ok(file)
        };
        let one = rows(&PIN).map(|row| request(&body(iter::once(row)))).collect::<Result<_>>()?;
        let many = vec![request(&body(rows(&PIN).take(MANY)))?];
        Ok(Self { one: write("one", one)?, many: write("many", many)? })
    }
}

/// Builds an event with one record.
pub(crate) fn small_event(topic: &str) -> Result<Value> {
    event_of(topic, 1)
}

/// Builds an event of the largest size that Lambda accepts.
pub(crate) fn largest_event(topic: &str) -> Result<Value> {
    let size = event_of(topic, MANY)?.to_string().len();
    event_of(topic, LARGEST_EVENT_BYTES * MANY / size)
}

fn event_of(topic: &str, count: usize) -> Result<Value> {
    Ok(event(topic, &body(rows(&PIN).cycle().take(count)))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_event_is_within_lambdas_limit() {
        let size = largest_event("bench.pin").unwrap().to_string().len();
        assert!(
            (LARGEST_EVENT_BYTES * 9 / 10..=LARGEST_EVENT_BYTES + LARGEST_EVENT_BYTES / 50).contains(&size),
            "{size}"
        );
    }
}

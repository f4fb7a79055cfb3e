//! What is sent: the sample pins, one a request or many.

use std::{fs, iter, path::PathBuf};

use hot_path::payload::{body, event, rows};
use serde_json::Value;
use shared::kind::PIN;
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
        Self::write(folder, topic, |body| Ok(body.to_owned()))
    }

    /// API Gateway's events, as a function gets them.
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
    Ok(event(topic, &body(rows(&PIN).cycle().take(count)))?)
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

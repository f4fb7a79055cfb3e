//! The API as a client sees it.

use std::{fmt, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::advice;

/// Longer than API Gateway waits for its function.
const TIME_TO_ANSWER: Duration = Duration::from_secs(35);

pub(crate) struct Api {
    url: String,
    key: Option<String>,
    client: Client,
}

/// Where a record was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: i32,
    pub(crate) offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "partition {}, offset {}", self.partition, self.offset)
    }
}

impl Api {
    pub(crate) fn new(url: &str, key: Option<String>) -> Self {
        Self { url: url.trim_end_matches('/').to_owned(), key, client: Client::new() }
    }

    /// Asks whether Kafka can be reached.
    pub(crate) async fn health(&self) -> Result<(), String> {
        self.answer(self.client.get(format!("{}/health", self.url))).await.map(drop)
    }

    /// Posts one record.
    pub(crate) async fn post(&self, topic: &str, value: &str) -> Result<Place, String> {
        let request = self.client.post(format!("{}/topics/{topic}", self.url));
        let request = request.header("content-type", "application/vnd.kafka.json.v2+json");
        // The value's own bytes: it is looked for as it was sent.
        let answer = self.answer(request.body(format!(r#"{{"records":[{{"value":{value}}}]}}"#))).await?;
        let entry = &answer["offsets"][0];
        let place = |entry: &Value| {
            Some(Place { partition: entry["partition"].as_i64()?.try_into().ok()?, offset: entry["offset"].as_u64()? })
        };
        place(entry).ok_or_else(|| format!("200, and no offset: {answer}; is this the API of this project?"))
    }

    /// The body of a 200, or what is wrong.
    async fn answer(&self, request: RequestBuilder) -> Result<Value, String> {
        let request = match &self.key {
            Some(key) => request.header("x-api-key", key),
            None => request,
        };
        let failed = |error: reqwest::Error| advice::unreachable(&self.url, &error);
        let answer = request.timeout(TIME_TO_ANSWER).send().await.map_err(failed)?;
        let status = answer.status();
        let text = answer.text().await.map_err(failed)?;
        if status == StatusCode::OK {
            return Ok(serde_json::from_str(&text).unwrap_or_else(|_| json!(text)));
        }
        Err(advice::refused(status.as_u16(), &text, self.key.is_some()))
    }
}

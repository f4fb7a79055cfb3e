//! The API client.

use std::{fmt, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode, Url, header::LOCATION, redirect::Policy};
use serde_json::{Value, json};
use shared::error_chain::one_line;

use crate::advice;

/// Longer than API Gateway waits for its function.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(35);

/// A firewall that drops packets never answers.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Path segments that come after the stage.
const ROUTES: [&str; 2] = ["topics", "health"];

pub(crate) struct Api {
    url: String,
    key: Option<String>,
    client: Client,
}

/// A failed request with its advice.
pub(crate) enum Failure {
    Unreachable(String),
    Rejected(String),
}

/// A record's partition and offset.
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
    /// Creates a client for a stage's URL, or returns what is wrong with the URL.
    pub(crate) fn new(url: &str, key: Option<String>) -> Result<Self, String> {
        let parsed = Url::parse(url).ok().filter(|url| ["http", "https"].contains(&url.scheme()));
        let parsed = parsed.ok_or_else(|| format!("{url}: not a URL: https://<host>/<stage>"))?;
        let below_the_stage = parsed.path_segments().is_some_and(|mut path| path.any(|part| ROUTES.contains(&part)));
        if below_the_stage || parsed.query().is_some() || parsed.fragment().is_some() {
            return Err(format!("{url}: the URL has to end with the stage: https://<host>/<stage>"));
        }
        let client = Client::builder().redirect(Policy::none()).connect_timeout(CONNECT_TIMEOUT).build();
        let client = client.map_err(|error| one_line(&error))?;
        Ok(Self { url: url.trim_end_matches('/').to_owned(), key, client })
    }

    /// Checks that the API reaches Kafka.
    pub(crate) async fn health(&self) -> Result<(), Failure> {
        let answer = self.answer(self.client.get(format!("{}/health", self.url))).await?;
        if answer["status"] == "ok" { Ok(()) } else { Err(Failure::Rejected(advice::foreign("status", &answer))) }
    }

    /// Posts one record.
    pub(crate) async fn post(&self, topic: &str, value: &str) -> Result<Place, Failure> {
        let request = self.client.post(format!("{}/topics/{topic}", self.url));
        let request = request.header("content-type", "application/vnd.kafka.json.v2+json");
        // The value's own bytes: the archive is searched for exactly these.
        let answer = self.answer(request.body(format!(r#"{{"records":[{{"value":{value}}}]}}"#))).await?;
        let entry = &answer["offsets"][0];
        let place = |entry: &Value| {
            Some(Place { partition: entry["partition"].as_i64()?.try_into().ok()?, offset: entry["offset"].as_u64()? })
        };
        place(entry).ok_or_else(|| Failure::Rejected(advice::foreign("offset", &answer)))
    }

    /// Sends a request and returns the body of a 200.
    async fn answer(&self, request: RequestBuilder) -> Result<Value, Failure> {
        let request = match &self.key {
            Some(key) => request.header("x-api-key", key),
            None => request,
        };
        let failed = |error: reqwest::Error| Failure::Unreachable(advice::unreachable(&self.url, &error));
        let answer = request.timeout(RESPONSE_TIMEOUT).send().await.map_err(failed)?;
        let status = answer.status();
        let redirect = answer.headers().get(LOCATION).filter(|_| status.is_redirection());
        let redirect = redirect.map(|url| String::from_utf8_lossy(url.as_bytes()).into_owned());
        let text = answer.text().await.map_err(failed)?;
        if status == StatusCode::OK {
            return Ok(serde_json::from_str(&text).unwrap_or_else(|_| json!(text)));
        }
        Err(Failure::Rejected(match redirect {
            Some(url) => advice::redirected(status.as_u16(), &url),
            None => advice::refused(status.as_u16(), &text, self.key.is_some()),
        }))
    }
}

//! An API behind a URL. Its client sends `Accept: */*` for a vector without an `Accept`; the contract answers both alike.

use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use ingest::StatusPolicy;
use reqwest::{Client, redirect::Policy};
use shared::{
    error_chain::one_line,
    kind::CATALOG,
    topic::{Topic, UserId},
};
use vectors::{Api, Names, Need, Vector};

/// Longer than API Gateway waits for its function.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(35);

/// The user's description of an API.
pub(crate) struct Target {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
    pub(crate) user_id: UserId,
    pub(crate) pass_through: Option<String>,
    pub(crate) shared_stream: Option<String>,
    pub(crate) statuses: StatusPolicy,
    pub(crate) supports: Vec<Need>,
}

pub(crate) struct Deployed {
    url: String,
    key: Option<String>,
    statuses: StatusPolicy,
    supports: Vec<Need>,
    names: Names,
    client: Client,
}

impl Deployed {
    /// Lists the API's topics, and checks that the user id's topics and the pass-through topic are among them.
    pub(crate) async fn find(
        Target { url, key, user_id, pass_through, shared_stream, statuses, supports }: Target,
    ) -> Result<Self, String> {
        let client = Client::builder().redirect(Policy::none()).timeout(RESPONSE_TIMEOUT).build();
        let client = client.map_err(|error| one_line(&error))?;
        let url = url.trim_end_matches('/').to_owned();
        let mut api = Self { url, key, statuses, supports, names: Names::new("", &[]), client };
        let request = Request::get("/topics").body(Bytes::new()).map_err(|error| one_line(&error))?;
        let root = api.send(request).await.map_err(|error| format!("{} cannot be reached: {error}", api.url))?;
        let (status, text) = (root.status(), String::from_utf8_lossy(root.body()));
        let topics = serde_json::from_str::<Vec<String>>(&text).ok();
        let Some(topics) = topics.filter(|_| status == 200) else {
            let text: String = text.chars().take(200).collect();
            return Err(format!(
                "{}/topics does not list its topics; is this URL an API of this project? {status}: {text}",
                api.url
            ));
        };
        if !topics.iter().any(|topic| topic.starts_with(&format!("{user_id}."))) {
            let existing = topics.join(", ");
            return Err(format!("{user_id} has no topics: set --user-id to the first part of one of {existing}"));
        }
        let streams = api.streams().await;
        api.names = Names::new(&user_id.to_string(), &topics).streaming(&streams);
        if let Some(stream) = shared_stream {
            if !streams.contains(&stream) {
                return Err(format!("no stream {stream}: set --shared-stream to one of {}", streams.join(", ")));
            }
            api.names = api.names.sharing(&stream);
        }
        if let Some(topic) = pass_through {
            if CATALOG.iter().any(|kind| topic == Topic::of(&user_id, kind).name) {
                return Err(format!(
                    "{topic} validates its records: set --pass-through to a topic that accepts any record"
                ));
            }
            if !topics.contains(&topic) {
                return Err(format!("no topic {topic}: set --pass-through to one of {}", topics.join(", ")));
            }
            api.names = api.names.passing_through(&topic);
        }
        Ok(api)
    }

    /// Lists the API's streams; none if it does not serve them, which the vectors report.
    async fn streams(&self) -> Vec<String> {
        let Ok(request) = Request::get("/streams").body(Bytes::new()) else { return Vec::new() };
        let answer = self.send(request).await.map(Response::into_body).unwrap_or_default();
        let list: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
        let names = list["StreamNames"].as_array().into_iter().flatten();
        names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
    }

    /// The number of records that a vector writes to this API.
    pub(crate) fn records(&self, vector: &Vector) -> usize {
        let runs = vector.needs.iter().all(|need| self.meets(*need));
        if runs { vector.records(&self.names).count() } else { 0 }
    }
}

impl Api for Deployed {
    fn names(&self) -> &Names {
        &self.names
    }

    fn meets(&self, need: Need) -> bool {
        match need {
            Need::PassThrough => self.names.pass_through().is_some(),
            Need::SharedStream => self.names.shared_stream().is_some(),
            Need::HonestStatuses => self.statuses == StatusPolicy::Strict,
            Need::ConfluentStatuses => self.statuses == StatusPolicy::Confluent,
            _ => self.supports.contains(&need),
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let (parts, body) = request.into_parts();
        let request = self.client.request(parts.method, format!("{}{}", self.url, parts.uri)).headers(parts.headers);
        let request = match &self.key {
            Some(key) => request.header("x-api-key", key),
            None => request,
        };
        let failed = |error: reqwest::Error| one_line(&error);
        let answer = request.body(body).send().await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(answer.bytes().await.map_err(failed)?);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

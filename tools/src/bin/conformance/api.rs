//! An API that is reached by its URL. Its client asks for any type (`Accept: */*`) where a vector asks for none, which the
//! contract answers alike.

use std::time::Duration;

use axum::http::{Request, Response};
use bytes::Bytes;
use ingest::StatusPolicy;
use reqwest::{Client, redirect::Policy};
use shared::{
    causes::in_one_line,
    kind::CATALOG,
    topic::{Topic, UserId},
};
use vectors::{Api, Names, Need, Vector};

/// Longer than API Gateway waits for its function.
const TIME_TO_ANSWER: Duration = Duration::from_secs(35);

/// What a user says of an API.
pub(crate) struct Described {
    pub(crate) url: String,
    pub(crate) key: Option<String>,
    pub(crate) user_id: UserId,
    pub(crate) pass_through: Option<String>,
    pub(crate) statuses: StatusPolicy,
    pub(crate) gives: Vec<Need>,
}

pub(crate) struct Deployed {
    url: String,
    key: Option<String>,
    statuses: StatusPolicy,
    gives: Vec<Need>,
    names: Names,
    client: Client,
}

impl Deployed {
    /// Asks an API for its topics, among which those of the user id have to be, and the pass-through topic.
    pub(crate) async fn find(
        Described { url, key, user_id, pass_through, statuses, gives }: Described,
    ) -> Result<Self, String> {
        let client = Client::builder().redirect(Policy::none()).timeout(TIME_TO_ANSWER).build();
        let client = client.map_err(|error| in_one_line(&error))?;
        let url = url.trim_end_matches('/').to_owned();
        let mut api = Self { url, key, statuses, gives, names: Names::new("", &[]), client };
        let request = Request::get("/topics").body(Bytes::new()).map_err(|error| in_one_line(&error))?;
        let root = api.send(request).await.map_err(|error| format!("{} cannot be reached: {error}", api.url))?;
        let (status, text) = (root.status(), String::from_utf8_lossy(root.body()));
        let topics = serde_json::from_str::<Vec<String>>(&text).ok();
        let Some(topics) = topics.filter(|_| status == 200) else {
            let text: String = text.chars().take(200).collect();
            return Err(format!(
                "{}/topics does not name its topics; is it an API of this project? {status}: {text}",
                api.url
            ));
        };
        if !topics.iter().any(|topic| topic.starts_with(&format!("{user_id}."))) {
            let there = topics.join(", ");
            return Err(format!("there are no topics of {user_id}: --user-id names one of {there}, without its kind"));
        }
        api.names = Names::new(&user_id.to_string(), &topics);
        if let Some(topic) = pass_through {
            if CATALOG.iter().any(|kind| topic == Topic::of(&user_id, kind).name) {
                return Err(format!(
                    "the records of {topic} are validated: --pass-through names a topic that takes any"
                ));
            }
            if !topics.contains(&topic) {
                return Err(format!("there is no topic {topic}: --pass-through names one of {}", topics.join(", ")));
            }
            api.names = api.names.passing_through(&topic);
        }
        Ok(api)
    }

    /// How many records a vector writes here.
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
            Need::HonestStatuses => self.statuses == StatusPolicy::Strict,
            Need::ConfluentStatuses => self.statuses == StatusPolicy::Confluent,
            _ => self.gives.contains(&need),
        }
    }

    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, String> {
        let (parts, body) = request.into_parts();
        let sent = self.client.request(parts.method, format!("{}{}", self.url, parts.uri)).headers(parts.headers);
        let sent = match &self.key {
            Some(key) => sent.header("x-api-key", key),
            None => sent,
        };
        let failed = |error: reqwest::Error| in_one_line(&error);
        let answer = sent.body(body).send().await.map_err(failed)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let mut response = Response::new(answer.bytes().await.map_err(failed)?);
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        Ok(response)
    }
}

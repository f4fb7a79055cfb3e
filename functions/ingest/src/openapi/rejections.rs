//! Examples of rejected requests, with the errors that the request path itself produces.

use bytes::Bytes;
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use shared::json::compact;

use crate::{app::App, error::Error, error_codes::ErrorCode, media, records, request::Headers, response::Response};

/// The example object of OpenAPI.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Example {
    pub(super) summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    pub(super) value: Box<RawValue>,
}

/// An example of a rejected request, and its `error_code`.
pub(super) struct Rejection {
    pub(super) name: String,
    pub(super) code: ErrorCode,
    pub(super) example: Example,
}

/// An entry of `rejections.json`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Request {
    name: String,
    summary: String,
    /// A kind, whose topic is meant, or the name of a topic.
    topic: String,
    /// The JSON format if missing.
    #[serde(rename = "type")]
    content_type: Option<String>,
    /// JSON, or a string with the body itself.
    body: Box<RawValue>,
}

/// The rejection of each request in `rejections.json`.
pub(super) fn rejections<P, C>(app: &App<P, C>) -> serde_json::Result<Vec<Rejection>> {
    let requests: Vec<Request> = serde_json::from_str(include_str!("rejections.json"))?;
    requests.into_iter().filter_map(|request| request.rejected(app).transpose()).collect()
}

impl Request {
    /// `None` if the request is accepted.
    fn rejected<P, C>(self, app: &App<P, C>) -> serde_json::Result<Option<Rejection>> {
        let Self { name, summary, topic, content_type, body } = self;
        let body = serde_json::from_str::<String>(body.get()).unwrap_or_else(|_| compact(body.get()).into_owned());
        let topic = app.first_topic_with_label(&topic).map_or(topic, |topic| topic.name().to_owned());
        let Err(error) = accept(app, &topic, content_type.as_deref(), &body.clone().into()) else { return Ok(None) };
        let content_type = content_type.map(|sent| format!(" as `{sent}`")).unwrap_or_default();
        let description = Some(format!("Sent to `{topic}`{content_type}:\n\n```json\n{body}\n```"));
        let code = error.error_code();
        let value = serde_json::from_slice(&Response::from(error).body)?;
        let example = Example { summary, description, value };
        Ok(Some(Rejection { name, code, example }))
    }
}

/// Runs the request path up to writing the records.
fn accept<P, C>(app: &App<P, C>, topic: &str, content_type: Option<&str>, body: &Bytes) -> Result<(), Error> {
    let content_type = content_type.and_then(|sent| HeaderValue::from_str(sent).ok());
    let headers = Headers { content_type, accept: Vec::new() };
    let format = media::format(&headers, body)?;
    let topic = app.topic(topic)?;
    records::read(body, format, topic, None).map(drop).map_err(|rejection| rejection.error)
}

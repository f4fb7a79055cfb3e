//! The OpenAPI document of this API: for people, for the page that shows it, and for programs.
//!
//! `openapi/document.json` has the paths, the prose and the shapes of bodies, `requests.json` a request in each accepted
//! form. What the code knows as data stands here alone: the kinds' rules ([`kinds`]), statuses and codes ([`answers`]),
//! what is said of a wrong request ([`refusals`]), limits, and the deployment's topics.
//!
//! An operation of `document.json` has two fields that are no part of OpenAPI: `x-refused` lists the `error_code`s that
//! it refuses a request with, `x-writes` says that Kafka may fail it. Its responses are made of them. A text that begins
//! with `$` stands for a value.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use http::{HeaderValue, header};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use shared::json::compact;

use crate::{
    app::App,
    error::JSON,
    limits::{MAX_RECORDS, MAX_VIOLATIONS},
    page,
};
use refusals::Refusal;

mod answers;
mod kinds;
mod refusals;

const DOCUMENT: &str = include_str!("openapi/document.json");
const REQUESTS: &str = include_str!("openapi/requests.json");

/// What is passed on as it stands.
type Raw = Box<RawValue>;

/// In the order in which it is written.
type Map<T> = IndexMap<String, T>;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    openapi: String,
    info: Info,
    servers: Raw,
    security: Raw,
    tags: Raw,
    paths: Map<Map<Operation>>,
    components: Components,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Info {
    title: String,
    summary: String,
    version: String,
    description: String,
    license: Raw,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Operation {
    tags: Raw,
    #[serde(rename = "operationId", skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    security: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<Raw>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_body: Option<Raw>,
    responses: Map<Raw>,
    #[serde(rename = "x-refused", skip_serializing)]
    refused: Vec<u32>,
    #[serde(rename = "x-writes", default, skip_serializing)]
    writes: bool,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Components {
    security_schemes: Raw,
    parameters: Raw,
    headers: Raw,
    examples: Raw,
    request_bodies: Raw,
    responses: Raw,
    schemas: Map<Raw>,
}

/// `requests.json`: OpenAPI's examples by the format that they are sent in.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Requests {
    json: Map<Raw>,
    binary: Map<Raw>,
}

/// `GET /openapi.json`. A browser asks for it each time: a deployment may change it.
pub(crate) async fn openapi<P>(State(app): State<App<P>>) -> Response {
    let headers = [(header::CONTENT_TYPE, JSON), (header::CACHE_CONTROL, HeaderValue::from_static("no-cache"))];
    (headers, app.openapi()).into_response()
}

/// The document for the topics of `app`.
pub(crate) fn document<P>(app: &App<P>) -> Bytes {
    // The files are ours, and tests read what comes of them.
    made(app).map(Bytes::from).unwrap_or_default()
}

fn made<P>(app: &App<P>) -> serde_json::Result<String> {
    let Requests { json, binary } = serde_json::from_str(REQUESTS)?;
    let mut document: Document = serde_json::from_str(&filled(&app.topic_names(), &json, &binary)?)?;
    document.info.description.push_str(&answers::table());
    let refusals = refusals::refusals(app)?;
    for operation in document.paths.values_mut().flat_map(IndexMap::values_mut) {
        operation.fail(&refusals)?;
    }
    document.components.schemas.extend(kinds::schemas()?);
    Ok(compact(&serde_json::to_string(&document)?).into_owned())
}

/// The document's text with values in place of their names.
fn filled(topics: &[String], json: &Map<Raw>, binary: &Map<Raw>) -> serde_json::Result<String> {
    let reference = |name: &String| (name.clone(), json!({ "$ref": format!("#/components/examples/{name}") }));
    let references = |examples: &Map<Raw>| to_raw_value(&examples.keys().map(reference).collect::<Map<_>>());
    let values = [
        ("$version", to_raw_value(env!("CARGO_PKG_VERSION"))?),
        ("$topics", to_raw_value(topics)?),
        ("$files", to_raw_value(&page::FILES.each_ref().map(|file| file.name))?),
        ("$max_records", to_raw_value(&MAX_RECORDS)?),
        ("$max_violations", to_raw_value(&MAX_VIOLATIONS)?),
        ("$examples", to_raw_value(&json.iter().chain(binary).collect::<IndexMap<_, _>>())?),
        ("$json_examples", references(json)?),
        ("$binary_examples", references(binary)?),
    ];
    let fill = |text: String, (name, value): &(&str, Raw)| text.replace(&format!("\"{name}\""), value.get());
    Ok(values.iter().fold(DOCUMENT.to_owned(), fill))
}

impl Operation {
    /// Adds the responses of its failures.
    fn fail(&mut self, refusals: &[Refusal]) -> serde_json::Result<()> {
        let asks_for_key = self.security.is_none();
        for (status, response) in answers::responses(&self.refused, self.writes, asks_for_key, refusals) {
            self.responses.insert(status.as_str().to_owned(), to_raw_value(&response)?);
        }
        Ok(())
    }
}

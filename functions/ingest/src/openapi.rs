//! The OpenAPI document of this API.
//!
//! The text is in `openapi/`: `document.json` has the introduction, `paths.json` the operations, `components.json` the shapes of
//! bodies, `requests.json` a request in each accepted form. The code adds the rest: the rules of the kinds
//! ([`kinds`]), statuses and codes ([`responses`]), examples of rejected requests ([`rejections`]), limits, and the
//! deployment's topics.
//!
//! An operation of `paths.json` has two fields that are not part of OpenAPI: `x-refused` lists the
//! `error_code`s with which it rejects requests, `x-writes` marks one that writes to Kafka and so may fail there. The error
//! responses are generated from both. A string that begins with `$` is a placeholder.

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use shared::json::compact;

use crate::{
    app::App,
    limits::{
        MAX_BATCH_ENTRIES, MAX_CLUSTER_ID_CHARS, MAX_ENTRY_ID_CHARS, MAX_HEADERS, MAX_RECORDS, MAX_STREAM_RECORDS,
        MAX_VIOLATIONS,
    },
    page,
    read_back::{DEFAULT_COUNT, DEFAULT_WAIT_MS, MAX_READ_RECORDS, MAX_WAIT_MS},
    response::{JSON, Response},
    streams,
};
use rejections::Rejection;

mod kinds;
mod rejections;
mod responses;

const DOCUMENT: &str = include_str!("openapi/document.json");
const PATHS: &str = include_str!("openapi/paths.json");
const COMPONENTS: &str = include_str!("openapi/components.json");
const REQUESTS: &str = include_str!("openapi/requests.json");

/// JSON that is passed on unchanged.
type Raw = Box<RawValue>;

/// A map in insertion order.
type Map<T> = IndexMap<String, T>;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Document {
    openapi: String,
    info: Info,
    servers: Raw,
    security: Raw,
    tags: Raw,
    #[serde(default)]
    paths: Map<Map<Operation>>,
    #[serde(default)]
    components: Option<Components>,
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

/// `GET /openapi.json`. The document is built on the first request, so a cold start does not wait for it. Browsers revalidate
/// it each time, because a deployment may change it.
pub(crate) fn openapi<P, C>(app: &App<P, C>) -> Response {
    let document = app.document.get_or_init(|| document(app));
    let mut response = Response::new(StatusCode::OK, JSON, document.clone());
    response.headers.push((header::CACHE_CONTROL, HeaderValue::from_static("no-cache")));
    response
}

/// Builds the document for the topics of `app`.
#[expect(clippy::expect_used, reason = "unwrap safety: tests read the document that these files give")]
fn document<P, C>(app: &App<P, C>) -> Bytes {
    build(app).map(Bytes::from).expect("valid OpenAPI sources")
}

fn build<P, C>(app: &App<P, C>) -> serde_json::Result<String> {
    let values = values(app)?;
    let mut document: Document = serde_json::from_str(&filled(DOCUMENT, &values))?;
    document.info.description.push_str(&responses::table());
    document.paths = serde_json::from_str(&filled(PATHS, &values))?;
    let rejections = rejections::rejections(app)?;
    for (path, operations) in &mut document.paths {
        for operation in operations.values_mut() {
            operation.add_failures(&rejections, !path.starts_with("/v3/"))?;
        }
    }
    let mut components: Components = serde_json::from_str(&filled(COMPONENTS, &values))?;
    components.schemas.extend(kinds::schemas(&app.passed_through())?);
    document.components = Some(components);
    Ok(compact(&serde_json::to_string(&document)?).into_owned())
}

/// The values of the placeholders in the texts.
fn values<P, C>(app: &App<P, C>) -> serde_json::Result<Vec<(String, Raw)>> {
    let mut values = vec![
        ("version".to_owned(), to_raw_value(env!("CARGO_PKG_VERSION"))?),
        ("topics".to_owned(), to_raw_value(&*app.topic_names())?),
        ("streams".to_owned(), to_raw_value(&streams::names(app))?),
        ("files".to_owned(), to_raw_value(&page::FILES.each_ref().map(|file| file.name))?),
        ("max_records".to_owned(), to_raw_value(&MAX_RECORDS)?),
        ("max_stream_records".to_owned(), to_raw_value(&MAX_STREAM_RECORDS)?),
        ("default_count".to_owned(), to_raw_value(&DEFAULT_COUNT)?),
        ("default_wait_ms".to_owned(), to_raw_value(&DEFAULT_WAIT_MS)?),
        ("max_read_records".to_owned(), to_raw_value(&MAX_READ_RECORDS)?),
        ("max_wait_ms".to_owned(), to_raw_value(&MAX_WAIT_MS)?),
        ("max_violations".to_owned(), to_raw_value(&MAX_VIOLATIONS)?),
        ("max_cluster_id".to_owned(), to_raw_value(&MAX_CLUSTER_ID_CHARS)?),
        ("max_headers".to_owned(), to_raw_value(&MAX_HEADERS)?),
        ("max_entries".to_owned(), to_raw_value(&MAX_BATCH_ENTRIES)?),
        ("max_id".to_owned(), to_raw_value(&MAX_ENTRY_ID_CHARS)?),
    ];
    // Examples by format.
    let requests: Map<Map<Raw>> = serde_json::from_str(REQUESTS)?;
    let reference = |name: &String| (name.clone(), json!({ "$ref": format!("#/components/examples/{name}") }));
    for (format, examples) in &requests {
        values.push((format.clone(), to_raw_value(&examples.keys().map(reference).collect::<Map<_>>())?));
    }
    let examples: IndexMap<_, _> = requests.values().flatten().collect();
    values.push(("examples".to_owned(), to_raw_value(&examples)?));
    Ok(values)
}

/// Replaces the placeholders in a text by their values.
fn filled(text: &str, values: &[(String, Raw)]) -> String {
    let fill = |text: String, (name, value): &(String, Raw)| text.replace(&format!("\"${name}\""), value.get());
    values.iter().fold(text.to_owned(), fill)
}

impl Operation {
    /// Adds the error responses, also in the v2 content type if `has_v2`.
    fn add_failures(&mut self, rejections: &[Rejection], has_v2: bool) -> serde_json::Result<()> {
        let asks_for_key = self.security.is_none();
        for (status, response) in responses::responses(&self.refused, self.writes, asks_for_key, rejections) {
            let response = if has_v2 { response.in_v2() } else { response };
            self.responses.insert(status.as_str().to_owned(), to_raw_value(&response)?);
        }
        Ok(())
    }
}

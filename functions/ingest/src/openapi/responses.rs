//! The error responses of an operation, by [`ERROR_CODES`].

use std::collections::BTreeMap;

use http::StatusCode;
use indexmap::IndexMap;
use serde::Serialize;
use serde_json::{Value, json};
use shared::publish::{Failure, Written};

use super::rejections::{Example, Rejection};
use crate::{
    error_codes::{ERROR_CODES, ErrorCode, GATEWAY_TIMEOUT, INVALID_API_KEY, THROTTLED},
    failure, response,
};

/// OpenAPI's response object.
#[derive(Serialize)]
pub(super) struct Response {
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<Value>,
    content: IndexMap<&'static str, MediaType>,
}

impl Response {
    /// Adds the v2 content type, for clients that accept no other.
    pub(super) fn in_v2(mut self) -> Self {
        if let Some(MediaType { schema, .. }) = self.content.get(JSON) {
            let schema = schema.clone();
            let v2 =
                self.content.entry(V2).or_insert_with(|| MediaType { schema: Value::Null, examples: Examples::new() });
            v2.schema = schema;
        }
        self
    }
}

const JSON: &str = "application/json";
const V2: &str = "application/vnd.kafka.v2+json";

#[derive(Serialize)]
struct MediaType {
    schema: Value,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    examples: Examples,
}

type Examples = IndexMap<String, Example>;

/// The description of one status.
#[derive(Default)]
struct StatusDescription {
    when: Vec<String>,
    /// The `error_code`s of requests that are rejected as a whole.
    codes: Vec<u32>,
    refused: Examples,
    /// Example bodies with records that Kafka did not write.
    not_written: Examples,
}

/// The table of [`ERROR_CODES`], for the document's introduction.
pub(super) fn table() -> String {
    let row = |ErrorCode { status, code, when }: &ErrorCode| format!("\n| {} | {code} | {when} |", status.as_u16());
    let rows: String = ERROR_CODES.iter().chain([&INVALID_API_KEY, &THROTTLED, &GATEWAY_TIMEOUT]).map(row).collect();
    format!("\n\n| status | `error_code` | when |\n| --- | --- | --- |{rows}")
}

/// The error responses of an operation that rejects requests with the codes `refused`, and may write records.
pub(super) fn responses(
    refused: &[u32],
    writes: bool,
    asks_for_key: bool,
    rejections: &[Rejection],
) -> impl Iterator<Item = (StatusCode, Response)> {
    let mut described = BTreeMap::<StatusCode, StatusDescription>::new();
    let of_gateway = asks_for_key.then_some(&INVALID_API_KEY).into_iter().chain([&THROTTLED, &GATEWAY_TIMEOUT]);
    for answer in ERROR_CODES.iter().filter(|answer| refused.contains(&answer.code)).chain(of_gateway) {
        let described = described.entry(answer.status).or_default();
        described.when(answer);
        described.codes.push(answer.code);
    }
    if writes {
        for Rejection { name, code, example } in rejections {
            described.entry(code.status).or_default().refused.insert(name.clone(), example.clone());
        }
        for failure in Failure::ALL {
            let described = described.entry(failure::error_code(failure).status).or_default();
            described.when(&failure::error_code(failure));
            described.not_written.extend(one_of_two(failure));
        }
    }
    described.into_iter().map(|(status, described)| (status, described.response(status)))
}

/// An example response to two records of which one is not written.
fn one_of_two(failure: Failure) -> Option<(String, Example)> {
    let body = response::produce_body(&[Ok(Written { partition: 0, offset: 4, timestamp_ms: None }), Err(failure)]);
    let summary = format!("One of two records failed: {failure}");
    let value = serde_json::from_slice(&body).ok()?;
    Some((format!("{failure:?}"), Example { summary, description: None, value }))
}

impl StatusDescription {
    fn when(&mut self, ErrorCode { code, when, .. }: &ErrorCode) {
        let when = format!("`{code}`: {when}");
        if !self.when.contains(&when) {
            self.when.push(when);
        }
    }

    fn response(self, status: StatusCode) -> Response {
        let Self { when, codes, mut refused, not_written } = self;
        let of_codes = json!({ "properties": { "error_code": { "enum": codes } } });
        let error = json!({ "allOf": [{ "$ref": "#/components/schemas/Error" }, of_codes] });
        let offsets = json!({ "$ref": "#/components/schemas/Offsets" });
        let schema = match (codes.is_empty(), not_written.is_empty()) {
            (true, _) => offsets.clone(),
            (false, true) => error,
            (false, false) => json!({ "anyOf": [error, offsets] }),
        };
        refused.extend(not_written.clone());
        let mut content = IndexMap::from([(JSON, MediaType { schema, examples: refused })]);
        if !not_written.is_empty() {
            content.insert(V2, MediaType { schema: offsets, examples: not_written });
        }
        let waits = [THROTTLED.status, GATEWAY_TIMEOUT.status].contains(&status);
        let headers = waits.then(|| json!({ "Retry-After": { "$ref": "#/components/headers/RetryAfter" } }));
        Response { description: when.join("; "), headers, content }
    }
}

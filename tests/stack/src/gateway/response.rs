//! Converts the function's response to the one the client gets.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header, response::Builder},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::{Api, Kind, is_binary};

/// Returns `None` if API Gateway would reject the response as malformed.
pub(super) fn response(api: &Api, accept: Option<&HeaderValue>, result: &Value) -> Option<Response> {
    let Some(status) = result.get("statusCode") else {
        // An HTTP API uses any other JSON as the body.
        let body =
            (api.kind == Kind::Http).then(|| result.as_str().map_or_else(|| result.to_string(), str::to_owned))?;
        return Some(built(Response::builder().header(header::CONTENT_TYPE, "application/json"), body.into()));
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let mut response = Response::builder().status(u16::try_from(status).ok().filter(|status| *status >= 100)?);
    let headers = response.headers_mut()?;
    let mut multiple = object(&result["multiValueHeaders"])?;
    if api.kind == Kind::Http {
        // Version 2 ignores `multiValueHeaders`.
        multiple.clear();
        for cookie in result["cookies"].as_array().into_iter().flatten() {
            headers.append(header::SET_COOKIE, cookie.as_str()?.parse().ok()?);
        }
    }
    for (name, value) in object(&result["headers"])? {
        if !multiple.contains_key(&name) {
            headers.append(name.parse::<HeaderName>().ok()?, text(&value)?.parse().ok()?);
        }
    }
    for (name, values) in multiple {
        for value in values.as_array()? {
            headers.append(name.parse::<HeaderName>().ok()?, text(value)?.parse().ok()?);
        }
    }
    let default = if api.kind == Kind::Rest { "application/json" } else { "text/plain;charset=UTF-8" };
    headers.entry(header::CONTENT_TYPE).or_insert(HeaderValue::from_static(default));

    let body = if result["body"].is_null() { String::new() } else { result["body"].as_str()?.to_owned() };
    // A REST API decodes base64 only if the client accepts binary types.
    let accepts = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let bytes = result["isBase64Encoded"] == true && (api.kind == Kind::Http || is_binary(api, accepts));
    let body = if bytes { BASE64_STANDARD.decode(body).ok()?.into() } else { body.into() };
    Some(built(response, body))
}

/// Completes a response whose parts are known to be valid.
pub(super) fn built(response: Builder, body: Body) -> Response {
    response.body(body).unwrap_or_default()
}

/// Returns the object, an empty one for null.
fn object(value: &Value) -> Option<Map<String, Value>> {
    if value.is_null() { Some(Map::new()) } else { value.as_object().cloned() }
}

/// Returns a header's value. Numbers and booleans are allowed.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

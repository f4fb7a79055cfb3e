//! From what the function answers to the response that the client gets.

use axum::{
    body::Body,
    http::{HeaderName, HeaderValue, header, response::Builder},
    response::Response,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};

use super::{Api, Kind, is_binary};

/// `None` when it is none that API Gateway takes.
pub(super) fn response(api: &Api, accept: Option<&HeaderValue>, said: &Value) -> Option<Response> {
    let Some(status) = said.get("statusCode") else {
        // An HTTP API takes any other JSON for the body.
        let body = (api.kind == Kind::Http).then(|| said.as_str().map_or_else(|| said.to_string(), str::to_owned))?;
        return Some(built(Response::builder().header(header::CONTENT_TYPE, "application/json"), body.into()));
    };
    let status = status.as_u64().or_else(|| status.as_str()?.parse().ok())?;
    let mut response = Response::builder().status(u16::try_from(status).ok().filter(|status| *status >= 100)?);
    let headers = response.headers_mut()?;
    let mut multiple = object(&said["multiValueHeaders"])?;
    if api.kind == Kind::Http {
        // Not of version 2.
        multiple.clear();
        for cookie in said["cookies"].as_array().into_iter().flatten() {
            headers.append(header::SET_COOKIE, cookie.as_str()?.parse().ok()?);
        }
    }
    for (name, value) in object(&said["headers"])? {
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

    let body = if said["body"].is_null() { String::new() } else { said["body"].as_str()?.to_owned() };
    // A REST API looks at what the client accepts, and sends base64 as it is to one who accepts no bytes.
    let accepts = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let bytes = said["isBase64Encoded"] == true && (api.kind == Kind::Http || is_binary(api, accepts));
    let body = if bytes { BASE64_STANDARD.decode(body).ok()?.into() } else { body.into() };
    Some(built(response, body))
}

/// A response whose parts are known to be good.
pub(super) fn built(response: Builder, body: Body) -> Response {
    response.body(body).unwrap_or_default()
}

/// An object, or nothing at all.
fn object(value: &Value) -> Option<Map<String, Value>> {
    if value.is_null() { Some(Map::new()) } else { value.as_object().cloned() }
}

/// A header's value: numbers and booleans count too.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

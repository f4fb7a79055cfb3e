//! Converts a request to the event that the function gets.
//!
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html> and
//! <https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html>

use std::{collections::BTreeMap, net::SocketAddr};

use axum::http::{HeaderMap, request::Parts};
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use url::form_urlencoded;

use super::{Api, is_binary};

const ACCOUNT: &str = "123456789012";
const API: &str = "abcdefghij";
const DOMAIN: &str = "abcdefghij.execute-api.us-east-1.amazonaws.com";

/// Names with all their values, in order.
type Values = BTreeMap<String, Vec<String>>;

/// Builds a REST API's event. `path` is the path below the stage.
pub(super) fn version_1(
    api: &Api,
    path: &str,
    head: &Parts,
    body: &Bytes,
    client: SocketAddr,
    now: DateTime<Utc>,
) -> Value {
    let mut headers = headers(&head.headers, client);
    headers.remove("content-length");
    let query = query(head.uri.query().unwrap_or_default());
    let proxy = path.strip_prefix('/').filter(|proxy| !proxy.is_empty());
    let resource = if proxy.is_some() { "/{proxy+}" } else { "/" };
    let bytes = is_binary(api, headers.get("content-type").and_then(|values| values.last()).map_or("", |value| value));
    json!({
        "resource": resource,
        "path": path,
        "httpMethod": head.method.as_str(),
        "headers": last(&headers),
        "multiValueHeaders": headers,
        "queryStringParameters": if query.is_empty() { Value::Null } else { last(&query) },
        "multiValueQueryStringParameters": if query.is_empty() { Value::Null } else { json!(query) },
        "pathParameters": proxy.map(|proxy| json!({"proxy": proxy})),
        "stageVariables": null,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": DOMAIN,
            "extendedRequestId": id(),
            "httpMethod": head.method.as_str(),
            "identity": {"sourceIp": client.ip(), "userAgent": last(&headers)["user-agent"]},
            "path": head.uri.path(),
            "protocol": "HTTP/1.1",
            "requestId": id(),
            "requestTime": time(now),
            "requestTimeEpoch": now.timestamp_millis(),
            "resourceId": "123456",
            "resourcePath": resource,
            "stage": api.stage,
        },
        "body": match body.len() {
            0 => None,
            _ if bytes => Some(BASE64_STANDARD.encode(body)),
            // Invalid UTF-8 is lost.
            _ => Some(String::from_utf8_lossy(body).into_owned()),
        },
        "isBase64Encoded": bytes && !body.is_empty(),
    })
}

/// Builds the event of an HTTP API or a function URL.
pub(super) fn version_2(api: &Api, head: &Parts, body: &Bytes, client: SocketAddr, now: DateTime<Utc>) -> Value {
    let mut headers = headers(&head.headers, client);
    let cookies = headers.remove("cookie");
    let headers = joined(&headers);
    let raw_query = head.uri.query().unwrap_or_default();
    let path = percent_decode_str(head.uri.path()).decode_utf8_lossy();
    let method = head.method.as_str();
    let mut event = json!({
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": raw_query,
        "headers": headers,
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": API,
            "domainName": DOMAIN,
            "domainPrefix": API,
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": client.ip(),
                "userAgent": headers["user-agent"],
            },
            "requestId": id(),
            "routeKey": "$default",
            "stage": api.stage,
            "time": time(now),
            "timeEpoch": now.timestamp_millis(),
        },
        "isBase64Encoded": false,
    });
    if !raw_query.is_empty() {
        event["queryStringParameters"] = joined(&query(raw_query));
    }
    if let Some(cookies) = cookies {
        event["cookies"] = cookies.iter().flat_map(|cookies| cookies.split("; ")).collect();
    }
    if !body.is_empty() {
        let text = std::str::from_utf8(body).ok().filter(|_| is_text(&headers));
        event["isBase64Encoded"] = text.is_none().into();
        event["body"] = text.map_or_else(|| BASE64_STANDARD.encode(body), str::to_owned).into();
    }
    event
}

/// Returns whether an HTTP API passes a body on as text. AWS documents the first four types; `+json` is an assumption.
fn is_text(headers: &Value) -> bool {
    let media_type = headers["content-type"].as_str().unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_text = media_type.starts_with("text/")
        || ["application/json", "application/javascript", "application/xml"].contains(&media_type.as_str())
        || media_type.ends_with("+json");
    is_text && headers["content-encoding"].is_null()
}

/// The client's headers and those that API Gateway adds. Names are in lower case, as in HTTP/2.
fn headers(sent: &HeaderMap, client: SocketAddr) -> Values {
    let mut headers = Values::new();
    for (name, value) in sent {
        if !["connection", "transfer-encoding", "expect", "te"].contains(&name.as_str()) {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            headers.entry(name.to_string()).or_default().push(value);
        }
    }
    let seen = headers.remove("x-forwarded-for").unwrap_or_default();
    let clients = seen.into_iter().chain([client.ip().to_string()]).collect::<Vec<_>>().join(", ");
    for (name, value) in
        [("host", DOMAIN), ("x-forwarded-for", &clients), ("x-forwarded-port", "443"), ("x-forwarded-proto", "https")]
    {
        headers.insert(name.to_owned(), vec![value.to_owned()]);
    }
    headers
}

fn query(text: &str) -> Values {
    let mut query = Values::new();
    for (name, value) in form_urlencoded::parse(text.as_bytes()) {
        query.entry(name.into_owned()).or_default().push(value.into_owned());
    }
    query
}

/// Takes the last of several values, for version 1.
fn last(values: &Values) -> Value {
    values.iter().map(|(name, values)| (name.clone(), json!(values.last()))).collect::<serde_json::Map<_, _>>().into()
}

/// Joins values with commas, for version 2.
fn joined(values: &Values) -> Value {
    values
        .iter()
        .map(|(name, values)| (name.clone(), values.join(",").into()))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// Formats a time in the Common Log Format.
fn time(now: DateTime<Utc>) -> String {
    now.format("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

fn id() -> String {
    format!("{:032x}", rand::random::<u128>())
}

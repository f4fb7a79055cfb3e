use std::{fs, path::Path};

use reqwest::Client;
use serde_json::{Value, json};

use super::*;
use crate::{
    lambda::{Function, built},
    tools::workspace,
};

const BYTES: &[u8] = &[0x1f, 0x8b, 0, 0xff, b'a'];

async fn lambda() -> Arc<Lambda> {
    let function = Function::new(&built("probe").await.unwrap(), [("RUST_LOG", "warn")]);
    Arc::new(Lambda::start(&function).await.unwrap())
}

/// The event that the function saw.
async fn event(request: reqwest::RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let (status, text) = (response.status(), response.text().await.unwrap());
    assert_eq!(status, 200, "{text}");
    serde_json::from_str::<Value>(&text).unwrap()["event"].clone()
}

/// Collects every field's path, except for the names of headers.
fn fields(value: &Value, path: &str, into: &mut Vec<String>) {
    into.push(path.to_owned());
    if let Some(object) = value.as_object().filter(|_| !path.ends_with("eaders")) {
        for (name, value) in object {
            fields(value, &format!("{path}.{name}"), into);
        }
    }
}

fn shape(event: &Value) -> Vec<String> {
    let mut into = Vec::new();
    fields(event, "", &mut into);
    into.sort();
    into
}

fn example(name: &str) -> Value {
    let file = Path::new("events").join(name).with_extension("json");
    serde_json::from_slice(&fs::read(workspace().join(file)).unwrap()).unwrap()
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn a_rest_api_sends_version_1() {
    let mut api = Api::rest("test");
    api.binary_media_types = vec!["application/octet-stream".to_owned(), "image/*".to_owned()];
    let gateway = Gateway::start(lambda().await, api).await.unwrap();
    let url = gateway.url();
    let client = Client::builder().user_agent("a client").build().unwrap();

    let request = client.post(format!("{url}/topics/demo.pin?a=1&a=%C3%A9&b=")).body("{\"é\": 1}");
    let request = request.header("Content-Type", "application/vnd.kafka.json.v2+json");
    let sent = event(request.header("X-Many", "1").header("X-Many", "2").header("X-Forwarded-For", "192.0.2.1")).await;
    assert_eq!(sent["path"], "/topics/demo.pin");
    assert_eq!(sent["requestContext"]["path"], "/test/topics/demo.pin");
    assert_eq!((&sent["httpMethod"], &sent["resource"]), (&"POST".into(), &"/{proxy+}".into()));
    assert_eq!(sent["pathParameters"], json!({"proxy": "topics/demo.pin"}));
    assert_eq!(sent["queryStringParameters"], json!({"a": "é", "b": ""}));
    assert_eq!(sent["multiValueQueryStringParameters"], json!({"a": ["1", "é"], "b": [""]}));
    assert_eq!((&sent["headers"]["x-many"], &sent["multiValueHeaders"]["x-many"]), (&"2".into(), &json!(["1", "2"])));
    assert_eq!(sent["headers"]["x-forwarded-for"], "192.0.2.1, 127.0.0.1");
    assert_eq!((&sent["body"], &sent["isBase64Encoded"]), (&"{\"é\": 1}".into(), &false.into()));

    let plain = event(client.post(format!("{url}/topics/demo.pin")).body("{}")).await;
    assert_eq!(shape(&plain), shape(&example("ingest-pin")), "the same fields as in AWS's events");
    let empty = event(client.get(format!("{url}/"))).await;
    assert_eq!((&empty["path"], &empty["resource"], &empty["body"]), (&"/".into(), &"/".into(), &Value::Null));
    assert_eq!(empty["queryStringParameters"], Value::Null);

    for (media_type, body, encoded) in [
        ("application/octet-stream", "H4sA/2E=", true),
        ("image/png", "H4sA/2E=", true),
        ("application/json", "\u{1f}\u{fffd}\0\u{fffd}a", false),
    ] {
        let sent = event(client.post(format!("{url}/a")).header("Content-Type", media_type).body(BYTES)).await;
        assert_eq!((&sent["body"], &sent["isBase64Encoded"]), (&body.into(), &encoded.into()), "{media_type}");
    }
    let elsewhere = client.get(url.replace("/test", "/tes")).send().await.unwrap();
    assert_eq!(elsewhere.status(), 403);
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn an_http_api_sends_version_2() {
    let lambda = lambda().await;
    let gateway = Gateway::start(Arc::clone(&lambda), Api::http("prod")).await.unwrap();
    let client = Client::builder().user_agent("a client").build().unwrap();

    let request = client.post(format!("{}/topics/demo%2Epin?a=1&a=%C3%A9", gateway.url())).body("{}");
    let request = request.header("Content-Type", "application/vnd.kafka.json.v2+json").header("Cookie", "a=1; b=2");
    let sent = event(request.header("X-Many", "1").header("X-Many", "2")).await;
    assert_eq!(sent["rawPath"], "/prod/topics/demo.pin");
    assert_eq!(sent["rawQueryString"], "a=1&a=%C3%A9");
    assert_eq!(sent["queryStringParameters"], json!({"a": "1,é"}));
    assert_eq!((&sent["headers"]["x-many"], &sent["cookies"]), (&"1,2".into(), &json!(["a=1", "b=2"])));
    assert_eq!(sent["requestContext"]["http"]["method"], "POST");
    assert_eq!((&sent["body"], &sent["isBase64Encoded"]), (&"{}".into(), &false.into()));

    let gateway = Gateway::start(lambda, Api::http("$default")).await.unwrap();
    let url = format!("{}/topics/demo.geo", gateway.url());
    let json = || client.post(&url).header("Content-Type", "application/json");
    let plain = event(json().body("{}")).await;
    assert_eq!(plain["rawPath"], "/topics/demo.geo");
    assert_eq!(shape(&plain), shape(&example("ingest-http-api")), "the same fields as in AWS's events");
    assert_eq!(event(client.get(&url)).await.get("body"), None);
    for request in
        [json().body(BYTES), json().header("Content-Encoding", "gzip").body("x"), client.post(&url).body("x")]
    {
        assert_eq!(event(request).await["isBase64Encoded"], true);
    }
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn the_functions_response_reaches_the_client() {
    let mut api = Api::rest("test");
    api.binary_media_types = vec!["image/png".to_owned()];
    let lambda = lambda().await;
    let rest = Gateway::start(Arc::clone(&lambda), api).await.unwrap();
    let http = Gateway::start(lambda, Api::http("$default")).await.unwrap();
    let client = Client::new();
    let request = async |gateway: &Gateway, answer: Value| {
        let body = json!({"answer": answer}).to_string();
        let request = client.post(gateway.url()).header("Content-Type", "application/json");
        request.header("Accept", "image/png").body(body).send().await.unwrap()
    };
    let headers = json!({"A": "1", "B": 2, "Retry-After": "3"});
    let answer = json!({"statusCode": 503, "headers": headers, "multiValueHeaders": {"A": ["4", "5"]}, "body": "é"});
    for (gateway, a, media_type) in
        [(&rest, vec!["4", "5"], "application/json"), (&http, vec!["1"], "text/plain;charset=UTF-8")]
    {
        let response = request(gateway, answer.clone()).await;
        assert_eq!(response.status(), 503);
        assert_eq!(response.headers().get_all("a").iter().collect::<Vec<_>>(), a);
        assert_eq!(
            (&response.headers()["b"], &response.headers()["retry-after"]),
            (&"2".parse().unwrap(), &"3".parse().unwrap())
        );
        assert_eq!(response.headers()["content-type"], media_type);
        assert_eq!(response.text().await.unwrap(), "é");
    }
    let bytes = json!({"statusCode": 200, "body": "H4sA/2E=", "isBase64Encoded": true});
    for gateway in [&rest, &http] {
        assert_eq!(request(gateway, bytes.clone()).await.bytes().await.unwrap(), BYTES);
    }
    let text = client.post(rest.url()).body(json!({"answer": bytes}).to_string()).send().await.unwrap();
    assert_eq!(text.text().await.unwrap(), "H4sA/2E=", "for a client that does not accept binary types");
    assert_eq!(request(&http, json!({"a": 1})).await.text().await.unwrap(), r#"{"a":1}"#);

    for wrong in [json!({"a": 1}), json!({"statusCode": "x"}), json!({"statusCode": 200, "body": {}}), json!("x")] {
        let response = request(&rest, wrong.clone()).await;
        assert_eq!(response.status(), 502, "{wrong}");
        assert_eq!(response.text().await.unwrap(), r#"{"message": "Internal server error"}"#);
    }
}

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn failures_timeouts_and_large_bodies_get_api_gateways_own_responses() {
    let lambda = lambda().await;
    let mut gateways = Vec::new();
    for mut api in [Api::rest("test"), Api::http("$default")] {
        api.timeout = Duration::from_millis(500);
        gateways.push(Gateway::start(Arc::clone(&lambda), api).await.unwrap());
    }
    let client = Client::new();
    let post = async |gateway: &Gateway, body: String| {
        let request = client.post(gateway.url()).header("Content-Type", "application/json").body(body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    };
    // The first invocation starts the function.
    assert_eq!(lambda.invoke(&json!({})).await.unwrap()["event"], json!({}));
    let cases = [
        (json!({"fail": "on purpose"}).to_string(), [502, 500]),
        (json!({"sleep_ms": 1_000}).to_string(), [504, 503]),
        (json!({"exit": 1}).to_string(), [502, 500]),
        ("x".repeat(MAX_EVENT), [413, 413]),
        ("x".repeat(MAX_PAYLOAD + 1), [413, 413]),
    ];
    for (body, expected) in cases {
        for (gateway, expected) in gateways.iter().zip(expected) {
            let (status, response) = post(gateway, body.clone()).await;
            assert_eq!(status, expected, "{}: {response}", &body[..20.min(body.len())]);
            let response: Value = serde_json::from_str(&response).unwrap();
            assert_eq!(response.as_object().unwrap().keys().collect::<Vec<_>>(), ["message"]);
            // Waits for the invocation that goes on after the timeout.
            lambda.invoke(&json!({})).await.unwrap();
        }
    }
}

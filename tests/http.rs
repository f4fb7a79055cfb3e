//! The HTTP contract: routes, types, limits, and which of several mistakes is told first.

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header},
};
use flate2::{Compression, write::GzEncoder};
use ingest::{MAX_BODY_BYTES, MAX_RECORDS};
use lambda_runtime::tracing::Level;
use serde_json::json;
use shared::kind::GEO;
use std::io::Write;

use crate::support::{
    log::Log,
    pipeline::{Answer, BINARY, JSON, answer, envelope},
    recorder::Recorder,
    rows::with,
};

struct Front {
    recorder: Recorder,
}

impl Front {
    fn new() -> Self {
        Self { recorder: Recorder::default() }
    }

    async fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(header::HeaderName, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::new(body.into());
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = path.parse().unwrap();
        for (name, value) in headers {
            request.headers_mut().append(name, HeaderValue::from_str(value).unwrap());
        }
        answer(&self.recorder.router(), request).await
    }

    async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.send("POST", path, &[(header::CONTENT_TYPE, JSON)], body).await
    }
}

fn geo() -> String {
    envelope(&[&with(&GEO, &[])])
}

#[tokio::test]
async fn no_more_than_the_beginning_of_a_path_is_logged() {
    let (log, _guard) = Log::from(Level::INFO);
    let front = Front::new();
    front.send("GET", &format!("/{}", "a".repeat(5_000)), &[], Body::empty()).await;
    let log = log.text();
    assert!(log.contains("path=") && log.contains(&"a".repeat(60)), "{log}");
    assert!(!log.contains(&"a".repeat(65)), "{log}");
}

#[tokio::test]
async fn every_route_is_reached_with_any_slashes_and_below_any_stage() {
    let front = Front::new();
    for (method, path, status, code) in [
        ("POST", "/topics/u.geo", 200, 0),
        ("POST", "/topics/u.geo/", 200, 0),
        ("POST", "//topics//u.geo", 200, 0),
        ("POST", "/test/topics/u.geo", 200, 0),
        ("POST", "/topics/u%2Egeo", 200, 0),
        ("POST", "/topics/u.geo/partitions/0", 200, 0),
        ("POST", "/test/topics/u.geo/partitions/0/", 200, 0),
        ("POST", "/topics/u.geo/partitions/x", 404, 404),
        ("POST", "/topics/u.geo/partitions/-1", 404, 404),
        ("POST", "/topics/u.geo/partitions/+1", 404, 404),
        ("POST", "/topics/u.geo/partitions/2147483648", 404, 404),
        ("POST", "/topics/u.geo/partitions", 405, 405),
        ("POST", "/topics/u.geo/x", 404, 404),
        ("POST", "/topics/u.nope", 404, 40401),
        ("POST", "/topics/U.geo", 404, 40401),
        ("POST", "/topics/v.geo", 404, 40401),
        ("POST", "/topics/%ff", 404, 404),
        ("POST", "/topics", 405, 405),
        ("POST", "/", 404, 404),
        ("POST", "/test", 404, 404),
        ("GET", "/", 200, 0),
        ("GET", "/health", 200, 0),
        ("HEAD", "/health", 200, 0),
        ("GET", "/test/health/", 200, 0),
        ("post", "/topics/u.geo", 405, 405),
        ("DELETE", "/", 405, 405),
        ("GET", "/nope", 404, 404),
        ("PUT", "/topics/u.geo", 405, 405),
        ("POST", "/health", 405, 405),
        ("GET", "/consumers/a/instances/b/records", 501, 501),
        ("POST", "/consumers/a", 501, 501),
        ("OPTIONS", "/topics/u.geo", 200, 0),
        ("OPTIONS", "/anything/at/all", 200, 0),
    ] {
        let answer = front.send(method, path, &[(header::CONTENT_TYPE, JSON)], geo()).await;
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.body);
        assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*", "{method} {path}");
        assert!(answer.header(header::CONTENT_TYPE).contains("json"), "{method} {path}");
        if method != "HEAD" {
            assert_eq!(answer.json()["error_code"].as_u64().unwrap_or(0), code, "{method} {path}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_browser_is_told_that_it_may_send() {
    let answer = Front::new().send("OPTIONS", "/topics/u.geo", &[], Body::empty()).await;
    assert_eq!(answer.body, "{}");
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_METHODS), "DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT");
    assert!(answer.header(header::ACCESS_CONTROL_ALLOW_HEADERS).contains("Content-Type"));
}

#[tokio::test]
async fn a_method_that_is_not_allowed_is_told_which_are() {
    let answer = Front::new().send("DELETE", "/topics/u.geo", &[], Body::empty()).await;
    assert_eq!(answer.header(header::ALLOW), "POST,GET,HEAD");
    assert_eq!(answer.body, r#"{"error_code":405,"message":"HTTP 405 Method Not Allowed"}"#);
}

#[tokio::test]
async fn an_answer_has_the_type_that_was_asked_for() {
    let front = Front::new();
    for (accept, content_type) in [
        (None, "application/vnd.kafka.v2+json"),
        (Some("*/*"), "application/vnd.kafka.v2+json"),
        (Some("application/json, application/vnd.kafka.v2+json;q=0.5"), "application/vnd.kafka.v2+json"),
        (Some("application/json"), "application/json"),
    ] {
        let accept = accept.map(|accept| (header::ACCEPT, accept));
        let headers: Vec<_> = [(header::CONTENT_TYPE, JSON)].into_iter().chain(accept).collect();
        let answer = front.send("POST", "/topics/u.geo", &headers, geo()).await;
        assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (StatusCode::OK, content_type), "{headers:?}");
    }
}

/// Path, method, size, type, acceptable type, topic, syntax, envelope, rules: each request has one mistake less.
#[tokio::test]
async fn of_several_mistakes_the_first_in_the_contracts_order_is_told() {
    let front = Front::new();
    let html = [(header::CONTENT_TYPE, "text/html"), (header::ACCEPT, "text/html")];
    let accept = [(header::CONTENT_TYPE, JSON), (header::ACCEPT, "text/html")];
    let json = [(header::CONTENT_TYPE, JSON)];
    let too_large = vec![b'{'; MAX_BODY_BYTES + 1];
    let not_json = br#"{"records":[{"value":{},"nope":1}"#.to_vec();
    let nothing = [&br#"{"records":[{"value":{},"nope":1}]}"#[..]].concat();
    let invalid = br#"{"records":[{"value":{}}]}"#.to_vec();
    for (method, path, headers, body, code) in [
        ("PATCH", "/nope", html.as_slice(), too_large.clone(), 404),
        ("PATCH", "/topics/u.nope", &html, too_large.clone(), 405),
        ("POST", "/topics/u.nope", &html, too_large, 413),
        ("POST", "/topics/u.nope", &html, not_json.clone(), 415),
        ("POST", "/topics/u.nope", &accept, not_json.clone(), 406),
        ("POST", "/topics/u.nope", &json, not_json.clone(), 40401),
        ("POST", "/topics/u.geo", &json, not_json, 400),
        ("POST", "/topics/u.geo", &json, nothing, 422),
        ("POST", "/topics/u.geo", &json, invalid, 42203),
    ] {
        let answer = front.send(method, path, headers, body).await;
        assert_eq!(answer.json()["error_code"], code, "{}", answer.body);
    }
    assert_eq!(front.recorder.take(), []);
}

#[tokio::test]
async fn a_body_that_is_no_envelope_is_told_why_and_shown_one() {
    let front = Front::new();
    let value = with(&GEO, &[]);
    for (body, status, problem) in [
        (value.clone(), 422, "Unrecognized field: country"),
        (format!(r#"{{"topic":"u.geo","payload":{value}}}"#), 422, "Unrecognized field: topic"),
        (json!(geo()).to_string(), 422, "send the object itself, not its JSON text"),
        (format!("[{value}]"), 422, "expected an object with `records`"),
        ("{}".to_owned(), 422, "`records` is missing"),
        (r#"{"records":[]}"#.to_owned(), 422, "`records` is empty"),
        (r#"{"records":null}"#.to_owned(), 422, "expected `records` to be a list"),
        (format!(r#"{{"records":{value}}}"#), 422, "expected `records` to be a list"),
        (r#"{"records":[{"value":{}},5]}"#.to_owned(), 422, "expected records[1] to be an object with `value`"),
        (format!(r#"{{"records":["{}"]}}"#, "x".repeat(5000)), 422, "expected records[0] to be an object with `value`"),
        (
            format!(r#"{{"records":[{{"{}":1}}]}}"#, "x".repeat(5000)),
            422,
            &format!("Unrecognized field: {}…;", "x".repeat(64)),
        ),
        (r#"{"records":[],"records":[]}"#.to_owned(), 422, "`records` appears twice"),
        (r#"{"records":[{"value":1,"value":2}]}"#.to_owned(), 422, "records[0]: `value` appears twice"),
        (
            r#"{"records":[{"partition":-1}]}"#.to_owned(),
            422,
            "records[0].partition: must be a whole number from 0 to 2147483647, or null",
        ),
        (r#"{"records":[{"partition":"0"}]}"#.to_owned(), 422, "records[0].partition: must be"),
        (r#"{"records":[{"partition":1.0}]}"#.to_owned(), 422, "records[0].partition: must be"),
        (String::new(), 400, "line 1, column 0: the body is empty"),
        (
            "{'records': []}".to_owned(),
            400,
            "line 1, column 2: strings take double quotes, as Python's json.dumps writes them",
        ),
        (r#"{"records":[{"value":{}}]} x"#.to_owned(), 400, "line 1, column 28: trailing characters"),
        (r#"{"records":[{"value":{"a":1e999}}]}"#.to_owned(), 400, "line 1, column 31: number out of range"),
        (
            "{\"records\":[\n{\"value\":{\"a\":\"\\ud800\"}}]}".to_owned(),
            400,
            "line 2, column 22: unexpected end of hex escape",
        ),
        (
            r#"{"records":[{"key":"\ud800","value":{}}]}"#.to_owned(),
            400,
            "line 1, column 27: unexpected end of hex escape",
        ),
        (
            format!(r#"{{"records":[{{"value":{}}}]}}"#, "[".repeat(129) + &"]".repeat(129)),
            400,
            "recursion limit exceeded",
        ),
    ] {
        let answer = front.post("/topics/u.geo", body.clone()).await;
        let found = answer.json();
        assert_eq!(answer.status, status, "{body:.200}: {found}");
        assert_eq!(found["error_code"], status, "{body:.200}: {found}");
        let message = found["message"].as_str().unwrap();
        assert!(message.contains(problem), "{body:.200}: {message}");
        let advice = r#"the body must be {"records":[{"value":{…}}]}, each value a row"#;
        assert_eq!(message.ends_with(advice), status == 422, "{message}");
        assert!(message.len() < 300, "{message}");
    }
    for ids in [r#""key_schema":null,"value_schema":"{}","#, r#""key_schema_id":1,"value_schema_id":{},"#] {
        let answer = front.post("/topics/u.geo", geo().replacen('{', &format!("{{{ids}"), 1)).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    }
}

#[tokio::test]
async fn gzip_is_told_by_the_body_and_not_by_its_header() {
    let front = Front::new();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(geo().as_bytes()).unwrap();
    let zipped = encoder.finish().unwrap();
    let of_type = |encoding: Option<&'static str>| {
        let encoding = encoding.map(|encoding| (header::CONTENT_ENCODING, encoding));
        [(header::CONTENT_TYPE, JSON)].into_iter().chain(encoding).collect::<Vec<_>>()
    };
    for (encoding, body) in [
        (Some("gzip"), zipped.clone()),
        (None, zipped.clone()),
        (Some("gzip"), geo().into_bytes()),
        (Some("identity"), geo().into_bytes()),
    ] {
        let answer = front.send("POST", "/topics/u.geo", &of_type(encoding), body).await;
        assert_eq!(answer.status, StatusCode::OK, "{encoding:?}: {}", answer.body);
    }
    let answer = front.send("POST", "/topics/u.geo", &of_type(Some("gzip")), zipped[..20].to_vec()).await;
    assert_eq!(
        answer.body,
        r#"{"error_code":400,"message":"Bad Request: the body starts like gzip but is not valid gzip"}"#
    );
}

#[tokio::test]
async fn a_request_has_at_most_40000_records() {
    let front = Front::new();
    let value = with(&GEO, &[]);
    let value = value.as_str();
    let answer = front.post("/topics/u.geo", envelope(&vec![value; MAX_RECORDS])).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["offsets"].as_array().unwrap().len(), MAX_RECORDS);
    assert_eq!(front.recorder.take().len(), MAX_RECORDS);
    let answer = front.post("/topics/u.geo", envelope(&vec!["{}"; MAX_RECORDS + 1])).await;
    assert_eq!(
        answer.body,
        r#"{"error_code":413,"message":"the request has 40001 records, more than 40000: send fewer records a request"}"#
    );
    assert_eq!(front.recorder.take(), []);
}

#[tokio::test]
async fn the_other_formats_are_named_or_told_that_they_need_a_registry() {
    let front = Front::new();
    for (content_type, code) in [
        (BINARY, 42203),
        ("application/vnd.kafka.avro.v2+json", 42206),
        ("application/vnd.kafka.jsonschema.v2+json", 42206),
        ("application/vnd.kafka.protobuf.v2+json", 42206),
        ("application/x-www-form-urlencoded", 415),
    ] {
        let body = r#"{"records":[{"value":null}]}"#;
        let answer = front.send("POST", "/topics/u.geo", &[(header::CONTENT_TYPE, content_type)], body).await;
        assert_eq!(answer.json()["error_code"], code, "{content_type}: {}", answer.body);
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_tells_nothing() {
    let router = Recorder::panicking().router();
    let request = Request::post("/topics/u.geo").header(header::CONTENT_TYPE, JSON).body(Body::from(geo())).unwrap();
    let answer = answer(&router, request).await;
    assert_eq!(answer.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.body, r#"{"error_code":500,"message":"Internal Server Error"}"#);
    assert_eq!(answer.header(header::ACCESS_CONTROL_ALLOW_ORIGIN), "*");
}

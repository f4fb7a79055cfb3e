//! Hostile input to processes, with its cost: over a socket to `local`, and as events to `ingest` under the Lambda runtime.

use axum::http::{Method, Request};
use bytes::Bytes;
use ingest::MAX_BODY_BYTES;
use serde_json::{Value, json};
use stack::lambda::{Function, Lambda, built};

use super::{
    NO_ROW, ROW,
    bodies::{HostileBody, refused, too_large_for_a_topic},
    cost::{Before, Most},
    event_of, version_1,
};
use crate::support::{
    http::{exchange, send},
    local::Local,
    pipeline::{JSON, Pipeline, envelope},
};

fn request(hostile: &HostileBody) -> Request<Bytes> {
    let request = Request::post(format!("/topics/demo.{}", hostile.kind)).header("content-type", hostile.content_type);
    request.body(hostile.body.clone().into()).unwrap()
}

/// Checks that the rejected requests wrote nothing: the next record is the first.
pub(super) async fn assert_nothing_written(local: &Local) {
    let (status, body) = local.post("demo.geo", &envelope(&[ROW])).await;
    assert_eq!(status, 200, "{body}");
    assert!(body.starts_with(r#"{"offsets":[{"partition":0,"offset":0,"#), "{body}");
}

#[tokio::test]
async fn local_refuses_every_hostile_body_at_a_bounded_cost() {
    let local = Local::start_without_emulator().await;
    // The first request allocates memory that later ones reuse.
    let (status, _) = local.post("demo.user", &envelope(&["1"])).await;
    assert_eq!(status, 422);
    let mut most = Most::default();
    for hostile in refused(MAX_BODY_BYTES).chain(too_large_for_a_topic()) {
        let before = Before::of(local.process.id());
        let answer = send(local.address, "", request(&hostile))
            .await
            .unwrap_or_else(|error| panic!("{}: {error}", hostile.what));
        hostile.assert_answered("local", answer.status().as_u16(), std::str::from_utf8(answer.body()).unwrap());
        before.assert_bounded(hostile.what, &mut most);
    }
    most.print();
    assert_nothing_written(&local).await;
}

/// The response to a raw request.
enum Refusal {
    /// `ingest`'s or `local`'s: status and `error_code`.
    Ours(u16, u32),
    /// The HTTP server's, without a body.
    Servers(u16),
}

use Refusal::{Ours, Servers};

/// Requests that are not HTTP, or barely.
fn raw() -> Vec<(&'static str, Vec<u8>, Refusal)> {
    let head = format!("POST /topics/demo.geo HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\n");
    let with = |headers: &str, body: &str| format!("{head}{headers}\r\n{body}").into_bytes();
    let closing = |headers: &str, body: &str| with(&format!("Connection: close\r\n{headers}"), body);
    let length = NO_ROW.len();
    let sized = format!("Content-Length: {length}\r\n");
    let chunks = |body: &str| format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
    let chunked = "Transfer-Encoding: chunked\r\n";
    let good = envelope(&[ROW]);
    let second = format!("{head}Content-Length: {}\r\n\r\n{good}", good.len());
    let bytes = |before: &[u8]| [before, closing(&sized, NO_ROW).as_slice()].concat();
    vec![
        ("two lengths, the same", closing(&format!("{sized}{sized}"), NO_ROW), Ours(422, 42203)),
        ("two lengths that differ", closing(&format!("{sized}Content-Length: 5\r\n"), NO_ROW), Servers(400)),
        ("two lengths in one", closing(&format!("Content-Length: {length}, {length}\r\n"), NO_ROW), Servers(400)),
        ("a length below 0", closing("Content-Length: -1\r\n", NO_ROW), Servers(400)),
        ("a length with a sign", closing(&format!("Content-Length: +{length}\r\n"), NO_ROW), Servers(400)),
        ("a length of 30 digits", closing(&format!("Content-Length: {}\r\n", "9".repeat(30)), ""), Servers(400)),
        ("no length and no body", closing("", ""), Ours(422, 422)),
        ("chunks", closing(chunked, &chunks(NO_ROW)), Ours(422, 42203)),
        ("chunks of one byte", closing(chunked, &("1\r\n \r\n".repeat(100_000) + "0\r\n\r\n")), Ours(422, 422)),
        (
            "chunks with a length, and a request behind them",
            with(&format!("{chunked}{sized}"), &(chunks(NO_ROW) + &second)),
            Ours(422, 42203),
        ),
        (
            "a length with chunks, and a request behind them",
            with(&format!("Content-Length: {}\r\n{chunked}", 5), &(chunks(NO_ROW) + &second)),
            Ours(422, 42203),
        ),
        ("invalid chunks", closing(chunked, NO_ROW), Ours(400, 400)),
        ("a chunk size beyond 64 bits", closing(chunked, "fffffffffffffffff\r\n"), Ours(400, 400)),
        (
            "a chunk with an extension of 100 kB",
            closing(chunked, &format!("1;{}\r\n1\r\n0\r\n\r\n", "a".repeat(100_000))),
            Ours(400, 400),
        ),
        (
            "chunks with 10000 trailers",
            closing(chunked, &format!("1\r\n1\r\n0\r\n{}\r\n", "x: y\r\n".repeat(10_000))),
            Ours(400, 400),
        ),
        (
            "an unknown transfer encoding",
            closing(&format!("Transfer-Encoding: xchunked\r\n{sized}"), NO_ROW),
            Servers(400),
        ),
        ("the transfer encoding identity", closing("Transfer-Encoding: identity\r\n", NO_ROW), Servers(400)),
        ("100 additional headers", closing(&format!("{sized}{}", "x: y\r\n".repeat(100)), NO_ROW), Servers(431)),
        ("a header of 1 MB", closing(&format!("{sized}x: {}\r\n", "y".repeat(1_000_000)), NO_ROW), Servers(431)),
        ("a header of 60 kB", closing(&format!("{sized}x: {}\r\n", "y".repeat(60_000)), NO_ROW), Ours(422, 42203)),
        ("a header of 200 kB", closing(&format!("{sized}x: {}\r\n", "y".repeat(200_000)), NO_ROW), Servers(431)),
        ("a header without a colon", closing(&format!("{sized}nonsense\r\n"), NO_ROW), Servers(400)),
        ("a header's name with a space", closing(&format!("{sized}a b: c\r\n"), NO_ROW), Servers(400)),
        ("NUL in a header", closing(&format!("{sized}a: \0\r\n"), NO_ROW), Servers(400)),
        ("a header on two lines", closing(&format!("{sized}a: b\r\n c\r\n"), NO_ROW), Servers(400)),
        (
            "a path of 70 kB",
            format!("GET /{} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(70_000)).into_bytes(),
            Servers(414),
        ),
        ("a path that is not text", b"GET /\xff HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), Servers(400)),
        ("bytes before the request", bytes(b"\0\xff"), Servers(400)),
        ("TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n".to_vec(), Servers(400)),
        ("HTTP of 1991", b"GET /\r\n\r\n".to_vec(), Servers(400)),
        (
            "HTTP of 1996",
            format!("POST /topics/demo.geo HTTP/1.0\r\n{sized}\r\n{NO_ROW}").into_bytes(),
            Ours(422, 42203),
        ),
    ]
}

/// Requests for another server, or from another server's page.
fn misdirected() -> Vec<(&'static str, Vec<u8>, Refusal)> {
    let row = envelope(&[ROW]);
    let post = |host: &str, more: &str| {
        let length = row.len();
        let head =
            format!("POST /topics/demo.geo HTTP/1.1\r\n{host}Content-Type: {JSON}\r\nContent-Length: {length}\r\n");
        format!("{head}{more}Connection: close\r\n\r\n{row}").into_bytes()
    };
    let here = "Host: localhost\r\n";
    let to_a_proxy = "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    vec![
        ("no host", post("", ""), Ours(400, 400)),
        ("two hosts", post(here, here), Ours(400, 400)),
        ("an invalid host", post("Host: a b\r\n", ""), Ours(400, 400)),
        ("another machine's name", post("Host: evil.example:8082\r\n", ""), Ours(421, 421)),
        ("another machine's name, to a proxy", to_a_proxy.into(), Ours(421, 421)),
        ("another page's row", post(here, "Origin: http://evil.example\r\n"), Ours(403, 403)),
    ]
}

#[tokio::test]
async fn local_refuses_every_hostile_request_at_a_bounded_cost() {
    let local = Local::start_without_emulator().await;
    let mut most = Most::default();
    for (what, request, refusal) in raw().into_iter().chain(misdirected()) {
        let before = Before::of(local.process.id());
        let answer =
            exchange(local.address, &Method::POST, &request).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        let (status, body) = (answer.status().as_u16(), std::str::from_utf8(answer.body()).unwrap());
        match refusal {
            Ours(expected, code) => {
                let body: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{what}: {error}: {body}"));
                assert_eq!((status, &body["error_code"]), (expected, &json!(code)), "{what}: {body}");
            }
            Servers(expected) => assert_eq!((status, body), (expected, ""), "{what}"),
        }
        before.assert_bounded(what, &mut most);
    }
    most.print();
    assert_nothing_written(&local).await;
}

/// The largest event that Lambda delivers, in bytes: <https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html>.
const MAX_EVENT_BYTES: usize = 6 * 1024 * 1024;

/// The largest body of an event, in bytes; the rest of the event takes the difference.
const MAX_EVENT_BODY_BYTES: usize = MAX_EVENT_BYTES - 64 * 1024;

#[tokio::test]
#[ignore = "needs the Lambda runtime interface emulator: make test"]
async fn ingest_refuses_every_hostile_event_that_lambda_delivers_at_a_bounded_cost() {
    let pipeline = Pipeline::start_for("u").await;
    let environment = [
        ("BOOTSTRAP_SERVERS", pipeline.cluster.bootstrap_servers()),
        ("SECURITY_PROTOCOL", "PLAINTEXT".to_owned()),
        ("USER_IDS", "u".to_owned()),
    ];
    let lambda = Lambda::start(&Function::new(&built("ingest").await.unwrap(), environment)).await.unwrap();
    let first = lambda.invoke(&version_1(JSON, NO_ROW.as_bytes())).await.unwrap();
    assert_eq!(first["statusCode"], 422, "{first}");
    let [process] = lambda.processes()[..] else { panic!("{:?}", lambda.processes()) };
    let mut most = Most::default();
    let mut left_out = Vec::new();
    for hostile in refused(MAX_EVENT_BODY_BYTES) {
        let event = event_of(&hostile);
        if event.to_string().len() > MAX_EVENT_BYTES {
            left_out.push(hostile.what);
            continue;
        }
        let before = Before::of(process);
        let answer = lambda.invoke(&event).await.unwrap_or_else(|error| panic!("{}: {error}", hostile.what));
        let status = u16::try_from(answer["statusCode"].as_u64().unwrap()).unwrap();
        hostile.assert_answered("ingest", status, answer["body"].as_str().unwrap());
        before.assert_bounded(hostile.what, &mut most);
    }
    most.print();
    let undelivered = [
        "a number of 10 MB",
        "40000 rows of ten names twice",
        "40000 rows of one name",
        "whitespace of 8 MiB",
        "one name again and again",
    ];
    assert_eq!(left_out, undelivered, "with escapes each exceeds Lambda's limit");
    assert_eq!(lambda.processes(), [process], "no invocation ended it");
    assert_eq!(pipeline.count("u.geo"), 0);
}

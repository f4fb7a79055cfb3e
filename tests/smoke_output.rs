//! The output of `make smoke`, for a working pipeline and for each failure.

use std::{fs, path::Path, sync::Arc, time::Duration};

use axum::http::StatusCode;
use serde_json::{Value, json};
use shared::kind::CATALOG;
use tempfile::TempDir;
use tokio::{net::TcpListener, time::sleep};
use tokio_rustls::{TlsAcceptor, rustls};

use crate::support::{
    local::Local,
    program::{ProgramOutput, start, start_with, wait_for_exit},
    stub::{Stub, StubResponse},
};

async fn smoke(args: &[&str]) -> ProgramOutput {
    wait_for_exit(start("smoke", args).await).await
}

/// An API with one response for `/health` and every topic.
async fn api(response: StubResponse) -> Stub {
    api_with_health(response.clone(), response).await
}

async fn api_with_health(health: StubResponse, produce: StubResponse) -> Stub {
    let all = || vec![produce.clone()];
    Stub::start([("/health", vec![health]), (".pin", all()), (".geo", all()), (".user", all())]).await
}

fn healthy() -> StubResponse {
    StubResponse::ok(&json!({"status": "ok"}))
}

fn written(offset: u64) -> StubResponse {
    let entry = json!({"partition": 0, "offset": offset, "error_code": null, "error": null});
    StubResponse::ok(&json!({"offsets": [entry]}))
}

fn api_error(status: StatusCode, error_code: u32) -> StubResponse {
    StubResponse::json(status, &json!({"error_code": error_code, "message": "m"}))
}

/// The gateway response of the template whose message contains `words`.
fn gateway_response(status: StatusCode, words: &str) -> StubResponse {
    let template = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")).unwrap();
    let line = template.lines().find(|line| line.contains("responseTemplates") && line.contains(words)).unwrap();
    let body = line.split('\'').nth(1).unwrap();
    StubResponse::json(status, &serde_json::from_str(body).unwrap())
}

fn record_error(status: StatusCode, error_code: u32) -> StubResponse {
    StubResponse::json(
        status,
        &json!({"offsets": [{"partition": null, "offset": null, "error_code": error_code, "error": "e"}]}),
    )
}

#[tokio::test]
async fn records_posted_to_local_are_archived_once_and_byte_for_byte() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    let local = Local::start(&["--posts-per-second", "20", "--archive", archive]).await;
    let url = format!("http://{}/test/", local.address);
    for _ in 0..2 {
        let out = smoke(&[&url, "--archive", archive]).await;
        assert_eq!(out.code, Some(0), "{}{}", out.stdout, out.stderr);
        assert!(out.stdout.ends_with("All 7 checks passed.\n"), "{}", out.stdout);
        assert_eq!(out.stdout.matches("once and byte for byte in topics/demo.").count(), CATALOG.len());
    }
    let out = smoke(&[&url, "--user-id", "nobody"]).await;
    assert_eq!(out.code, Some(1));
    assert!(out.stdout.contains("the topics here are demo.geo, demo.pin, demo.user: no such topic: set --user-id"));
    assert!(out.stdout.ends_with("3 of 4 checks FAILED.\n"), "{}", out.stdout);
}

#[tokio::test]
async fn each_error_is_reported_with_advice() {
    let forbidden = || StubResponse::error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden");
    let unlisted = |status, message| StubResponse::error(status, "E", message);
    let key = &["--api-key", "k3y"][..];
    for (response, args, expected) in [
        (forbidden(), &[][..], "403: Forbidden: not this API's stage, whose errors have an error_code"),
        (forbidden(), key, "403: Forbidden: not this API's stage"),
        (
            record_error(StatusCode::FORBIDDEN, 40301),
            key,
            "403, error_code 40301: e: the role of `ingest` lacks kafka-cluster:WriteData",
        ),
        (
            record_error(StatusCode::UNAUTHORIZED, 40101),
            key,
            "401, error_code 40101: e: the role of `ingest` cannot log in",
        ),
        (api_error(StatusCode::FORBIDDEN, 403), key, "403, error_code 403: m: the API rejects this --api-key"),
        (api_error(StatusCode::FORBIDDEN, 403), &[], "the API requires a key: pass --api-key"),
        (gateway_response(StatusCode::FORBIDDEN, "has to hold a key"), &[], "the API requires a key: pass --api-key"),
        (
            gateway_response(StatusCode::FORBIDDEN, "has to be signed"),
            key,
            "Authentication is iam, and this program cannot",
        ),
        (gateway_response(StatusCode::BAD_GATEWAY, "its answer is not known"), key, "see the log of `ingest`"),
        (gateway_response(StatusCode::SERVICE_UNAVAILABLE, "did not answer in time"), key, "see the log of `ingest`"),
        (api_error(StatusCode::TOO_MANY_REQUESTS, 429), key, "raise ThrottleRate"),
        (api_error(StatusCode::NOT_FOUND, 40401), key, "404, error_code 40401: m: no such topic"),
        (StubResponse::status(StatusCode::NOT_FOUND), key, "does the URL end with the stage?"),
        (
            record_error(StatusCode::SERVICE_UNAVAILABLE, 50003),
            key,
            "503, error_code 50003: e: Kafka did not acknowledge it",
        ),
        (api_error(StatusCode::INTERNAL_SERVER_ERROR, 500), key, "a bug: see the log of `ingest`"),
        (
            unlisted(StatusCode::BAD_GATEWAY, "Internal server error"),
            key,
            "502: Internal server error: `ingest` failed",
        ),
        (unlisted(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"), key, "check its log and its timeout"),
        (unlisted(StatusCode::TOO_MANY_REQUESTS, "Limit Exceeded"), key, "raise ThrottleRate"),
        (StubResponse::ok(&json!({"hello": "world"})), key, "200, but no offset"),
        (
            StubResponse::ok(&json!({"hello": "world"})),
            key,
            r#"GET /health: 200, but no status: {"hello":"world"}; is"#,
        ),
        (
            StubResponse::redirect("https://example.org/login"),
            key,
            "302: it redirects to https://example.org/login, and",
        ),
    ] {
        let api = api(response).await;
        let out = smoke(&[&[api.address()], args].concat()).await;
        assert_eq!(out.code, Some(1), "{expected}: {}", out.stdout);
        assert!(out.stdout.contains(expected), "{expected}: {}", out.stdout);
        assert!(!out.stdout.contains("k3y"), "{}", out.stdout);
        let keys: Vec<_> =
            api.requests().iter().map(|request| request.header("x-api-key").map(str::to_owned)).collect();
        assert_eq!(keys, vec![args.get(1).map(|key| (*key).to_owned()); 4], "each request has the key");
    }
}

/// The URL of a server with a self-signed certificate.
async fn untrusted_server() -> String {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivateKeyDer::try_from(signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key);
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            drop(acceptor.accept(client).await);
        }
    });
    url
}

#[tokio::test]
async fn an_unreachable_or_untrusted_api_gets_one_request_and_its_own_advice() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let plain = api(healthy()).await;
    for (url, expected) in [
        ("https://abcdefghij.execute-api.invalid/test".to_owned(), "no such host"),
        (untrusted_server().await, "its TLS certificate is not trusted"),
        (plain.address().replace("http:", "https:"), "it does not speak TLS: did you mean http://?"),
        (format!("http://{closed}"), "it cannot be reached"),
    ] {
        let out = smoke(&[&url]).await;
        assert_eq!(out.code, Some(1), "{url}");
        assert!(out.stdout.contains(expected), "{url}: {}", out.stdout);
        let end = "The API is unreachable, so the other checks were skipped.\n1 of 1 check FAILED.\n";
        assert!(out.stdout.ends_with(end), "{}", out.stdout);
    }
}

#[tokio::test]
async fn a_url_that_is_not_a_stage_is_a_one_line_error() {
    for (url, expected) in [
        ("abcdefghij", "not a URL"),
        ("ftp://example.org/test", "not a URL"),
        ("https://example.org/test?a=b", "the URL has to end with the stage"),
        ("https://example.org/test/topics/demo.pin", "the URL has to end with the stage"),
        ("https://example.org/test/health", "the URL has to end with the stage"),
    ] {
        let out = smoke(&[url]).await;
        assert_eq!((out.code, out.stdout.as_str()), (Some(1), ""), "{url}");
        assert!(
            out.stderr.starts_with(&format!("error: {url}: {expected}: https://<host>/<stage>\n")),
            "{}",
            out.stderr
        );
    }
}

#[tokio::test]
async fn an_unreadable_archive_is_reported_before_anything_is_posted() {
    let (api, s3) =
        (api(healthy()).await, Stub::start([("", vec![StubResponse::status(StatusCode::FORBIDDEN)])]).await);
    let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s3cret")];
    let whole = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", s3.address()), ("AWS_ALLOW_HTTP", "true")];
    let folder = TempDir::new().unwrap();
    let none = folder.path().join("none");
    for (archive, variables, expected) in [
        (
            "s3://b/p",
            &[][..],
            "no AWS credentials: export AWS_REGION=<region>; eval \"$(aws configure export-credentials",
        ),
        ("s3://b/p", &key, "AWS_REGION is not set: the region"),
        ("s3://b/p", &[&key[..], &whole].concat(), "--archive s3://b/p: it cannot be read: "),
        (none.to_str().unwrap(), &[], "it cannot be read: "),
    ] {
        let out = wait_for_exit(start_with("smoke", &[api.address(), "--archive", archive], variables).await).await;
        assert_eq!((out.code, out.stdout.as_str()), (Some(1), ""), "{expected}");
        assert!(out.stderr.contains(expected) && !out.stderr.contains("s3cret"), "{expected}: {}", out.stderr);
        assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);
    }
    assert!(api.requests().is_empty());
}

#[tokio::test]
async fn a_closed_pipe_causes_no_panic() {
    let api = api(StubResponse::status(StatusCode::NOT_FOUND)).await;
    let mut smoke = start("smoke", &[api.address()]).await;
    drop(smoke.stdout.take());
    let out = wait_for_exit(smoke).await;
    assert_eq!((out.code, out.stderr.as_str()), (Some(1), ""));
    assert_eq!(api.requests().len(), 4);
}

fn write_object(archive: &Path, topic: &str, lines: &str) {
    let folder = archive.join("topics").join(topic).join("partition=0");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{topic}+0+0000000000.json")), lines).unwrap();
}

#[tokio::test]
async fn missing_duplicate_and_foreign_records_in_the_archive_are_reported() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    write_object(folder.path(), "demo.user", "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n");
    let api = api_with_health(healthy(), written(7)).await;
    let smoke = start("smoke", &[api.address(), "--archive", archive, "--within", "4s"]).await;
    let posted = loop {
        let requests = api.requests();
        if let Some(request) = requests.iter().find(|request| request.uri.path().ends_with("demo.geo")) {
            break request.body.clone();
        }
        sleep(Duration::from_millis(10)).await;
    };
    let value = posted.strip_prefix(r#"{"records":[{"value":"#).unwrap().strip_suffix("}]}").unwrap();
    let row: Value = serde_json::from_str(value).unwrap();
    assert!(row["country"].as_str().unwrap().starts_with("smoke test "), "{value}");
    write_object(folder.path(), "demo.geo", &format!("{}{value}\n{value}\n", "{}\n".repeat(7)));
    let out = wait_for_exit(smoke).await;
    assert_eq!(out.code, Some(1), "{}", out.stdout);
    for expected in [
        "FAILED  archive of demo.pin: not archived after 4 s: `archive` runs each minute: check its log and its alarms",
        "FAILED  archive of demo.geo: 2 copies from topics/demo.geo/partition=0/demo.geo+0+0000000000.json on",
        "FAILED  archive of demo.user: another record has offset 7 in topics/demo.user/",
        "3 of 7 checks FAILED.",
    ] {
        assert!(out.stdout.contains(expected), "{expected}: {}", out.stdout);
    }
}

#[tokio::test]
async fn a_missing_url_is_a_one_line_error_and_help_lists_the_flags() {
    let out = smoke(&[]).await;
    assert_eq!((out.code, out.stdout.as_str()), (Some(1), ""));
    assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);
    assert!(out.stderr.starts_with("error: no URL: make smoke URL=https://"), "{}", out.stderr);
    let out = smoke(&["--help"]).await;
    assert_eq!(out.code, Some(0));
    for flag in ["--user-id", "--api-key", "--archive", "--within"] {
        assert!(out.stdout.contains(flag), "{}", out.stdout);
    }
}

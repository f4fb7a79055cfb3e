//! `make smoke` follows records through a pipeline that works, and of one that does not says what is broken and where to look.

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

/// An API of which health and every topic answer the same.
async fn api(told: StubResponse) -> Stub {
    api_with_health(told.clone(), told).await
}

async fn api_with_health(health: StubResponse, told: StubResponse) -> Stub {
    let all = || vec![told.clone()];
    Stub::start([("/health", vec![health]), (".pin", all()), (".geo", all()), (".user", all())]).await
}

fn well() -> StubResponse {
    StubResponse::ok(&json!({"status": "ok"}))
}

fn written(offset: u64) -> StubResponse {
    let entry = json!({"partition": 0, "offset": offset, "error_code": null, "error": null});
    StubResponse::ok(&json!({"offsets": [entry]}))
}

fn of_ours(status: StatusCode, error_code: u32) -> StubResponse {
    StubResponse::json(status, &json!({"error_code": error_code, "message": "m"}))
}

/// What the template has the gateway say in these words.
fn of_template(status: StatusCode, words: &str) -> StubResponse {
    let template = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../template.yaml")).unwrap();
    let line = template.lines().find(|line| line.contains("responseTemplates") && line.contains(words)).unwrap();
    let body = line.split('\'').nth(1).unwrap();
    StubResponse::json(status, &serde_json::from_str(body).unwrap())
}

fn of_a_record(status: StatusCode, error_code: u32) -> StubResponse {
    StubResponse::json(
        status,
        &json!({"offsets": [{"partition": null, "offset": null, "error_code": error_code, "error": "e"}]}),
    )
}

#[tokio::test]
async fn what_was_posted_to_local_is_found_in_its_archive_once_and_byte_for_byte() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    let local = Local::start(&["--posts-per-second", "20", "--archive", archive]).await;
    let url = format!("http://{}/test/", local.address);
    for _ in 0..2 {
        let said = smoke(&[&url, "--archive", archive]).await;
        assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
        assert!(said.stdout.ends_with("All of 7 checks are ok.\n"), "{}", said.stdout);
        assert_eq!(said.stdout.matches("once and byte for byte in topics/demo.").count(), CATALOG.len());
    }
    let said = smoke(&[&url, "--user-id", "nobody"]).await;
    assert_eq!(said.code, Some(1));
    assert!(said.stdout.contains("the topics here are demo.geo, demo.pin, demo.user: no such topic there: --user-id"));
    assert!(said.stdout.ends_with("3 of 4 checks are BROKEN.\n"), "{}", said.stdout);
}

#[tokio::test]
async fn each_refusal_is_told_with_where_to_look() {
    let forbidden = || StubResponse::error(StatusCode::FORBIDDEN, "ForbiddenException", "Forbidden");
    let gateway = |status, message| StubResponse::error(status, "E", message);
    let key = &["--api-key", "k3y"][..];
    for (told, args, said) in [
        (forbidden(), &[][..], "403: Forbidden: not this API's stage, whose refusals have an error_code"),
        (forbidden(), key, "403: Forbidden: not this API's stage"),
        (
            of_a_record(StatusCode::FORBIDDEN, 40301),
            key,
            "403, error_code 40301: e: the role of `ingest` lacks kafka-cluster:WriteData",
        ),
        (
            of_a_record(StatusCode::UNAUTHORIZED, 40101),
            key,
            "401, error_code 40101: e: the role of `ingest` cannot log in",
        ),
        (of_ours(StatusCode::FORBIDDEN, 403), key, "403, error_code 403: m: the API does not take this --api-key"),
        (of_ours(StatusCode::FORBIDDEN, 403), &[], "the API wants a key: --api-key"),
        (of_template(StatusCode::FORBIDDEN, "has to hold a key"), &[], "the API wants a key: --api-key"),
        (of_template(StatusCode::FORBIDDEN, "has to be signed"), key, "Authentication is iam, and this program cannot"),
        (of_template(StatusCode::BAD_GATEWAY, "its answer is not known"), key, "the log of `ingest` says why"),
        (of_template(StatusCode::SERVICE_UNAVAILABLE, "did not answer in time"), key, "the log of `ingest` says why"),
        (of_ours(StatusCode::TOO_MANY_REQUESTS, 429), key, "a higher ThrottleRate"),
        (of_ours(StatusCode::NOT_FOUND, 40401), key, "404, error_code 40401: m: no such topic there"),
        (StubResponse::status(StatusCode::NOT_FOUND), key, "is the URL that of the API, with its stage?"),
        (
            of_a_record(StatusCode::SERVICE_UNAVAILABLE, 50003),
            key,
            "503, error_code 50003: e: Kafka did not confirm it",
        ),
        (of_ours(StatusCode::INTERNAL_SERVER_ERROR, 500), key, "the log of `ingest` has it"),
        (gateway(StatusCode::BAD_GATEWAY, "Internal server error"), key, "502: Internal server error: `ingest` failed"),
        (gateway(StatusCode::GATEWAY_TIMEOUT, "Endpoint request timed out"), key, "look at its log and its time-out"),
        (gateway(StatusCode::TOO_MANY_REQUESTS, "Limit Exceeded"), key, "a higher ThrottleRate"),
        (StubResponse::ok(&json!({"hello": "world"})), key, "200, and no offset"),
        (
            StubResponse::ok(&json!({"hello": "world"})),
            key,
            r#"GET /health: 200, and no status: {"hello":"world"}; is"#,
        ),
        (
            StubResponse::redirect("https://example.org/login"),
            key,
            "302: it redirects to https://example.org/login, and",
        ),
    ] {
        let api = api(told).await;
        let out = smoke(&[&[api.address()], args].concat()).await;
        assert_eq!(out.code, Some(1), "{said}: {}", out.stdout);
        assert!(out.stdout.contains(said), "{said}: {}", out.stdout);
        assert!(!out.stdout.contains("k3y"), "{}", out.stdout);
        let keys: Vec<_> = api.requests().iter().map(|asked| asked.header("x-api-key").map(str::to_owned)).collect();
        assert_eq!(keys, vec![args.get(1).map(|key| (*key).to_owned()); 4], "each request has the key");
    }
}

/// Whoever connects is shown a certificate of no authority.
async fn untrusted() -> String {
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
async fn an_api_that_cannot_be_reached_is_asked_once_and_told_from_one_that_cannot_be_trusted() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let plain = api(well()).await;
    for (url, said) in [
        ("https://abcdefghij.execute-api.invalid/test".to_owned(), "no such host"),
        (untrusted().await, "its TLS certificate is not trusted"),
        (plain.address().replace("http:", "https:"), "it does not speak TLS: is it http:// that is meant?"),
        (format!("http://{nobody}"), "it cannot be reached"),
    ] {
        let out = smoke(&[&url]).await;
        assert_eq!(out.code, Some(1), "{url}");
        assert!(out.stdout.contains(said), "{url}: {}", out.stdout);
        let end = "Nobody answers, so the rest was not tried.\n1 of 1 check is BROKEN.\n";
        assert!(out.stdout.ends_with(end), "{}", out.stdout);
    }
}

#[tokio::test]
async fn a_url_that_is_not_that_of_a_stage_is_one_sentence() {
    for (url, said) in [
        ("abcdefghij", "this is no URL"),
        ("ftp://example.org/test", "this is no URL"),
        ("https://example.org/test?a=b", "the URL ends with the stage"),
        ("https://example.org/test/topics/demo.pin", "the URL ends with the stage"),
        ("https://example.org/test/health", "the URL ends with the stage"),
    ] {
        let out = smoke(&[url]).await;
        assert_eq!((out.code, out.stdout.as_str()), (Some(1), ""), "{url}");
        assert!(out.stderr.starts_with(&format!("error: {url}: {said}: https://<host>/<stage>\n")), "{}", out.stderr);
    }
}

#[tokio::test]
async fn an_archive_that_cannot_be_read_is_told_before_anything_is_posted() {
    let (api, s3) = (api(well()).await, Stub::start([("", vec![StubResponse::status(StatusCode::FORBIDDEN)])]).await);
    let key = [("AWS_ACCESS_KEY_ID", "a"), ("AWS_SECRET_ACCESS_KEY", "s3cret")];
    let whole = [("AWS_REGION", "eu-west-1"), ("AWS_ENDPOINT_URL", s3.address()), ("AWS_ALLOW_HTTP", "true")];
    let folder = TempDir::new().unwrap();
    let none = folder.path().join("none");
    for (archive, variables, said) in [
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
        assert_eq!((out.code, out.stdout.as_str()), (Some(1), ""), "{said}");
        assert!(out.stderr.contains(said) && !out.stderr.contains("s3cret"), "{said}: {}", out.stderr);
        assert_eq!(out.stderr.lines().count(), 1, "{}", out.stderr);
    }
    assert!(api.requests().is_empty());
}

#[tokio::test]
async fn a_reader_that_has_enough_does_not_make_it_panic() {
    let api = api(StubResponse::status(StatusCode::NOT_FOUND)).await;
    let mut smoke = start("smoke", &[api.address()]).await;
    drop(smoke.stdout.take());
    let out = wait_for_exit(smoke).await;
    assert_eq!((out.code, out.stderr.as_str()), (Some(1), ""));
    assert_eq!(api.requests().len(), 4);
}

fn put(archive: &Path, topic: &str, lines: &str) {
    let folder = archive.join("topics").join(topic).join("partition=0");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join(format!("{topic}+0+0000000000.json")), lines).unwrap();
}

#[tokio::test]
async fn a_record_that_is_not_archived_or_twice_or_another_one_is_told() {
    let folder = TempDir::new().unwrap();
    let archive = folder.path().to_str().unwrap();
    put(folder.path(), "demo.user", "{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n");
    let api = api_with_health(well(), written(7)).await;
    let smoke = start("smoke", &[api.address(), "--archive", archive, "--within", "4s"]).await;
    let posted = loop {
        let asked = api.requests();
        if let Some(asked) = asked.iter().find(|asked| asked.uri.path().ends_with("demo.geo")) {
            break asked.body.clone();
        }
        sleep(Duration::from_millis(10)).await;
    };
    let value = posted.strip_prefix(r#"{"records":[{"value":"#).unwrap().strip_suffix("}]}").unwrap();
    let row: Value = serde_json::from_str(value).unwrap();
    assert!(row["country"].as_str().unwrap().starts_with("smoke test "), "{value}");
    put(folder.path(), "demo.geo", &format!("{}{value}\n{value}\n", "{}\n".repeat(7)));
    let out = wait_for_exit(smoke).await;
    assert_eq!(out.code, Some(1), "{}", out.stdout);
    for said in [
        "BROKEN  archive of demo.pin: not there after 4 s: `archive` runs each minute: look at its log and its alarms",
        "BROKEN  archive of demo.geo: 2 times from topics/demo.geo/partition=0/demo.geo+0+0000000000.json on",
        "BROKEN  archive of demo.user: another record stands at offset 7 of topics/demo.user/",
        "3 of 7 checks are BROKEN.",
    ] {
        assert!(out.stdout.contains(said), "{said}: {}", out.stdout);
    }
}

#[tokio::test]
async fn a_missing_url_is_one_sentence_and_help_says_what_there_is() {
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

//! Every event that AWS's own projects publish as an example, with our paths in it: the fixtures of `aws_lambda_events`, and
//! what `sam local generate-event` makes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{ROW, answer};
use crate::support::{pipeline::JSON, recorder::Recorder, template::workspace};

/// The base paths of custom domains. The last ones look like routes.
const BASE_PATHS: [&str; 7] = ["", "/service", "/service/prod", "/topics", "/v3", "/docs", "/service/topics"];

/// Cargo's folder of the crate, whose package has its fixtures.
fn fixtures() -> PathBuf {
    let cargo = |args: &[&str]| Command::new(env!("CARGO")).args(args).output().unwrap().stdout;
    // What other platforms need may never have been fetched.
    let about = String::from_utf8(cargo(&["-vV"])).unwrap();
    let host = about.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let metadata = ["metadata", "--format-version", "1", "--locked", "--offline", "--filter-platform", host];
    let metadata: Value = serde_json::from_slice(&cargo(&metadata)).unwrap();
    let mut packages = metadata["packages"].as_array().unwrap().iter();
    let package = packages.find(|package| package["name"] == "aws_lambda_events").unwrap();
    Path::new(package["manifest_path"].as_str().unwrap()).parent().unwrap().join("src/fixtures")
}

/// Sets a header in both lists, those that are there, and removes it under other spellings.
fn set_header(event: &mut Value, name: &str, value: &str) {
    for list in ["headers", "multiValueHeaders"] {
        if let Some(headers) = event[list].as_object_mut() {
            headers.retain(|known, _| !known.eq_ignore_ascii_case(name));
            headers.insert(name.to_owned(), if list == "headers" { json!(value) } else { json!([value]) });
        }
    }
    if !event["headers"].is_object() && !event["multiValueHeaders"].is_object() {
        event["headers"] = json!({ name: value });
    }
}

/// Replaces the event's request by a POST of a record below a base path. Returns `None` if the event has no request.
fn with_record(mut event: Value, base_path: &str, body: &str, is_base64: bool) -> Option<Value> {
    const PATH: &str = "/topics/u.geo";
    let path = format!("{base_path}{PATH}");
    if event["httpMethod"].is_string() && event["path"].is_string() {
        event["httpMethod"] = json!("POST");
        event["path"] = json!(path);
        if event["resource"].as_str().is_some_and(|resource| !resource.contains('{')) {
            event["resource"] = json!(PATH);
        }
    } else if event["rawPath"].is_string() && event["requestContext"]["http"]["method"].is_string() {
        event["requestContext"]["http"]["method"] = json!("POST");
        event["requestContext"]["http"]["path"] = json!(path);
        event["rawPath"] = json!(path);
        if event["routeKey"] != "$default" {
            event["routeKey"] = json!("POST /topics/{topic}");
            event["pathParameters"] = json!({"topic": "u.geo"});
        }
    } else {
        return None;
    }
    if event["pathParameters"]["proxy"].is_string() {
        event["pathParameters"]["proxy"] = json!(PATH.trim_start_matches('/'));
    }
    set_header(&mut event, "Content-Type", JSON);
    event["body"] = if is_base64 { json!(STANDARD.encode(body)) } else { json!(body) };
    event["isBase64Encoded"] = json!(is_base64);
    Some(event)
}

async fn assert_written(what: &str, event: &Value) {
    let recorder = Recorder::default();
    let (response, body) = answer(&recorder.app(), &event.to_string()).await;
    assert_eq!(response["statusCode"], 200, "{what}: {body}\n{event:#}");
    let written: Vec<_> = recorder.take().into_iter().map(|record| record.value.unwrap()).collect();
    assert_eq!(written, [ROW], "{what}");
}

#[tokio::test]
async fn every_published_request_event_is_served_behind_any_base_path_and_others_are_refused() {
    let body = format!(r#"{{"records":[{{"value":{ROW}}}]}}"#);
    let mut requests = 0;
    let files = fs::read_dir(fixtures()).unwrap().map(|entry| entry.unwrap().path());
    for path in files.filter(|path| path.extension().is_some_and(|extension| extension == "json")) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let event: Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
        let mut is_request = false;
        for base_path in BASE_PATHS {
            for is_base64 in [false, true] {
                let Some(event) = with_record(event.clone(), base_path, &body, is_base64) else { continue };
                assert_written(&format!("{name} below {base_path:?}"), &event).await;
                is_request = true;
            }
        }
        requests += usize::from(is_request);
        if !is_request {
            let recorder = Recorder::default();
            let (response, body) = answer(&recorder.app(), &event.to_string()).await;
            assert_eq!(response["statusCode"], 400, "{name}: {body}");
            assert!(body.contains("the event is not an API Gateway proxy event"), "{name}: {body}");
            assert_eq!(recorder.take(), [], "{name}");
        }
    }
    assert!(requests >= 20, "{requests} events of requests");
}

#[tokio::test]
#[ignore = "needs the AWS SAM CLI: make test"]
async fn the_events_that_sam_generates_are_served() {
    let body = format!(r#"{{"records":[{{"value":{ROW}}}]}}"#);
    let sam = workspace(".tools/venv/bin/sam").canonicalize().expect("`make tools` fetches it");
    for (kind, stage) in [("aws-proxy", "test"), ("http-api-proxy", "$default"), ("http-api-proxy", "prod")] {
        let mut command = Command::new(&sam);
        command.env("SAM_CLI_TELEMETRY", "0").args(["local", "generate-event", "apigateway", kind]);
        // It puts what the HTTP API has in front of its path nowhere itself.
        let before = if kind == "http-api-proxy" && stage == "prod" { "prod/" } else { "" };
        command.args([
            "--path",
            &format!("{before}topics/u.geo"),
            "--method",
            "POST",
            "--stage",
            stage,
            "--body",
            &body,
        ]);
        let output = command.output().unwrap();
        let event: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        assert_eq!(event["isBase64Encoded"], true, "{kind}");
        assert_written(&format!("{kind}, {stage}, as it is"), &event).await;
        if stage == "prod" {
            continue;
        }
        for base_path in BASE_PATHS {
            for is_base64 in [false, true] {
                let event = with_record(event.clone(), base_path, &body, is_base64).unwrap();
                assert_written(&format!("{kind} below {base_path:?}"), &event).await;
            }
        }
    }
}

#[tokio::test]
async fn a_gateways_route_reaches_no_other_route() {
    // Such as a deployment's own `/docs/{proxy+}`, which asks for no key.
    for (resource, proxy, status) in [
        ("/docs/{proxy+}", "swagger-ui.css", 200),
        ("/docs/{proxy+}", "topics/u.geo", 404),
        ("/docs/{proxy+}", "../topics/u.geo", 404),
        ("/docs/{proxy+}", "docs", 404),
        ("/{proxy+}", "topics/u.geo", 200),
        ("/v1/{proxy+}", "topics/u.geo", 200),
    ] {
        let path = resource.replace("{proxy+}", proxy);
        let event =
            json!({"httpMethod": "GET", "resource": resource, "path": path, "pathParameters": {"proxy": proxy}});
        let (response, body) = answer(&Recorder::default().app(), &event.to_string()).await;
        assert_eq!(response["statusCode"], status, "{resource}, {proxy}: {body:.200}");
    }
}

//! CloudFormation waits an hour for a response, so it always gets one; and the responses of `brokers` and `topics`.

use std::{convert::Infallible, io, time::Duration};

use aws_lambda_events::cloudformation::CloudFormationCustomResourceRequest;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use shared::custom_resource::{RESPONSE_RESERVE, Request, ResponseError, Success, respond};

use crate::support::{
    cloudformation::{CloudFormation, SIGNATURE},
    invocation,
    stub::StubResponse,
};

mod brokers;
mod topics;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Properties {
    name: String,
}

async fn make(request: Request<Properties>) -> Result<Success, io::Error> {
    Ok(Success::default().with("Name", request.properties.name))
}

/// The properties as CloudFormation sends them.
fn properties() -> Value {
    json!({"ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:topics", "Name": "a"})
}

#[tokio::test]
async fn the_response_to_a_creation_has_the_resources_attributes() {
    let cloudformation = CloudFormation::start().await;
    respond(cloudformation.request("Create", &properties()), make).await.unwrap();
    let expected = json!({
        "Status": "SUCCESS", "PhysicalResourceId": "Topics-6e8c", "RequestId": "6e8c", "LogicalResourceId": "Topics",
        "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/pinterest/5b1f",
        "Data": {"Name": "a"}
    });
    assert_eq!(cloudformation.response(), expected);
}

#[tokio::test]
async fn an_update_keeps_the_physical_id() {
    let cloudformation = CloudFormation::start().await;
    let mut event = cloudformation.request("Update", &properties());
    event.payload["PhysicalResourceId"] = "the one before".into();
    event.payload["OldResourceProperties"] = json!({"Name": ["of another form"]});
    respond(event, make).await.unwrap();
    assert_eq!(cloudformation.response()["PhysicalResourceId"], "the one before");
}

#[tokio::test]
async fn the_response_to_an_error_has_its_causes_in_one_line() {
    #[derive(Debug, thiserror::Error)]
    #[error("the topics\nare not there")]
    struct NotThere(#[source] io::Error);
    let cloudformation = CloudFormation::start().await;
    let fail = async |_: Request<Properties>| Err(NotThere(io::Error::other("nobody knows why")));
    let mut event = cloudformation.request("Create", &properties());
    let config = lambda_runtime::Config {
        log_group: "/aws/lambda/topics".to_owned(),
        log_stream: "2026/01/31".to_owned(),
        ..lambda_runtime::Config::default()
    };
    event.context.env_config = config.into();
    respond(event, fail).await.unwrap();
    let expected = "the topics are not there: nobody knows why (log: /aws/lambda/topics 2026/01/31)";
    assert_eq!(cloudformation.reason(), expected);
}

#[tokio::test]
async fn the_response_to_invalid_properties_names_them() {
    let cloudformation = CloudFormation::start().await;
    respond(cloudformation.request("Create", &json!({"ServiceToken": "arn"})), make).await.unwrap();
    assert_eq!(cloudformation.reason(), "the resource's properties cannot be used: missing field `Name`");
}

#[tokio::test]
async fn a_panic_gets_a_response() {
    let cloudformation = CloudFormation::start().await;
    let panic = async |request: Request<Properties>| -> Result<Success, Infallible> {
        panic!("a mistake at {}", request.properties.name)
    };
    respond(cloudformation.request("Create", &properties()), panic).await.unwrap();
    assert_eq!(cloudformation.reason(), "the function panicked, which is a bug: its log shows where");
}

#[tokio::test]
async fn work_that_takes_too_long_gets_a_response_before_the_functions_timeout() {
    let cloudformation = CloudFormation::start().await;
    let hang = async |_: Request<Properties>| std::future::pending::<Result<Success, Infallible>>().await;
    let event = cloudformation.request("Create", &properties()).payload;
    let (time, start) = (RESPONSE_RESERVE, tokio::time::Instant::now());
    respond(cloudformation.event(event, time), hang).await.unwrap();
    assert!(cloudformation.reason().starts_with("the function timed out before the work was done"));
    assert!(start.elapsed() + Duration::from_secs(3) < time, "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_deletion_deletes_nothing_and_ignores_the_properties() {
    let cloudformation = CloudFormation::start().await;
    let never = async |_: Request<Properties>| -> Result<Success, Infallible> { panic!("a deletion creates nothing") };
    // Like after a creation that failed because of its properties.
    let mut event = cloudformation.request("Delete", &json!({"Name": {}}));
    event.payload["PhysicalResourceId"] = "Topics-6e8c".into();
    respond(event, never).await.unwrap();
    assert_eq!(cloudformation.data(), json!({}));
    assert_eq!(cloudformation.response()["PhysicalResourceId"], "Topics-6e8c");
}

#[tokio::test]
async fn an_unknown_request_type_gets_a_response() {
    let cloudformation = CloudFormation::start().await;
    respond(cloudformation.request("Import", &properties()), make).await.unwrap();
    assert!(cloudformation.reason().starts_with("CloudFormation requested Import"), "{}", cloudformation.reason());
}

#[tokio::test]
async fn a_response_is_retried_while_cloudformation_is_unavailable() {
    let busy =
        [StatusCode::SERVICE_UNAVAILABLE, StatusCode::TOO_MANY_REQUESTS, StatusCode::OK].map(StubResponse::status);
    let cloudformation = CloudFormation::responding_with(busy.to_vec()).await;
    respond(cloudformation.request("Create", &properties()), make).await.unwrap();
    let attempts = cloudformation.response_attempts();
    assert_eq!(attempts.len(), 3);
    assert!(attempts.iter().all(|attempt| attempt.body == attempts[0].body));
}

#[tokio::test]
async fn a_rejected_response_fails_the_function_and_the_url_stays_secret() {
    let cloudformation = CloudFormation::responding_with(vec![StubResponse::status(StatusCode::FORBIDDEN)]).await;
    let error = respond(cloudformation.request("Create", &properties()), make).await.unwrap_err();
    assert_eq!(cloudformation.response_attempts().len(), 1);
    assert_eq!(error.to_string(), "127.0.0.1 rejected the response with 403 Forbidden");
    assert!(!format!("{error:?}").contains(SIGNATURE), "{error:?}");
}

#[tokio::test]
async fn an_undeliverable_response_fails_the_function_in_time_and_the_url_stays_secret() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let cloudformation = CloudFormation::start().await;
    let mut event = cloudformation.request("Delete", &properties()).payload;
    event["ResponseURL"] = format!("http://{nobody}/answer?{SIGNATURE}").into();
    let (time, start) = (Duration::from_millis(1_500), tokio::time::Instant::now());
    let error = respond(invocation(event, time), make).await.unwrap_err();
    assert!(start.elapsed() < time, "{:?}", start.elapsed());
    let ResponseError::Unreachable { attempts, last, .. } = &error else { panic!("{error}") };
    assert!(*attempts > 1 && last.contains("refused"), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
}

#[tokio::test]
async fn an_event_that_is_not_cloudformations_is_an_error() {
    let error = respond(invocation(json!({"posts": 5}), Duration::from_secs(10)), make).await.unwrap_err();
    let expected = "the event has no ResponseURL, so it is not CloudFormation's: ";
    assert!(error.to_string().starts_with(expected), "{error}");
}

#[test]
fn the_event_files_have_cloudformations_form() {
    for name in ["brokers", "topics"] {
        for request_type in ["create", "update", "delete"] {
            let file = format!("{}/../events/{name}-{request_type}.json", env!("CARGO_MANIFEST_DIR"));
            let event = std::fs::read_to_string(&file).unwrap();
            serde_json::from_str::<CloudFormationCustomResourceRequest>(&event)
                .unwrap_or_else(|e| panic!("{file}: {e}"));
        }
    }
}

//! CloudFormation's requests to custom resources, and the bucket that takes their responses.

use std::{fs, path::Path, time::Duration};

use axum::http::{Method, StatusCode};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::support::{
    invocation,
    stub::{ReceivedRequest, Stub, StubResponse},
};

/// The secret part of the response URL, with the escapes of S3's signatures.
pub(crate) const SIGNATURE: &str = "X-Amz-Signature=s3cret%2Bsignature%3D";

/// The bucket of the responses.
pub(crate) struct CloudFormation {
    bucket: Stub,
}

impl CloudFormation {
    pub(crate) async fn start() -> Self {
        Self::responding_with(vec![StubResponse::status(StatusCode::OK)]).await
    }

    pub(crate) async fn responding_with(responses: Vec<StubResponse>) -> Self {
        Self { bucket: Stub::start([("answer", responses)]).await }
    }

    /// A request for a resource, to a function with its usual timeout.
    pub(crate) fn request(&self, request_type: &str, properties: &Value) -> LambdaEvent<Value> {
        let event = json!({
            "RequestType": request_type,
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/pinterest/5b1f",
            "RequestId": "6e8c",
            "ResourceType": "Custom::Topics",
            "LogicalResourceId": "Topics",
            "ResourceProperties": properties,
        });
        self.event(event, Duration::from_mins(1))
    }

    /// The event in `events/<name>.json`.
    pub(crate) fn event_from_file(&self, name: &str, change: impl FnOnce(&mut Value)) -> LambdaEvent<Value> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/{name}.json"));
        let mut event = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        change(&mut event);
        self.event(event, Duration::from_mins(1))
    }

    /// An event with this bucket's response URL, for a function that times out after `timeout`.
    pub(crate) fn event(&self, mut event: Value, timeout: Duration) -> LambdaEvent<Value> {
        event["ResponseURL"] = format!("{}/stack%7Canswer?{SIGNATURE}", self.bucket.address()).into();
        invocation(event, timeout)
    }

    /// Every attempt to respond.
    pub(crate) fn response_attempts(&self) -> Vec<ReceivedRequest> {
        self.bucket.requests()
    }

    /// Returns the only response, after checking that S3 and CloudFormation would take it.
    pub(crate) fn response(&self) -> Value {
        let [answer] = &self.response_attempts()[..] else {
            panic!("not one response: {:?}", self.response_attempts())
        };
        assert_eq!(answer.method, Method::PUT);
        assert_eq!(answer.uri.to_string(), format!("/stack%7Canswer?{SIGNATURE}"), "the URL is signed as it stands");
        assert_eq!(answer.header("content-type").unwrap_or(""), "", "the URL is signed without one");
        assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string(), "S3 takes no chunks");
        assert!(answer.body.len() <= 4096, "{} bytes", answer.body.len());
        serde_json::from_str(&answer.body).unwrap()
    }

    /// The reason for the resource's failure.
    pub(crate) fn reason(&self) -> String {
        let answer = self.response();
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        answer["Reason"].as_str().unwrap().to_owned()
    }

    /// The attributes that the template can read of the resource.
    pub(crate) fn data(&self) -> Value {
        let answer = self.response();
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answer["Data"].clone()
    }
}

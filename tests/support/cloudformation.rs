//! What CloudFormation sends, and where it takes the answer.

use std::{fs, path::Path, time::Duration};

use axum::http::{Method, StatusCode};
use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use crate::support::{
    invocation,
    stub::{Asked, Stub, Told},
};

/// What makes the URL worth keeping to oneself, spelled as S3's signatures are.
pub(crate) const SIGNATURE: &str = "X-Amz-Signature=s3cret%2Bsignature%3D";

/// The bucket of the answers.
pub(crate) struct CloudFormation {
    bucket: Stub,
}

impl CloudFormation {
    pub(crate) async fn start() -> Self {
        Self::that_answers(vec![Told::status(StatusCode::OK)]).await
    }

    pub(crate) async fn that_answers(told: Vec<Told>) -> Self {
        Self { bucket: Stub::start([("answer", told)]).await }
    }

    /// A request for a resource, with the function's usual time.
    pub(crate) fn asks(&self, request_type: &str, properties: &Value) -> LambdaEvent<Value> {
        let event = json!({
            "RequestType": request_type,
            "StackId": "arn:aws:cloudformation:eu-west-1:123456789012:stack/pinterest/5b1f",
            "RequestId": "6e8c",
            "ResourceType": "Custom::Topics",
            "LogicalResourceId": "Topics",
            "ResourceProperties": properties,
        });
        self.sends(event, Duration::from_mins(1))
    }

    /// The event in `events/<name>.json`.
    pub(crate) fn sends_file(&self, name: &str, change: impl FnOnce(&mut Value)) -> LambdaEvent<Value> {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../events/{name}.json"));
        let mut event = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        change(&mut event);
        self.sends(event, Duration::from_mins(1))
    }

    /// An event that is to be answered here, for a function that is ended after `time`.
    pub(crate) fn sends(&self, mut event: Value, time: Duration) -> LambdaEvent<Value> {
        event["ResponseURL"] = format!("{}/stack%7Canswer?{SIGNATURE}", self.bucket.address()).into();
        invocation(event, time)
    }

    /// Every attempt to answer.
    pub(crate) fn attempts(&self) -> Vec<Asked> {
        self.bucket.asked()
    }

    /// The one answer, once it was found to be one that S3 and CloudFormation take.
    pub(crate) fn answered(&self) -> Value {
        let [answer] = &self.attempts()[..] else { panic!("not one answer: {:?}", self.attempts()) };
        assert_eq!(answer.method, Method::PUT);
        assert_eq!(answer.uri.to_string(), format!("/stack%7Canswer?{SIGNATURE}"), "the URL is signed as it stands");
        assert_eq!(answer.header("content-type").unwrap_or(""), "", "the URL is signed without one");
        assert_eq!(answer.header("content-length").unwrap(), answer.body.len().to_string(), "S3 takes no chunks");
        assert!(answer.body.len() <= 4096, "{} bytes", answer.body.len());
        serde_json::from_str(&answer.body).unwrap()
    }

    /// Why there is no resource.
    pub(crate) fn reason(&self) -> String {
        let answer = self.answered();
        assert_eq!(answer["Status"], "FAILED", "{answer}");
        answer["Reason"].as_str().unwrap().to_owned()
    }

    /// What the template can read of the resource.
    pub(crate) fn data(&self) -> Value {
        let answer = self.answered();
        assert_eq!(answer["Status"], "SUCCESS", "{answer}");
        answer["Data"].clone()
    }
}

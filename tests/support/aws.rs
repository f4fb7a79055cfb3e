//! One stub of Secrets Manager, Lambda and CloudFormation's response URL, as far as `database` and `emulator` call them.
//!
//! It proves the requests and how responses are read. It proves no AWS rights: it only records each signature.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::stub::{ReceivedRequest, Stub, StubResponse};

/// Secrets Manager's only path. A header names the operation.
const SECRETS: &str = "/";
const INVOCATIONS: &str = "/invocations";
const RESPONSE: &str = "/response";

/// One request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    /// The `SigV4` header: the signer's key, region and service.
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

impl From<ReceivedRequest> for Call {
    fn from(request: ReceivedRequest) -> Self {
        let path = request.uri.path().to_owned();
        if path == SECRETS {
            assert_eq!(request.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
        }
        let authorization = request.header("authorization").unwrap_or_default().to_owned();
        Self { path, authorization, body: serde_json::from_str(&request.body).unwrap_or_default() }
    }
}

/// The running stub. It stops when dropped.
#[derive(Debug)]
pub(crate) struct Aws {
    stub: Stub,
    secret: StubResponse,
}

impl Aws {
    pub(crate) async fn start(secret: &str) -> Self {
        let secret = secret_value(secret);
        let accepted = StubResponse::status(StatusCode::OK);
        let stub = Stub::start([(SECRETS, vec![secret.clone()]), (RESPONSE, vec![accepted])]).await;
        Self { stub, secret }
    }

    /// Sets the invoked function's result or error.
    pub(crate) fn respond_to_invocations(&self, failed: bool, answer: &Value) {
        let response = if failed { StubResponse::function_error(answer) } else { StubResponse::ok(answer) };
        self.stub.respond(INVOCATIONS, vec![response]);
    }

    /// Replaces the secret.
    pub(crate) fn rotate(&self, secret: &str) {
        self.stub.respond(SECRETS, vec![secret_value(secret)]);
    }

    /// Denies the next `times` reads of the secret.
    pub(crate) fn deny_secret_reads(&self, times: usize) {
        let denied =
            StubResponse::error(StatusCode::BAD_REQUEST, "AccessDeniedException", "not authorized to perform it");
        let mut responses = vec![denied; times];
        responses.push(self.secret.clone());
        self.stub.respond(SECRETS, responses);
    }

    /// The configuration of AWS clients that call this stub.
    pub(crate) async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.stub.address())
            .credentials_provider(Credentials::new("AKIATEST", "k3y", None, None, "test"))
            .load()
            .await
    }

    /// The URL that takes a custom resource's response.
    pub(crate) fn response_url(&self) -> String {
        format!("{}{RESPONSE}?X-Amz-Signature=x", self.stub.address())
    }

    /// Returns the calls so far and forgets them.
    pub(crate) fn take(&self) -> Vec<Call> {
        self.stub.take().into_iter().map(Call::from).collect()
    }
}

/// Secrets Manager's response with a secret.
fn secret_value(secret: &str) -> StubResponse {
    StubResponse::ok(&json!({"ARN": "arn", "Name": "n", "SecretString": secret}))
}

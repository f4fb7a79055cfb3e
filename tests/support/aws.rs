//! Secrets Manager, Lambda and the place of CloudFormation's answers in one server, as far as `database` and `emulator` call
//! them.
//!
//! It proves what is sent and how answers are read, not what AWS allows: that each request is signed is all that it checks.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::stub::{Asked, Stub, Told};

/// Secrets Manager's one path, which tells its questions apart by a header.
const SECRETS: &str = "/";
const INVOCATIONS: &str = "/invocations";
const RESPONSE: &str = "/response";

/// One request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    /// Of `SigV4`: who signed for which service.
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

impl From<Asked> for Call {
    fn from(asked: Asked) -> Self {
        let path = asked.uri.path().to_owned();
        if path == SECRETS {
            assert_eq!(asked.header("x-amz-target"), Some("secretsmanager.GetSecretValue"));
        }
        let authorization = asked.header("authorization").unwrap_or_default().to_owned();
        Self { path, authorization, body: serde_json::from_str(&asked.body).unwrap_or_default() }
    }
}

/// The server. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Aws {
    stub: Stub,
    secret: Told,
}

impl Aws {
    pub(crate) async fn start(secret: &str) -> Self {
        let secret = told(secret);
        let taken = Told::status(StatusCode::OK);
        let stub = Stub::start([(SECRETS, vec![secret.clone()]), (RESPONSE, vec![taken])]).await;
        Self { stub, secret }
    }

    /// The invoked function answers, or fails, with this.
    pub(crate) fn function_answers(&self, failed: bool, answer: &Value) {
        let told = if failed { Told::function_error(answer) } else { Told::ok(answer) };
        self.stub.tells(INVOCATIONS, vec![told]);
    }

    /// The secret is another one from now on.
    pub(crate) fn rotate(&self, secret: &str) {
        self.stub.tells(SECRETS, vec![told(secret)]);
    }

    /// Refuses the secret so many times before it is handed out.
    pub(crate) fn refuse_the_secret(&self, times: usize) {
        let refusal = Told::error(StatusCode::BAD_REQUEST, "AccessDeniedException", "not authorized to perform it");
        let mut told = vec![refusal; times];
        told.push(self.secret.clone());
        self.stub.tells(SECRETS, told);
    }

    /// What clients of it are made of.
    pub(crate) async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(self.stub.address())
            .credentials_provider(Credentials::new("AKIATEST", "k3y", None, None, "test"))
            .load()
            .await
    }

    /// Where CloudFormation wants the answer.
    pub(crate) fn response_url(&self) -> String {
        format!("{}{RESPONSE}?X-Amz-Signature=x", self.stub.address())
    }

    /// The calls so far, and forgets them.
    pub(crate) fn take(&self) -> Vec<Call> {
        self.stub.take().into_iter().map(Call::from).collect()
    }
}

/// As Secrets Manager hands it out.
fn told(secret: &str) -> Told {
    Told::ok(&json!({"ARN": "arn", "Name": "n", "SecretString": secret}))
}

//! Secrets Manager, Lambda and the place of CloudFormation's answers in one server, as far as `database` and `emulator` call
//! them.
//!
//! It proves what is sent and how answers are read, not what AWS allows: that each request is signed is all that it checks.

use std::sync::{Arc, Mutex, PoisonError};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    response::Response,
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

/// One request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) path: String,
    /// Of `SigV4`: who signed for which service.
    pub(crate) authorization: String,
    pub(crate) body: Value,
}

/// What the server does, changed by tests between its calls.
#[derive(Debug, Default)]
struct Script {
    calls: Vec<Call>,
    /// Refusals before the secret is handed out.
    refusals: usize,
    secret: String,
    /// Whether the invoked function failed, and what it answered.
    invoked: (bool, Value),
}

/// The server. It ends when dropped.
#[derive(Debug)]
pub(crate) struct Aws {
    url: String,
    script: Arc<Mutex<Script>>,
    server: JoinHandle<()>,
}

impl Aws {
    pub(crate) async fn start(secret: &str) -> Self {
        let script = Arc::new(Mutex::new(Script { secret: secret.to_owned(), ..Script::default() }));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let server = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, script, server }
    }

    /// The invoked function answers, or fails, with this.
    pub(crate) fn function_answers(&self, failed: bool, answer: Value) {
        self.script.lock().unwrap().invoked = (failed, answer);
    }

    /// The secret is another one from now on.
    pub(crate) fn rotate(&self, secret: &str) {
        secret.clone_into(&mut self.script.lock().unwrap().secret);
    }

    pub(crate) fn refuse_the_secret(&self, times: usize) {
        self.script.lock().unwrap().refusals = times;
    }

    /// What clients of it are made of.
    pub(crate) async fn config(&self) -> SdkConfig {
        aws_config::defaults(BehaviorVersion::latest())
            .region(Region::new("eu-west-1"))
            .endpoint_url(&self.url)
            .credentials_provider(Credentials::new("AKIATEST", "k3y", None, None, "test"))
            .load()
            .await
    }

    /// Where CloudFormation wants the answer.
    pub(crate) fn response_url(&self) -> String {
        format!("{}/response?X-Amz-Signature=x", self.url)
    }

    /// The calls so far, and forgets them.
    pub(crate) fn take(&self) -> Vec<Call> {
        std::mem::take(&mut self.script.lock().unwrap().calls)
    }
}

impl Drop for Aws {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn answer(State(script): State<Arc<Mutex<Script>>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let header = |name: &str| parts.headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let (path, authorization) = (parts.uri.path().to_owned(), header("authorization"));
    let secret_is_asked_for = header("x-amz-target") == "secretsmanager.GetSecretValue";
    let body = to_bytes(body, usize::MAX).await.unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    let mut script = script.lock().unwrap_or_else(PoisonError::into_inner);
    script.calls.push(Call { path: path.clone(), authorization, body });
    if secret_is_asked_for {
        if script.refusals > 0 {
            script.refusals -= 1;
            let refusal = json!({"__type": "AccessDeniedException", "Message": "not authorized to perform it"});
            return json_response(400, &refusal);
        }
        return json_response(200, &json!({"ARN": "arn", "Name": "n", "SecretString": script.secret}));
    }
    if path.ends_with("/invocations") {
        let (failed, answer) = &script.invoked;
        let mut response = json_response(200, answer);
        if *failed {
            response.headers_mut().insert("x-amz-function-error", "Unhandled".parse().unwrap());
        }
        return response;
    }
    json_response(200, &Value::Null)
}

fn json_response(status: u16, body: &Value) -> Response {
    let builder = Response::builder().status(status).header("content-type", "application/x-amz-json-1.1");
    builder.body(Body::from(body.to_string())).unwrap()
}

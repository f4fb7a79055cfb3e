//! Kafka behind MSK's protocol: TLS, IAM authentication, rights by topic. `stack::kafka` lists what it proves.

use std::{path::Path, time::Duration};

use aws_credential_types::Credentials;
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ingest::{App, Deadline, router};
use shared::{
    cluster::{Authorities, Cluster, Security},
    credentials::Signer,
    deadline::REQUEST_TIMEOUT,
    kafka::Producer,
    metrics::Metrics,
    topic::UserIds,
};
use stack::kafka::{self, Kafka, Operation, Options, Topics};
use tokio::{sync::OnceCell, time::Instant};

use crate::support::pipeline::{Answer, JSON, answer};

/// A cluster shared by tests that do not change it.
pub(crate) async fn shared_kafka() -> &'static Kafka {
    static KAFKA: OnceCell<Kafka> = OnceCell::const_new();
    KAFKA.get_or_init(async || Kafka::start(Options::default()).await.unwrap()).await
}

/// A function role's temporary credentials, with characters that need escapes.
#[derive(Debug, Clone)]
pub(crate) struct Role {
    pub(crate) name: String,
    pub(crate) access_key: String,
    pub(crate) secret: String,
    pub(crate) session_token: Option<String>,
}

impl Role {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            access_key: format!("ASIA{name}"),
            secret: format!("{name}/secret+key"),
            session_token: Some(format!("{name}/session+token==")),
        }
    }

    /// Registers the role with the cluster. It may log in and do nothing else.
    pub(crate) fn registered_with(self, kafka: &Kafka) -> Self {
        let identity = kafka::Identity::new(&self.access_key, &self.secret, &self.name);
        let token = self.session_token.as_deref().unwrap();
        kafka.add_identity(identity.with_session_token(token)).unwrap();
        self
    }

    pub(crate) fn credentials(&self) -> Credentials {
        Credentials::new(&self.access_key, &self.secret, self.session_token.clone(), None, "test")
    }

    /// Asserts that a log or an error holds no credentials: not the secret, not the session token (plain or in a URL), and no
    /// Kafka token, which is a URL in base64.
    pub(crate) fn assert_no_credentials_in(&self, text: &str) {
        let session_token = self.session_token.clone().unwrap();
        let in_url = session_token.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D");
        let token = BASE64_URL_SAFE_NO_PAD.encode("https://kafk");
        for credential in [&self.secret, &session_token, &in_url, &token, "X-Amz-Signature="] {
            assert!(!text.contains(credential), "{credential}: {text}");
        }
    }

    /// The environment variables that Lambda sets for a function.
    pub(crate) fn variables(&self, kafka: &Kafka) -> Vec<(&'static str, String)> {
        vec![
            ("BOOTSTRAP_SERVERS", kafka.bootstrap_servers()),
            ("SSL_CA_LOCATION", kafka.ca_file().display().to_string()),
            ("AWS_REGION", kafka.region().to_owned()),
            ("AWS_ACCESS_KEY_ID", self.access_key.clone()),
            ("AWS_SECRET_ACCESS_KEY", self.secret.clone()),
            ("AWS_SESSION_TOKEN", self.session_token.clone().unwrap_or_default()),
        ]
    }
}

/// The connection settings of a client with `credentials` for `region`.
pub(crate) fn cluster(kafka: &Kafka, region: &str, credentials: Credentials) -> Cluster {
    let authorities = Authorities::File(Path::new(kafka.ca_file()).to_owned());
    let signer = Signer { region: region.to_owned(), credentials };
    Cluster { bootstrap_servers: kafka.bootstrap_servers(), security: Security::Iam { signer, authorities } }
}

/// Creates `user_id`'s topics and a role with the rights of the function's policy on them.
pub(crate) async fn tenant(kafka: &Kafka, user_id: &str) -> (UserIds, Role) {
    let user_ids: UserIds = user_id.parse().unwrap();
    for topic in user_ids.topic_names() {
        kafka.create_topic(&topic, 1).await.unwrap();
    }
    let role = Role::new(user_id).registered_with(kafka);
    let actions = [Operation::Describe, Operation::Write, Operation::Read];
    kafka.allow(user_id, &actions, Topics::Prefixed(&format!("{user_id}."))).await.unwrap();
    (user_ids, role)
}

/// `ingest` in this process, started like its `main`.
#[derive(Clone)]
pub(crate) struct Ingest {
    router: Router,
    pub(crate) request_timeout: Duration,
}

impl Ingest {
    pub(crate) async fn start(cluster: &Cluster, user_ids: &UserIds) -> Self {
        let producer = Producer::start(cluster, user_ids.topic_names(), Metrics::default()).await.unwrap();
        Self {
            router: router(App::new(producer.clone(), producer, user_ids, Metrics::default())),
            request_timeout: REQUEST_TIMEOUT,
        }
    }

    pub(crate) async fn post(&self, path: &str, body: String) -> Answer {
        self.post_as(path, JSON, body).await
    }

    pub(crate) async fn post_as(&self, path: &str, content_type: &str, body: String) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type);
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Deadline(Instant::now() + self.request_timeout));
        answer(&self.router, request).await
    }
}

//! Security: no secrets in logs, no access to another tenant's topics, no injected log lines or headers, and no lost producer
//! after a panic.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, header},
};
use ingest::{App, event};
use lambda_runtime::tracing::Level;
use serde_json::json;
use shared::{
    cluster::Cluster,
    kafka::Producer,
    kind::{GEO, PIN},
    metrics::Metrics,
    publish::{Outcome, ProducerRecord, Publish},
    topic::UserIds,
};
use stack::{
    lambda::{Function, InvokeError, Lambda, built, deployed_timeout},
    s3::SECRET_KEY,
};
use tokio::time::Instant;
use tools::deployment::Deployment;

use crate::support::{
    self,
    gateway::v1,
    log::Log,
    msk::{Ingest, cluster, shared_kafka, tenant},
    pipeline::{JSON, Pipeline, answer, envelope},
    recorder::Recorder,
    rows::with,
};

/// Text in every request body.
const BODY: &str = "a body's own words";

/// A key that S3, Kafka and MySQL reject.
const WRONG_SECRET: &str = "wr0ng/secret+key";

/// Invokes every function that has secrets, and returns their logs.
async fn logs(deployed: &Deployment, more: &[(&'static str, &str)]) -> Vec<String> {
    let row = with(&GEO, &[("country", Some(json!(BODY)))]);
    let wrong = with(&GEO, &[("latitude", Some(json!(BODY)))]);
    let post = |row: &str| v1("POST", "/topics/secret.geo", &envelope(&[row]));
    let mut logs = Vec::new();
    for (name, events) in [
        ("ingest", vec![post(&row), post(&wrong), json!({"body": BODY}), json!(BODY)]),
        ("emulator", vec![json!({"posts": 2})]),
        ("archive", vec![json!({}), json!({"eventSource": "aws:kafka", "records": {BODY: []}})]),
    ] {
        let mut variables = deployed.variables();
        variables.extend([("RUST_LOG", "trace".to_owned()), ("AWS_LAMBDA_LOG_LEVEL", "TRACE".to_owned())]);
        variables.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
        let function = Function {
            timeout: deployed_timeout(name).unwrap(),
            ..Function::new(&built(name).await.unwrap(), variables)
        };
        let lambda = Lambda::start(&function).await.unwrap();
        for event in events {
            match lambda.invoke(&event).await {
                // With a wrong key to the archive, its function does not start.
                Ok(_) | Err(InvokeError::Function { .. } | InvokeError::Ended(_)) => {}
                Err(error) => panic!("{name}: {error}"),
            }
        }
        logs.push(format!("{name}: {}", lambda.log()));
    }
    logs
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka, MariaDB, S3 and the Lambda runtime: make test"]
async fn no_functions_log_holds_a_secret_at_any_level() {
    let deployed = Deployment::start(&"secret".parse().unwrap()).await.unwrap();
    deployed.set_up_database().await.unwrap();
    for kind in shared::kind::CATALOG {
        deployed.kafka.create_topic(&format!("secret.{kind}"), 1).await.unwrap();
    }
    let right = logs(&deployed, &[]).await;
    let wrong = logs(&deployed, &[("AWS_SECRET_ACCESS_KEY", WRONG_SECRET)]).await;
    for (log, says) in right.iter().zip(["error.code=42203", "run ended", "archived"]) {
        assert!(log.contains(says), "{says}: {log}");
    }
    for (log, says) in wrong.iter().zip(["Kafka rejected the authentication", "Access denied", "SignatureDoesNotMatch"])
    {
        assert!(log.contains(says), "{says}: {log}");
    }
    for log in right.iter().chain(&wrong) {
        // Kafka's tokens are URLs in base64, MySQL's are plain URLs.
        for secret in [SECRET_KEY, WRONG_SECRET, "X-Amz-Signature", "aHR0cHM6Ly9rYWZrYS", BODY] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

/// Requests every route that reads or writes a topic, and returns the routes with their answers.
async fn answers(ingest: &Ingest, topic: &str) -> Vec<(String, String)> {
    let (row, clusters) = (with(&GEO, &[]), format!("/v3/clusters/c/topics/{topic}/records"));
    let streamed = format!(r#"{{"value":{{"type":"JSON","data":{row}}}}}"#);
    let mut answers = Vec::new();
    for path in [format!("/topics/{topic}"), format!("/topics/{topic}/partitions/0")] {
        answers.push((format!("POST {path}"), ingest.post(&path, envelope(&[&row])).await));
    }
    answers.push((format!("POST {clusters}"), ingest.post_as(&clusters, "application/json", streamed).await));
    for below in ["", "/partitions", "/partitions/0", "/partitions/0/offsets"] {
        let path = format!("/topics/{topic}{below}");
        answers.push((format!("GET {path}"), ingest.get(&path).await));
    }
    answers.into_iter().map(|(route, answer)| (route, format!("{} {}", answer.status.as_u16(), answer.body))).collect()
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn no_route_reads_or_writes_another_tenants_topic() {
    let kafka = shared_kafka().await;
    let (owner_ids, owner) = tenant(kafka, "owner").await;
    let (stranger_ids, stranger) = tenant(kafka, "stranger").await;
    let start = async |role: &support::msk::Role, user_ids: &UserIds| {
        Ingest::start(&cluster(kafka, kafka.region(), role.credentials()), user_ids).await
    };
    // `ingest` serves only its own topics.
    let separate = start(&stranger, &stranger_ids).await;
    for (route, answer) in answers(&separate, "owner.geo").await {
        let unknown = answer.starts_with("404 ") || route.contains("/v3/") && answer.contains("\"error_code\":40401");
        assert!(unknown, "{route}: {answer}");
    }
    // If it is configured with another tenant's, the cluster denies access.
    let misconfigured = start(&stranger, &owner_ids).await;
    for (route, answer) in answers(&misconfigured, "owner.geo").await {
        let refused = answer.starts_with("403 ") || route.contains("/v3/") && answer.contains("\"error_code\":40301");
        assert!(refused, "{route}: {answer}");
    }
    let owners = start(&owner, &owner_ids).await;
    let offsets = owners.get("/topics/owner.geo/partitions/0/offsets").await;
    assert_eq!(offsets.json()["end_offset"], 0, "nothing was written: {}", offsets.body);
    for (route, answer) in answers(&owners, "owner.geo").await {
        assert!(answer.starts_with("200 "), "{route}: {answer}");
    }
}

#[tokio::test]
async fn no_request_can_inject_a_log_line_or_a_header() {
    const FORGED: &str = "x\r\nSet-Cookie: forged=1\n ERROR forged\u{1b}[31m\u{85}\u{2028}";
    for event in [
        json!({"httpMethod": "POST", "path": format!("/topics/{FORGED}"), "body": "{}"}),
        json!({"httpMethod": format!("GET {FORGED}"), "path": "/health"}),
        json!({"httpMethod": "GET", "path": "/topics", "headers": {"Origin": FORGED, FORGED: "x", "Accept": FORGED}}),
        json!({"httpMethod": "POST", "path": "/topics/u.geo", "headers": {"Content-Type": FORGED}, "body": FORGED}),
        json!({"httpMethod": "POST", "path": "/topics/u.geo", "headers": {"Content-Type": JSON},
               "body": json!({"records": [{"value": {FORGED: FORGED, "ind": FORGED}}]}).to_string()}),
        json!({"httpMethod": "POST", "path": "/topics/u.geo", "headers": {"Content-Type": JSON},
               "body": json!({FORGED: 1}).to_string()}),
        json!({"rawPath": format!("/{FORGED}"), "requestContext": {"stage": FORGED, "http": {"method": "GET"}}}),
    ] {
        let (log, _guard) = Log::capture(Level::INFO);
        let invocation = support::invocation(support::event(&event.to_string()), Duration::from_secs(28));
        let answer = event::handle(&Recorder::default().app(), Duration::ZERO, invocation).await;
        let log = log.text();
        assert!(log.lines().count() == 1 && log.ends_with('\n'), "{event}: {log}");
        assert!(!log.trim_end().contains(|c: char| c.is_control() || c == '\u{2028}'), "{event}: {log:?}");
        for (name, value) in &answer.headers {
            let header = format!("{name}: {value:?}");
            assert!(!header.contains("forged") && !header.contains("set-cookie"), "{event}: {header}");
        }
    }
}

/// A producer that panics once, after it has published.
#[derive(Clone)]
struct PanicsOnce {
    producer: Producer,
    panicked: Arc<AtomicBool>,
}

impl Publish for PanicsOnce {
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        let outcomes = self.producer.publish(records, deadline).await;
        assert!(self.panicked.swap(true, Ordering::Relaxed), "a bug");
        outcomes
    }
}

#[tokio::test]
async fn the_producer_survives_a_panic() {
    let pipeline = Pipeline::start().await;
    let cluster = Cluster::plaintext(pipeline.cluster.bootstrap_servers());
    let producer = Producer::new(&cluster, Metrics::default()).unwrap();
    let panicking = PanicsOnce { producer: producer.clone(), panicked: Arc::default() };
    let router = ingest::router(App::new(panicking, producer, &"u".parse().unwrap(), Metrics::default()));
    for (path, kind, status) in
        [("/topics/u.pin", &PIN, 500), ("/topics/u.pin", &PIN, 200), ("/topics/u.geo", &GEO, 200)]
    {
        let request = Request::post(path).header(header::CONTENT_TYPE, JSON);
        let answer = answer(&router, request.body(Body::from(envelope(&[&with(kind, &[])]))).unwrap()).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.body);
    }
}

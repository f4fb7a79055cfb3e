//! The contract of `Publish`, kept by the producer and by an invocation of `ingest` in its place.
//!
//! A stand-in for Lambda passes each event to `ingest`. It proves the requests and how responses are read, not
//! Lambda's limits and rights.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_lambda_events::apigw::{ApiGatewayProxyRequest, ApiGatewayProxyResponse};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    routing::post,
};
use emulator::{
    Aws, Delivery, Publisher,
    delivery::{MAX_EVENT_BYTES, MAX_RECORDS},
};
use ingest::{App, event};
use lambda_runtime::{Context, LambdaEvent, tracing::Level};
use serde_json::{Value, json};
use shared::{
    kafka::Producer,
    kind::{CATALOG, GEO, PIN},
    metadata::Describe,
    metrics::Metrics,
    publish::{Failure, Outcome, ProducerRecord, Publish, Written},
    read_back::ReadBack,
};
use stack::lambda::{Function, Lambda, built};
use tokio::{net::TcpListener, task::JoinHandle, time::Instant};

use crate::support::{
    self,
    log::Log,
    pipeline::Pipeline,
    recorder::Recorder,
    rows::with,
    stub::{Stub, StubResponse},
};

const INVOCATIONS: &str = "/2015-03-31/functions/ingest%3Alive/invocations";

/// A stand-in for Lambda with the function `ingest`. It stops when dropped.
struct Functions<P, C> {
    url: String,
    shared: Arc<Shared<P, C>>,
    server: JoinHandle<()>,
}

struct Shared<P, C> {
    app: App<P, C>,
    invocations: AtomicUsize,
}

impl Functions<Producer, Producer> {
    async fn start(pipeline: &Pipeline) -> Self {
        Self::of(pipeline.app.clone()).await
    }
}

impl<P: Publish, C: Describe + ReadBack> Functions<P, C> {
    async fn of(app: App<P, C>) -> Self {
        let shared = Arc::new(Shared { app, invocations: AtomicUsize::new(0) });
        let router = Router::new()
            .route("/2015-03-31/functions/{function}/invocations", post(invoke::<P, C>))
            .layer(DefaultBodyLimit::max(MAX_EVENT_BYTES))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        Self { url, shared, server: tokio::spawn(async move { axum::serve(listener, router).await.unwrap() }) }
    }
}

impl<P, C> Drop for Functions<P, C> {
    fn drop(&mut self) {
        self.server.abort();
    }
}

async fn invoke<P: Publish, C: Describe + ReadBack>(
    State(ingest): State<Arc<Shared<P, C>>>,
    Path(function): Path<String>,
    event: String,
) -> Json<ApiGatewayProxyResponse> {
    assert_eq!(function, "ingest:live");
    ingest.invocations.fetch_add(1, Ordering::Relaxed);
    let event = support::event(&event);
    Json(event::handle(&ingest.app, Duration::ZERO, LambdaEvent::new(event, Context::default())).await)
}

async fn ingest_at(url: &str) -> Publisher {
    let config: SdkConfig = aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(url)
        .credentials_provider(Credentials::new("AKIATEST", "k3y", None, None, "test"))
        .load()
        .await;
    let function = "ingest:live".parse().unwrap();
    let delivery = Delivery::Ingest(function);
    Publisher::start(&delivery, Vec::new(), &Aws::from(config), Metrics::default()).await.unwrap()
}

fn record(topic: &str, key: &str, value: &str) -> ProducerRecord {
    let value = Some(value.to_owned().into());
    ProducerRecord { topic: topic.into(), key: Some(key.to_owned().into()), value, ..ProducerRecord::default() }
}

fn distant_deadline() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

/// A run's records in the emulator's order, with text that needs escapes.
fn records() -> Vec<ProducerRecord> {
    let text = json!("a \"quote\", \\, \u{1F4CC} and\ttab");
    (0..3)
        .flat_map(|post| CATALOG.iter().map(move |kind| (post, *kind)).collect::<Vec<_>>())
        .map(|(post, kind)| {
            let change = if kind.name == PIN.name { vec![("title", Some(text.clone()))] } else { Vec::new() };
            record(&format!("u.{kind}"), &format!("{post}"), &with(kind, &change))
        })
        .collect()
}

/// Partitions and offsets.
fn places(outcomes: &[Outcome]) -> Vec<Result<(i32, i64), Failure>> {
    outcomes.iter().map(|outcome| outcome.map(|written| (written.partition, written.offset))).collect()
}

/// Asserts the contract.
async fn keeps_the_contract(publisher: &impl Publish, pipeline: &Pipeline) {
    assert_eq!(publisher.publish(Vec::new(), distant_deadline()).await, []);
    let records = records();
    let outcomes = publisher.publish(records.clone(), distant_deadline()).await;
    // Each post has one record per topic, so a record's offset is its post's index.
    let expected: Vec<_> = (0..records.len()).map(|at| Ok((0, i64::try_from(at / CATALOG.len()).unwrap()))).collect();
    assert_eq!(places(&outcomes), expected);
    for kind in CATALOG {
        let topic = format!("u.{kind}");
        let sent = records.iter().filter(|record| *record.topic == topic);
        let sent: Vec<_> = sent
            .map(|ProducerRecord { key, value, .. }| {
                (key.as_ref().map(|key| key.to_vec()), value.as_ref().map(|value| value.to_vec()))
            })
            .collect();
        assert_eq!(pipeline.records(&topic), sent, "{kind}: keys, bytes and order");
    }

    let onto = ProducerRecord { partition: Some(2), ..record("v.geo", "1", &with(&GEO, &[])) };
    let nowhere = ProducerRecord { partition: Some(9), ..record("u.geo", "1", &with(&GEO, &[])) };
    let outcomes = publisher.publish(vec![nowhere, onto], Instant::now() + Duration::from_secs(5)).await;
    assert_eq!(places(&outcomes)[1], Ok((2, 0)), "a failure in one topic does not affect another");
    assert!(outcomes[0].is_err());

    pipeline.cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let outcomes =
        publisher.publish(vec![record("u.geo", "1", &with(&GEO, &[]))], begun + Duration::from_secs(2)).await;
    assert_eq!(outcomes, [Err(Failure::Unconfirmed)]);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn the_producer_keeps_the_contract() {
    let pipeline = Pipeline::start().await;
    let cluster = shared::cluster::Cluster::plaintext(pipeline.cluster.bootstrap_servers());
    keeps_the_contract(&Producer::new(&cluster, Metrics::default()).unwrap(), &pipeline).await;
}

#[tokio::test]
async fn an_invocation_of_ingest_keeps_the_contract() {
    let pipeline = Pipeline::start().await;
    let functions = Functions::start(&pipeline).await;
    keeps_the_contract(&ingest_at(&functions.url).await, &pipeline).await;
}

#[tokio::test]
async fn more_records_than_one_event_holds_are_written_in_their_order() {
    let pipeline = Pipeline::start().await;
    let functions = Functions::start(&pipeline).await;
    let filler = json!("x".repeat(900_000));
    let value = with(&GEO, &[("filler", Some(filler))]);
    let records: Vec<_> = (0..7).map(|at| record("u.geo", &at.to_string(), &value)).collect();
    let outcomes = ingest_at(&functions.url).await.publish(records, distant_deadline()).await;
    let offsets: Vec<_> = outcomes.iter().map(|outcome| outcome.unwrap().offset).collect();
    assert_eq!(offsets, [0, 1, 2, 3, 4, 5, 6]);
    assert_eq!(functions.shared.invocations.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn the_emulator_reads_each_failure_from_ingests_answer() {
    for (failure, read) in [
        (Failure::Unconfirmed, Failure::Unconfirmed),
        // One error code covers the three retryable failures.
        (Failure::NoSuchTopic, Failure::Unconfirmed),
        (Failure::NoSuchPartition, Failure::Unconfirmed),
        (Failure::TooLarge, Failure::TooLarge),
        (Failure::Refused, Failure::Refused),
        (Failure::Unauthenticated, Failure::Unauthenticated),
        (Failure::Unauthorized, Failure::Unauthorized),
    ] {
        let functions = Functions::of(Recorder::failing(failure).app()).await;
        let records = vec![record("u.geo", "1", &with(&GEO, &[]))];
        let outcomes = ingest_at(&functions.url).await.publish(records, distant_deadline()).await;
        assert_eq!(outcomes, [Err(read)], "{failure:?}");
    }
}

#[test]
fn an_event_has_no_more_records_than_ingest_accepts() {
    const { assert!(MAX_RECORDS <= ingest::MAX_RECORDS) }
}

/// The answer for one record.
fn written() -> StubResponse {
    let offsets = json!({"offsets": [{"partition": 0, "offset": 3, "error_code": null, "error": null}]});
    StubResponse::ok(&json!({"statusCode": 200, "body": offsets.to_string()}))
}

fn refused(status: StatusCode, error: &'static str) -> StubResponse {
    StubResponse::error(status, error, "no")
}

async fn publish_one(lambda: &Stub, time: Duration) -> Outcome {
    let publisher = ingest_at(lambda.address()).await;
    publisher.publish(vec![record("u.geo", "1", &with(&GEO, &[]))], Instant::now() + time).await[0]
}

#[tokio::test]
async fn the_event_is_the_one_that_api_gateway_sends() {
    let lambda = Stub::start([(INVOCATIONS, vec![written()])]).await;
    publish_one(&lambda, Duration::from_secs(5)).await.unwrap();
    let event = &lambda.requests()[0].body;
    let request: ApiGatewayProxyRequest = serde_json::from_str(event).unwrap();
    assert_eq!((request.http_method.as_str(), request.path.as_deref()), ("POST", Some("/topics/u.geo")));
    let keys = |event: &str| -> Vec<String> {
        serde_json::from_str::<Value>(event).unwrap().as_object().unwrap().keys().cloned().collect()
    };
    assert_eq!(keys(event), keys(include_str!("../events/ingest-geo.json")));
}

#[tokio::test]
async fn an_invocation_is_retried_only_if_the_function_did_not_run() {
    let too_many = || refused(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException");
    let failed = || {
        let message = "Task timed out after 29.00 seconds";
        StubResponse::function_error(&json!({"errorType": "Sandbox.Timedout", "errorMessage": message}))
    };
    for (what, responses, outcome, requests) in [
        (
            "a throttle that passes",
            vec![too_many(), written()],
            Ok(Written { partition: 0, offset: 3, timestamp_ms: None }),
            2,
        ),
        (
            "a function that is being made",
            vec![refused(StatusCode::CONFLICT, "ResourceConflictException"), written()],
            Ok(Written { partition: 0, offset: 3, timestamp_ms: None }),
            2,
        ),
        ("a throttle that stays", vec![too_many()], Err(Failure::Unconfirmed), 2),
        ("an error of the function", vec![failed(), written()], Err(Failure::Unconfirmed), 1),
        (
            "an error of Lambda's",
            vec![refused(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException"), written()],
            Err(Failure::Unconfirmed),
            1,
        ),
        (
            "no right to invoke",
            vec![refused(StatusCode::FORBIDDEN, "AccessDeniedException"), written()],
            Err(Failure::Refused),
            1,
        ),
        (
            "too large an event",
            vec![refused(StatusCode::PAYLOAD_TOO_LARGE, "RequestTooLargeException")],
            Err(Failure::TooLarge),
            1,
        ),
    ] {
        let lambda = Stub::start([(INVOCATIONS, responses)]).await;
        assert_eq!(publish_one(&lambda, Duration::from_millis(900)).await, outcome, "{what}");
        assert_eq!(lambda.requests().len(), requests, "{what}");
    }
}

#[tokio::test]
async fn a_missing_response_leaves_the_records_unconfirmed_at_the_deadline() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let publisher = ingest_at(&format!("http://{}", silent.local_addr().unwrap())).await;
    let begun = Instant::now();
    let records = CATALOG.iter().map(|kind| record(&format!("u.{kind}"), "1", &with(kind, &[]))).collect();
    let outcomes = publisher.publish(records, begun + Duration::from_secs(1)).await;
    assert_eq!(outcomes, [Err(Failure::Unconfirmed); 3]);
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_failed_delivery_logs_one_line() {
    let (log, _guard) = Log::capture(Level::WARN);
    let lambda = Stub::start([(INVOCATIONS, vec![refused(StatusCode::FORBIDDEN, "AccessDeniedException")])]).await;
    let records = CATALOG.iter().map(|kind| record(&format!("u.{kind}"), "1", &with(kind, &[]))).collect();
    ingest_at(lambda.address()).await.publish(records, distant_deadline()).await;
    let text = log.text();
    let lines: Vec<_> = text.lines().filter(|line| line.contains("WARN")).collect();
    assert_eq!(lines.len(), 1, "{text}");
    assert!(lines[0].contains("ingest:live cannot be invoked: AccessDeniedException: no"), "{text}");
    assert!(!text.contains("latitude") && !text.contains("k3y"), "{text}");
}

/// Starts the deployed program, with the variables of Lambda and the template.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the Lambda runtime: make test"]
async fn the_emulator_writes_its_records_without_access_to_kafka() {
    let pipeline = Pipeline::start().await;
    let functions = Functions::start(&pipeline).await;
    let variables = [
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIATEST"),
        ("AWS_SECRET_ACCESS_KEY", "k3y"),
        ("AWS_ENDPOINT_URL_LAMBDA", &functions.url),
        ("INGEST_FUNCTION", "ingest:live"),
        ("USER_IDS", "u"),
        ("DATABASE_URL", "sample"),
    ];
    let emulator = Lambda::start(&Function::new(&built("emulator").await.unwrap(), variables)).await.unwrap();
    for posts in [5, 10] {
        let report = emulator.invoke(&json!({"posts": 5})).await.unwrap();
        assert_eq!((&report["posts"], &report["records_written"]), (&json!(5), &json!(15)), "{report}");
        for kind in CATALOG {
            assert_eq!(pipeline.count(&format!("u.{kind}")), posts, "{kind}");
        }
    }
}

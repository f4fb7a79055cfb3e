//! 200 means written: what a client is told when the cluster does not do as it should, with the exact status and body.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use ingest::{App, router};
use lambda_runtime::tracing::Level;
use rdkafka::{
    mocking::MockCluster,
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use shared::{
    kafka::{Batching, Producer},
    kind::GEO,
    metrics::Metrics,
    topic::UserIds,
};
use tokio::time::Instant;

use crate::support::{
    log::Log,
    pipeline::{Answer, JSON, Pipeline, answer, envelope},
    rows::with,
};

const WRITTEN: &str = r#"{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}"#;

/// librdkafka itself gives a record up after 30 s, and looks for a topic for 5 s: an answer before that is ours.
const LONG_BEFORE_LIBRDKAFKA: Duration = Duration::from_secs(4);

async fn post(pipeline: &Pipeline) -> Answer {
    pipeline.post("/topics/u.geo", envelope(&[&with(&GEO, &[])])).await
}

fn failed(code: u32, error: &str) -> String {
    format!(
        r#"{{"offsets":[{{"partition":null,"offset":null,"error_code":{code},"error":"{error}"}}],"key_schema_id":null,"value_schema_id":null}}"#
    )
}

fn unconfirmed() -> String {
    failed(50003, "not confirmed in time: it may or may not be written; it may be sent again")
}

#[tokio::test]
async fn too_few_replicas_for_a_while_are_waited_for() {
    let pipeline = Pipeline::start().await;
    pipeline
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 3]);
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
    assert_eq!(pipeline.records("u.geo").len(), 1, "three retries are no duplicates");
}

#[tokio::test]
async fn too_few_replicas_for_good_are_a_503_before_the_requests_own_time_runs_out() {
    let mut pipeline = Pipeline::start().await;
    pipeline.request_timeout = Duration::from_secs(1);
    pipeline
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1000]);
    let begun = Instant::now();
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, unconfirmed().as_str()));
    assert_eq!(answer.header(header::RETRY_AFTER), "1");
    assert!(begun.elapsed() >= pipeline.request_timeout, "it was given its whole time");
    assert!(begun.elapsed() < LONG_BEFORE_LIBRDKAFKA, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_topic_that_may_not_be_written_is_a_403() {
    let pipeline = Pipeline::start().await;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let answer = post(&pipeline).await;
    let body = failed(40301, "the cluster does not allow writing to this topic");
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::FORBIDDEN, body.as_str()));
    assert_eq!(answer.header(header::RETRY_AFTER), "");
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN), "the producer can still be used");
}

#[tokio::test]
async fn a_record_that_is_too_large_for_its_topic_is_a_413_and_the_next_one_is_written() {
    let pipeline = Pipeline::start().await;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let answer = post(&pipeline).await;
    let body = failed(50002, "the record is larger than the topic admits (max.message.bytes)");
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, body.as_str()));
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
}

#[tokio::test]
async fn a_record_that_the_broker_refuses_for_good_is_a_500_and_the_log_alone_says_why() {
    let (log, _guard) = Log::capture(Level::WARN);
    let pipeline = Pipeline::start().await;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD;
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let answer = post(&pipeline).await;
    let body = failed(50002, "the cluster refused the record");
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, body.as_str()));
    assert!(
        log.text().contains("Kafka rejected a record permanently error=Message production error: InvalidRecord"),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_broker_that_comes_back_within_the_requests_time_costs_nothing_but_time() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.broker_down(1).unwrap();
    let back = async {
        // Long enough that the record is on its way, short of the request's 20 s.
        tokio::time::sleep(Duration::from_millis(700)).await;
        pipeline.cluster.broker_up(1).unwrap();
    };
    let (answer, ()) = tokio::join!(post(&pipeline), back);
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
}

#[tokio::test]
async fn a_broker_that_stays_away_is_a_503_and_health_says_so() {
    let mut pipeline = Pipeline::start().await;
    pipeline.request_timeout = Duration::from_secs(1);
    pipeline.cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let answer = post(&pipeline).await;
    assert!(begun.elapsed() < LONG_BEFORE_LIBRDKAFKA, "{:?}", begun.elapsed());
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, unconfirmed().as_str()));
    // The last answer of a broker, at the start, counts for 5 s.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let get = || axum::http::Request::get("/health").body(axum::body::Body::empty()).unwrap();
    let health = pipeline.send(get()).await;
    assert_eq!(health.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(health.body, r#"{"error_code":50003,"message":"no Kafka broker answered within 2.0 s"}"#);
    assert_eq!(health.header(header::RETRY_AFTER), "1");
    pipeline.cluster.broker_up(1).unwrap();
    pipeline.request_timeout = Duration::from_secs(20);
    assert_eq!(post(&pipeline).await.status, StatusCode::OK);
    assert_eq!(pipeline.send(get()).await.body, r#"{"status":"ok"}"#);
}

#[tokio::test]
async fn a_slow_broker_is_waited_for() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.broker_round_trip_time(1, Duration::from_millis(800)).unwrap();
    let begun = Instant::now();
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
    assert!(begun.elapsed() >= Duration::from_millis(800));
}

#[tokio::test]
async fn a_partition_that_is_not_there_fails_its_record_at_once_and_the_others_are_written() {
    let pipeline = Pipeline::start().await;
    let value = with(&GEO, &[]);
    let body = format!(r#"{{"records":[{{"value":{value}}},{{"partition":7,"value":{value}}},{{"value":{value}}}]}}"#);
    let begun = Instant::now();
    let answer = pipeline.post("/topics/u.geo", body).await;
    assert!(begun.elapsed() < LONG_BEFORE_LIBRDKAFKA, "{:?}", begun.elapsed());
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        answer.body,
        r#"{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null},{"partition":null,"offset":null,"error_code":50003,"error":"the topic has no such partition"},{"partition":0,"offset":1,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}"#
    );
    assert_eq!(pipeline.records("u.geo").len(), 2);
}

#[tokio::test]
async fn a_producer_that_failed_for_good_is_replaced_and_the_next_request_is_served() {
    let user_ids: UserIds = "u".parse().unwrap();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("u.geo", 1, 1).unwrap();
    // As when the rights of a new function have not reached the brokers yet.
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[denied]);
    let producer = Producer::new(
        &shared::cluster::Cluster::plaintext(cluster.bootstrap_servers()),
        Batching::OneRequest,
        Metrics::default(),
    )
    .unwrap();
    let router = router(App::new(producer.clone(), producer, &user_ids, Metrics::default()));
    let post = async || {
        let body = Body::from(envelope(&[&with(&GEO, &[])]));
        let request = Request::post("/topics/u.geo").header(header::CONTENT_TYPE, JSON);
        answer(&router, request.body(body).unwrap()).await
    };
    let first = post().await;
    let body = failed(40301, "the cluster does not allow writing to this topic");
    assert_eq!((first.status, first.body.as_str()), (StatusCode::FORBIDDEN, body.as_str()));
    let second = post().await;
    assert_eq!((second.status, second.body.as_str()), (StatusCode::OK, WRITTEN));
}

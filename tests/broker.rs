//! 200 means written: the exact status and body of the response to each fault of the cluster.

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
use shared::{kafka::Producer, kind::GEO, metrics::Metrics, topic::UserIds};
use tokio::time::Instant;

use crate::support::{
    log::Log,
    pipeline::{Answer, JSON, Pipeline, answer, envelope},
    rows::with,
};

const WRITTEN: &str = r#"{"offsets":[{"partition":0,"offset":0,"error_code":null,"error":null}],"key_schema_id":null,"value_schema_id":null}"#;

/// librdkafka gives up only on records of an unknown topic, after 5 s, so an earlier response comes from `ingest`.
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
    failed(50003, "not confirmed in time: it may have been written; a retry may duplicate it")
}

#[tokio::test]
async fn a_temporary_lack_of_in_sync_replicas_only_delays_the_response() {
    let pipeline = Pipeline::start().await;
    pipeline
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 3]);
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
    assert_eq!(pipeline.records("u.geo").len(), 1, "three retries create no duplicates");
}

#[tokio::test]
async fn a_lasting_lack_of_in_sync_replicas_is_a_503_at_the_requests_deadline() {
    let mut pipeline = Pipeline::start().await;
    pipeline.request_timeout = Duration::from_secs(1);
    pipeline
        .cluster
        .request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS; 1000]);
    let begun = Instant::now();
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, unconfirmed().as_str()));
    assert_eq!(answer.header(header::RETRY_AFTER), "1");
    assert!(begun.elapsed() >= pipeline.request_timeout, "not before the deadline");
    assert!(begun.elapsed() < LONG_BEFORE_LIBRDKAFKA, "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_topic_without_write_permission_is_a_403() {
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
async fn a_record_too_large_for_its_topic_is_a_413_and_the_next_one_is_written() {
    let pipeline = Pipeline::start().await;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE;
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let answer = post(&pipeline).await;
    let body = failed(50002, "the record is larger than the topic allows (max.message.bytes)");
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::PAYLOAD_TOO_LARGE, body.as_str()));
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
}

#[tokio::test]
async fn a_record_that_the_broker_rejects_permanently_is_a_500_with_the_reason_only_in_the_log() {
    let (log, _guard) = Log::capture(Level::WARN);
    let pipeline = Pipeline::start().await;
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD;
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    let answer = post(&pipeline).await;
    let body = failed(50002, "the cluster rejected the record");
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::INTERNAL_SERVER_ERROR, body.as_str()));
    assert!(
        log.text().contains("Kafka rejected a record permanently error=Message production error: InvalidRecord"),
        "{}",
        log.text()
    );
}

#[tokio::test]
async fn a_broker_that_returns_before_the_deadline_only_delays_the_response() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.broker_down(1).unwrap();
    let back = async {
        // Long enough for the record to be in flight, much shorter than the request's 20 s.
        tokio::time::sleep(Duration::from_millis(700)).await;
        pipeline.cluster.broker_up(1).unwrap();
    };
    let (answer, ()) = tokio::join!(post(&pipeline), back);
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
}

#[tokio::test]
async fn a_broker_that_stays_down_is_a_503_and_so_is_health() {
    let mut pipeline = Pipeline::start().await;
    pipeline.request_timeout = Duration::from_secs(1);
    pipeline.cluster.broker_down(1).unwrap();
    let begun = Instant::now();
    let answer = post(&pipeline).await;
    assert!(begun.elapsed() < LONG_BEFORE_LIBRDKAFKA, "{:?}", begun.elapsed());
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, unconfirmed().as_str()));
    // A broker's last response, at the start, counts as healthy for 5 s.
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

/// librdkafka never gives the record up, so `ingest` replaces the connection that still has it at the deadline.
#[tokio::test]
async fn a_record_of_a_missed_deadline_is_not_written_later() {
    let mut pipeline = Pipeline::start().await;
    assert_eq!(post(&pipeline).await.status, StatusCode::OK);
    pipeline.cluster.broker_down(1).unwrap();
    pipeline.request_timeout = Duration::from_secs(1);
    let missed = post(&pipeline).await;
    assert_eq!((missed.status, missed.body), (StatusCode::SERVICE_UNAVAILABLE, unconfirmed()));
    pipeline.cluster.broker_up(1).unwrap();
    pipeline.request_timeout = Duration::from_secs(20);
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, WRITTEN.replace(r#""offset":0"#, r#""offset":1"#)));
    assert_eq!(pipeline.records("u.geo").len(), 2);
}

#[tokio::test]
async fn a_slow_broker_only_delays_the_response() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.broker_round_trip_time(1, Duration::from_millis(800)).unwrap();
    let begun = Instant::now();
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::OK, WRITTEN));
    assert!(begun.elapsed() >= Duration::from_millis(800));
}

/// The brokers reject a batch whose predecessor is missing, so an acknowledged one confirms those before it.
#[tokio::test]
async fn a_record_that_only_a_later_one_confirms_is_written_at_an_unknown_offset() {
    let pipeline = Pipeline::start().await;
    assert_eq!(post(&pipeline).await.status, StatusCode::OK);
    // Both are in flight before the first one fails.
    pipeline.cluster.broker_round_trip_time(1, Duration::from_secs(1)).unwrap();
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT]);
    let later = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        post(&pipeline).await
    };
    let (first, later) = tokio::join!(post(&pipeline), later);
    assert_eq!((later.status, later.body), (StatusCode::OK, WRITTEN.replace(r#""offset":0"#, r#""offset":1"#)));
    assert_eq!((first.status, first.body), (StatusCode::OK, WRITTEN.replace(r#""offset":0"#, r#""offset":-1"#)));
}

/// A refusal says that nothing was written, and the attempt that the broker did not answer may have been.
#[tokio::test]
async fn a_record_that_is_denied_after_an_attempt_without_an_answer_is_unconfirmed() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.request_errors(
        RDKafkaApiKey::Produce,
        &[
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
        ],
    );
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, unconfirmed().as_str()));
}

/// On the same connection the acknowledgement would not count: librdkafka may reuse sequence numbers.
#[tokio::test]
async fn a_topic_that_was_written_to_and_then_denied_is_served_by_another_connection() {
    let pipeline = Pipeline::start().await;
    assert_eq!(post(&pipeline).await.status, StatusCode::OK);
    let error = RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
    pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
    assert_eq!(post(&pipeline).await.status, StatusCode::FORBIDDEN);
    let answer = post(&pipeline).await;
    assert_eq!((answer.status, answer.body), (StatusCode::OK, WRITTEN.replace(r#""offset":0"#, r#""offset":1"#)));
}

#[tokio::test]
async fn an_unknown_partition_fails_its_record_at_once_and_the_others_are_written() {
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
async fn a_producer_after_a_fatal_error_is_replaced_and_the_next_request_is_served() {
    let user_ids: UserIds = "u".parse().unwrap();
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic("u.geo", 1, 1).unwrap();
    // Like a new function whose permissions have not reached the brokers yet.
    let denied = RDKafkaRespErr::RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED;
    cluster.request_errors(RDKafkaApiKey::InitProducerId, &[denied]);
    let producer =
        Producer::new(&shared::cluster::Cluster::plaintext(cluster.bootstrap_servers()), Metrics::default()).unwrap();
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

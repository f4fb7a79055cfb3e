//! The API v3 beyond its vectors: the size of its responses, Kafka failures, and the listed cluster.

use axum::{
    body::Body,
    http::{Request, StatusCode, header},
};
use chrono::{TimeDelta, Utc};
use ingest::{MAX_CLUSTER_ID_CHARS, MAX_HEADERS, MAX_V3_RECORDS};
use lambda_runtime::tracing::Level;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::Value;
use shared::{kind::GEO, publish::Failure, topic::PassThroughTopics};

use crate::support::{
    log::Log,
    pipeline::{Answer, Pipeline, answer},
    recorder::Recorder,
    rows::with,
};

mod required;

const GEO_RECORDS: &str = "/v3/clusters/c/topics/u.geo/records";

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

/// The concatenated objects of an answer.
fn results(answer: &Answer) -> Vec<Value> {
    assert_eq!((answer.status, answer.header(header::CONTENT_TYPE)), (StatusCode::OK, "application/json"));
    answer.body.split("\r\n").map(|result| serde_json::from_str(result).unwrap()).collect()
}

fn geo() -> String {
    format!(r#"{{"value":{{"type":"JSON","data":{}}}}}"#, with(&GEO, &[]))
}

#[tokio::test]
async fn a_records_timestamp_is_reported_in_utc() {
    let record = geo().replacen('{', r#"{"timestamp":"2026-09-23T14:00:00.5+02:00","#, 1);
    let answer = answer(&Recorder::default().router(), post(GEO_RECORDS, record)).await;
    assert_eq!(results(&answer)[0]["timestamp"], "2026-09-23T12:00:00.500Z", "{}", answer.body);
}

#[tokio::test]
async fn the_results_of_the_most_records_fit_into_a_response_for_every_outcome() {
    /// Lambda's limit for a response: 6 MB of JSON, in which the body is a string.
    const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;
    let topic = "t".repeat(249);
    let topics: PassThroughTopics = topic.parse().unwrap();
    let most = MAX_V3_RECORDS;
    for record in [
        r#"{"partition_id":2147483647,"key":{"type":"STRING","data":""},"value":{"type":"STRING","data":""},"timestamp":"2026-09-23T12:00:00.123Z"}"#.to_owned(),
        format!(r#"{{"{}":1}}"#, "\\u0001".repeat(60)),
        r#"{"value":{"type":"AVRO"}}"#.to_owned(),
    ] {
        let router = ingest::router(Recorder::default().app().with_pass_through(&topics));
        let path = format!("/v3/clusters/{}/topics/{topic}/records", "c".repeat(MAX_CLUSTER_ID_CHARS));
        let answer = answer(&router, post(&path, record.repeat(most))).await;
        assert_eq!(results(&answer).len(), most);
        let response = serde_json::to_string(&answer.body).unwrap().len();
        assert!(response + 1_000 < MAX_RESPONSE_BYTES, "{record}: {response}");
    }
}

#[tokio::test]
async fn a_cluster_id_that_would_make_a_response_too_large_is_not_found() {
    for (id, status) in [("~", 200), ("%20", 200), ("%01", 404), ("%22", 404), ("%5C", 404), ("%F0%9F%93%8C", 404)] {
        let path = format!("/v3/clusters/{}/topics/u.geo/records", id.repeat(MAX_CLUSTER_ID_CHARS));
        let answer = answer(&Recorder::default().router(), post(&path, geo())).await;
        assert_eq!(answer.status, status, "{id}: {}", answer.body);
    }
    let path = format!("/v3/clusters/{}/topics/u.geo/records", "c".repeat(MAX_CLUSTER_ID_CHARS + 1));
    assert_eq!(answer(&Recorder::default().router(), post(&path, geo())).await.status, 404);
}

#[tokio::test]
async fn violations_are_bounded_over_all_records_of_a_request() {
    let twice = |at: usize| format!(r#""{}{at}":1,"{0}{at}":2"#, "\u{9f}".repeat(60));
    let row = (0..100).map(twice).collect::<Vec<_>>().join(",");
    let wrong = format!(r#"{{"value":{{"type":"JSON","data":{{{row}}}}}}}"#);
    let answer = answer(&Recorder::default().router(), post(GEO_RECORDS, wrong.repeat(100))).await;
    let reported: usize =
        results(&answer).iter().filter_map(|result| Some(result["violations"].as_array()?.len())).sum();
    assert!((100..200).contains(&reported), "{reported}");
}

#[tokio::test]
async fn a_timestamp_for_which_kafka_would_refuse_the_batch_is_refused() {
    #[expect(clippy::disallowed_methods, reason = "the product reads the clock as well")]
    let now = Utc::now();
    let dated = |ahead: TimeDelta| {
        let time = (now + ahead).to_rfc3339();
        geo().replacen('{', &format!(r#"{{"timestamp":"{time}","#), 1)
    };
    let body = dated(TimeDelta::minutes(59)) + &dated(TimeDelta::minutes(61)) + &geo();
    let answer = answer(&Recorder::default().router(), post(GEO_RECORDS, body)).await;
    let codes: Vec<_> = results(&answer).iter().map(|result| result["error_code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 422, 200], "{}", answer.body);
}

#[tokio::test]
async fn an_entry_with_invalid_json_fails_alone() {
    let entries = format!(r#"{{"id":"1",{}}},"#, &geo()[1..geo().len() - 1])
        + r#"{"id":"2","value":{"type":"JSON","data":1e999}},"#
        + r#"{"id":"3","value":{"type":"STRING","data":"\ud800"}}"#;
    let path = format!("{GEO_RECORDS}:batch");
    let body = format!("{{\"entries\":[{entries}]}}");
    let answer = answer(&Recorder::default().router(), post(&path, body)).await;
    assert_eq!(answer.status, 207, "{}", answer.body);
    let (successes, failures) = (&answer.json()["successes"], &answer.json()["failures"]);
    assert_eq!((&successes[0]["id"], &failures[0]["id"], &failures[1]["id"]), (&"1".into(), &"2".into(), &"3".into()));
    assert!(failures[0]["message"].as_str().unwrap().contains("line 1, column "), "{failures}");
}

#[tokio::test]
async fn the_number_of_a_records_headers_is_limited() {
    for (count, code) in [(MAX_HEADERS, 200), (MAX_HEADERS + 1, 422)] {
        let headers = vec![r#"{"name":"h","value":""}"#; count].join(",");
        let record = geo().replacen('{', &format!(r#"{{"headers":[{headers}],"#), 1);
        let answer = answer(&Recorder::default().router(), post(GEO_RECORDS, record)).await;
        assert_eq!(results(&answer)[0]["error_code"], code, "{count}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_log_and_the_response_have_the_same_error_code() {
    let (log, _guard) = Log::capture(Level::INFO);
    let answer = answer(&Recorder::failing(Failure::TooLarge).router(), post(GEO_RECORDS, geo())).await;
    assert_eq!(results(&answer)[0]["error_code"], 413);
    assert!(log.text().contains("error.code=413"), "{}", log.text());

    let answer = self::answer(&Recorder::default().router(), post(GEO_RECORDS, geo() + "{}")).await;
    assert_eq!(results(&answer)[1]["error_code"], 42203);
    let line = log.text().lines().last().unwrap().to_owned();
    assert!(line.contains("rejected") && line.contains("error.code=42203"), "{line}");
}

#[tokio::test]
async fn a_result_reports_the_kafka_failure_of_its_record() {
    let pipeline = Pipeline::start().await;
    for (error, code) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 413),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 40301),
    ] {
        pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
        let answer = pipeline.send(post(GEO_RECORDS, geo())).await;
        assert_eq!(results(&answer)[0]["error_code"], code, "{}", answer.body);
    }
}

#[tokio::test]
async fn the_cluster_is_listed_under_its_own_id() {
    let pipeline = Pipeline::start().await;
    let answer = pipeline.get("/v3/clusters").await;
    let cluster = &answer.json()["data"][0];
    let id = cluster["cluster_id"].as_str().unwrap();
    assert!(id.starts_with("mockCluster"), "{}", answer.body);
    assert_eq!(cluster["metadata"]["self"], format!("/v3/clusters/{id}"));
}

//! The REST Proxy's API v3: each record stands for itself, and says what became of it.

use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode, header},
};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::{Value, json};
use shared::{
    kind::GEO,
    publish::{Header, Record},
    topic::PassThroughTopics,
};

use crate::support::{
    pipeline::{Answer, Pipeline, answer},
    recorder::Recorder,
    rows::with,
};

const GEO_RECORDS: &str = "/v3/clusters/c/topics/u.geo/records";
const RECORDS: &str = "/v3/clusters/lkc-1/topics/clicks/records";

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path).header(header::CONTENT_TYPE, "application/json").body(body.into()).unwrap()
}

/// The topic `clicks`, which takes anything, and those of `u`, on a recorder.
async fn send(recorder: &Recorder, path: &str, body: impl Into<Body>) -> Answer {
    let topics: PassThroughTopics = "clicks".parse().unwrap();
    answer(&ingest::router(recorder.app().passing_through(&topics)), post(path, body)).await
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
async fn a_record_is_written_with_all_that_it_has() {
    let recorder = Recorder::default();
    let body = r#"{"partition_id":2,"headers":[{"name":"a","value":"AP8="},{"name":"a","value":null}],
        "key":{"type":"STRING","data":"k\u00e9"},"value":{"type":"JSON","data":{"a": [1.10, "\u00e9"]}},
        "timestamp":"2026-09-23T14:00:00.5+02:00"}"#;
    let answer = send(&recorder, RECORDS, body).await;
    assert_eq!(
        answer.body,
        r#"{"error_code":200,"cluster_id":"lkc-1","topic_name":"clicks","partition_id":2,"offset":0,"timestamp":"2026-09-23T12:00:00.500Z","key":{"type":"STRING","size":3},"value":{"type":"JSON","size":21}}"#
    );
    let header = |value: Option<&'static [u8]>| Header { name: "a".to_owned(), value: value.map(Into::into) };
    let written = Record {
        topic: "clicks".into(),
        partition: Some(2),
        key: Some("ké".into()),
        value: Some(r#"{"a":[1.10,"\u00e9"]}"#.into()),
        timestamp_ms: Some(1_790_164_800_500),
        headers: vec![header(Some(b"\x00\xff")), header(None)],
    };
    assert_eq!(recorder.take(), [written]);
}

#[tokio::test]
async fn a_record_without_anything_is_null_twice() {
    let recorder = Recorder::default();
    for body in ["{}", r#"{"key":null,"value":{"type":"JSON"}}"#, r#"{"value":{"type":"BINARY","data":null}}"#] {
        let answer = send(&recorder, RECORDS, body).await;
        assert_eq!(results(&answer)[0]["error_code"], 200, "{body}: {}", answer.body);
        assert_eq!(recorder.take(), [Record { topic: "clicks".into(), ..Record::default() }], "{body}");
    }
}

#[tokio::test]
async fn several_objects_are_several_records_and_their_results_are_in_their_order() {
    let recorder = Recorder::default();
    let wrong = geo().replace("latitude", "latitud");
    let body = [geo(), wrong, r#"{"value":{"type":"BINARY","data":"%"}}"#.to_owned(), geo()].join("\n ") + "{ nope";
    let answer = send(&recorder, GEO_RECORDS, body).await;
    let results = results(&answer);
    let codes: Vec<_> = results.iter().map(|result| result["error_code"].as_u64().unwrap()).collect();
    assert_eq!(codes, [200, 42203, 400, 200, 400], "{}", answer.body);
    assert_eq!([&results[0]["offset"], &results[3]["offset"]], [0, 1]);
    assert_eq!(results[1]["violations"][0]["record"], 1, "{}", answer.body);
    assert!(results[4]["message"].as_str().unwrap().contains("line 4"), "{}", answer.body);
    let written = recorder.take();
    assert_eq!(written.len(), 2);
    assert_eq!(written[0].value.as_deref(), Some(with(&GEO, &[]).as_bytes()));
    assert_eq!(written[0].key.as_deref(), Some(&b"4"[..]), "the join key, as in v2");
}

#[tokio::test]
async fn what_is_wrong_with_a_record_is_told_in_the_stream() {
    for (path, record, code, message) in [
        (RECORDS, r#"{"value":{"type":"BINARY","data":"%"}}"#, 400, r#"Bad Request: data="%" is not a base64 string."#),
        (RECORDS, r#"{"Value":1}"#, 400, r#"Unrecognized field "Value""#),
        (RECORDS, r#"{"value":{"type":"JSON","dat":1}}"#, 400, r#"Unrecognized field "dat""#),
        (RECORDS, r#"{"value":{"type":"JSON","data":"\ud800"}}"#, 400, "Bad Request: the body is not JSON: line 1"),
        (RECORDS, r#"{"partition_id":-1}"#, 40402, "Partition not found"),
        (RECORDS, r#"{"partition_id":"1"}"#, 422, "partition_id must be a whole number from 0 to 2147483647"),
        (RECORDS, r#"{"timestamp":"yesterday"}"#, 422, "timestamp must be a time after 1970"),
        (RECORDS, r#"{"timestamp":"1970-01-01T00:00:00Z"}"#, 422, "timestamp must be a time after 1970"),
        (RECORDS, r#"{"headers":{}}"#, 422, "headers must be a list"),
        (RECORDS, r#"{"headers":[{"value":"AA=="}]}"#, 422, "a header's name must be a string"),
        (RECORDS, r#"{"headers":[{"name":"a","value":"%"}]}"#, 400, "Bad Request: data="),
        (RECORDS, r#"{"key":{"data":1}}"#, 422, "key.type must be BINARY, JSON or STRING"),
        (RECORDS, r#"{"key":{"type":"STRING","data":1}}"#, 422, "key.data must be a string"),
        (RECORDS, r#"{"key":1}"#, 422, "key must be an object out of `type`, `data`"),
        (RECORDS, r#"{"key":null,"key":null}"#, 422, "a record: `key` appears twice"),
        (RECORDS, "[]", 422, "a record must be an object out of `partition_id`"),
        (RECORDS, r#"{"value":{"type":"AVRO","data":"AA=="}}"#, 422, "Error: 42206 : Payload error. Schema Registry"),
        ("/v3/clusters/c/topics/u.nope/records", "{}", 40401, "Topic not found: u.nope"),
        (GEO_RECORDS, "{}", 42203, "Conversion of JSON to Object failed: records[0].value: is missing or null"),
        (GEO_RECORDS, r#"{"value":{"type":"STRING","data":"nope"}}"#, 42203, "Conversion of JSON to Object failed"),
    ] {
        let recorder = Recorder::default();
        let answer = send(&recorder, path, record).await;
        let [result] = &results(&answer)[..] else { panic!("{record}: {}", answer.body) };
        assert_eq!(result["error_code"], code, "{record}: {}", answer.body);
        assert!(result["message"].as_str().unwrap().starts_with(message), "{record}: {}", answer.body);
        assert!(recorder.take().is_empty(), "{record}");
    }
}

#[tokio::test]
async fn a_request_that_is_wrong_as_a_whole_is_refused_as_one() {
    let batch = "/v3/clusters/c/topics/clicks/records:batch";
    let entries = |count: usize| {
        let entries: Vec<_> = (0..count).map(|id| json!({"id": id.to_string()})).collect();
        json!({"entries": entries}).to_string()
    };
    for (path, body, status, code, message) in [
        (RECORDS, String::new(), 422, 42206, "Payload error. Request body is empty. Data is required."),
        (RECORDS, " \n".to_owned(), 422, 42206, "Payload error. Request body is empty. Data is required."),
        (RECORDS, "{}".repeat(10_001), 413, 413, "the request has 10001 records, more than 10000"),
        (batch, String::new(), 422, 42206, "Payload error. Request body is empty. Data is required."),
        (batch, "{}".to_owned(), 422, 42208, "Empty batch."),
        (batch, entries(0), 422, 42208, "Empty batch."),
        (batch, entries(11), 422, 42208, "Too many entries in batch."),
        (batch, r#"{"entries":[{"id":"a"},{"id":"a"}]}"#.to_owned(), 422, 42208, "Batch entry IDs are not distinct."),
        (batch, r#"{"entries":[{}]}"#.to_owned(), 422, 42208, "Batch entry identifier is not a valid string."),
        (batch, r#"{"entries":[{"id":1}]}"#.to_owned(), 422, 42208, "Batch entry identifier is not a valid string."),
        (batch, format!(r#"{{"entries":[{{"id":"{}"}}]}}"#, "a".repeat(81)), 422, 42208, "Batch entry identifier"),
        (batch, r#"{"entries":[{"id":"a","x":1}]}"#.to_owned(), 400, 400, r#"Unrecognized field "x""#),
        (batch, "{".to_owned(), 400, 400, "Bad Request: the body is not JSON"),
        ("/v3/clusters/c/topics/clicks/nope", "{}".to_owned(), 404, 404, "HTTP 404"),
        (&format!("/v3/clusters/{}/topics/clicks/records", "c".repeat(65)), "{}".to_owned(), 404, 404, "HTTP 404"),
    ] {
        let recorder = Recorder::default();
        let answer = send(&recorder, path, body.clone()).await;
        let shown = format!("{path} {body:.80}: {:.200}", answer.body);
        assert_eq!((answer.status.as_u16(), &answer.json()["error_code"]), (status, &code.into()), "{shown}");
        assert!(answer.json()["message"].as_str().unwrap().starts_with(message), "{shown}");
        assert!(recorder.take().is_empty(), "{shown}");
    }
}

#[tokio::test]
async fn a_batch_tells_its_results_by_their_ids() {
    let recorder = Recorder::default();
    let body =
        r#"{"entries":[{"id":"a","value":{"type":"STRING","data":"x"}},{"id":"b","partition_id":-1},{"id":"ü"}]}"#;
    let answer = send(&recorder, "/v3/clusters/c/topics/clicks/records:batch", body).await;
    assert_eq!(answer.status, StatusCode::MULTI_STATUS);
    let expected = json!({
        "successes": [
            {"id": "a", "cluster_id": "c", "topic_name": "clicks", "partition_id": 0, "offset": 0, "value": {"type": "STRING", "size": 1}},
            {"id": "ü", "cluster_id": "c", "topic_name": "clicks", "partition_id": 0, "offset": 1},
        ],
        "failures": [{"id": "b", "error_code": 40402, "message": "Partition not found: a partition's number is not negative"}],
    });
    assert_eq!(answer.json(), expected);
    assert_eq!(recorder.take().len(), 2);
}

#[tokio::test]
async fn it_is_sent_and_answered_as_plain_json() {
    for (name, value, status) in [
        (header::CONTENT_TYPE, "application/json; charset=utf-8", 200),
        (header::CONTENT_TYPE, "application/vnd.kafka.json.v2+json", 415),
        (header::CONTENT_TYPE, "text/plain", 415),
        (header::ACCEPT, "*/*", 200),
        (header::ACCEPT, "text/html, application/json", 200),
        (header::ACCEPT, "application/vnd.kafka.v2+json", 406),
    ] {
        let mut request = post(GEO_RECORDS, geo());
        request.headers_mut().insert(name.clone(), HeaderValue::from_static(value));
        let answer = answer(&Recorder::default().router(), request).await;
        assert_eq!(answer.status, status, "{name}: {value}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_answer_to_the_most_records_fits_into_a_response_whatever_becomes_of_them() {
    /// Lambda's limit for a response: 6 MB of JSON, in which the body is a string.
    const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024;
    let topic = "t".repeat(249);
    let topics: PassThroughTopics = topic.parse().unwrap();
    let most = 10_000;
    for record in [
        r#"{"partition_id":2147483647,"key":{"type":"STRING","data":""},"value":{"type":"STRING","data":""},"timestamp":"2026-09-23T12:00:00.123Z"}"#.to_owned(),
        format!(r#"{{"{}":1}}"#, "\\u0001".repeat(60)),
        r#"{"value":{"type":"AVRO"}}"#.to_owned(),
    ] {
        let router = ingest::router(Recorder::default().app().passing_through(&topics));
        let path = format!("/v3/clusters/{}/topics/{topic}/records", "c".repeat(64));
        let answer = answer(&router, post(&path, record.repeat(most))).await;
        assert_eq!(results(&answer).len(), most);
        let response = serde_json::to_string(&answer.body).unwrap().len();
        assert!(response + 1_000 < MAX_RESPONSE_BYTES, "{record}: {response}");
    }
}

#[tokio::test]
async fn kafka_says_when_and_where_a_record_was_written_and_why_one_was_not() {
    let pipeline = Pipeline::start().await;
    let answer = pipeline.send(post(GEO_RECORDS, geo())).await;
    let [result] = &results(&answer)[..] else { panic!("{}", answer.body) };
    assert_eq!((&result["error_code"], &result["offset"]), (&200.into(), &0.into()), "{}", answer.body);
    let time = result["timestamp"].as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>();
    assert!(time.is_ok(), "{}", answer.body);

    for (error, code) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 413),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 40301),
    ] {
        pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
        let answer = pipeline.send(post(GEO_RECORDS, geo())).await;
        assert_eq!(results(&answer)[0]["error_code"], code, "{}", answer.body);
    }
    let far = geo().replacen('{', r#"{"partition_id":7,"#, 1);
    let answer = pipeline.send(post(GEO_RECORDS, far)).await;
    assert_eq!(results(&answer)[0]["error_code"], 40402, "{}", answer.body);
}

#[tokio::test]
async fn the_cluster_is_listed_under_its_own_id() {
    let pipeline = Pipeline::start().await;
    let answer = pipeline.get("/v3/clusters").await;
    let clusters = answer.json();
    assert_eq!((answer.status, &clusters["kind"]), (StatusCode::OK, &"KafkaClusterList".into()), "{}", answer.body);
    let id = clusters["data"][0]["cluster_id"].as_str().unwrap();
    assert!(id.starts_with("mockCluster"), "{}", answer.body);
    assert_eq!(clusters["data"][0]["metadata"]["self"], format!("/v3/clusters/{id}"));
}

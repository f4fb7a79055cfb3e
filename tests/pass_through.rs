//! Two settings for those who come from the REST Proxy with more than the three kinds: topics whose records nobody looks at, and
//! its statuses.

use ingest::Statuses;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use serde_json::json;
use shared::{kind::GEO, topic::PassThroughTopics};

use crate::support::{
    local::Local,
    pipeline::{BINARY, JSON, Pipeline, envelope},
    rows::with,
};

/// A key or a value.
type Bytes = Option<&'static [u8]>;

async fn pass_through() -> Pipeline {
    let topics: PassThroughTopics = "clicks".parse().unwrap();
    let pipeline = Pipeline::start_as("u", |app| app.passing_through(&topics)).await;
    pipeline.cluster.create_topic("clicks", 1, 1).unwrap();
    pipeline
}

#[tokio::test]
async fn a_pass_through_topic_takes_any_record_as_it_was_sent() {
    let pipeline = pass_through().await;
    let json = r#"{"records":[{"value":{"any": [1.10, "\u00e9"]}},{"key":"k","value":null},{},{"value":""},{"value":0},
        {"value":false},{"key":[],"value":{}},{"value":"{\"a\":1}"}]}"#;
    let binary = r#"{"records":[{"value":"AP8="},{"key":"","value":""},{"value":null}]}"#;
    for (format, body) in [(JSON, json), (BINARY, binary)] {
        let answer = pipeline.post_as(format, "/topics/clicks", body).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let expected: [(Bytes, Bytes); 11] = [
        (None, Some(br#"{"any":[1.10,"\u00e9"]}"#)),
        (Some(br#""k""#), None),
        (None, None),
        (None, Some(br#""""#)),
        (None, Some(b"0")),
        (None, Some(b"false")),
        (Some(b"[]"), Some(b"{}")),
        (None, Some(br#""{\"a\":1}""#)),
        (None, Some(b"\x00\xff")),
        (Some(b""), Some(b"")),
        (None, None),
    ];
    let expected = expected.map(|(key, value)| (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec)));
    assert_eq!(pipeline.records("clicks"), expected);
    let topics = pipeline.get("/topics").await.json();
    assert_eq!(topics, json!(["clicks", "u.geo", "u.pin", "u.user"]));
}

#[tokio::test]
async fn what_is_no_json_is_refused_there_too() {
    let pipeline = pass_through().await;
    for value in [r#""\ud83d""#, "1e999", "nope"] {
        let answer = pipeline.post("/topics/clicks", envelope(&[value])).await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error_code"]),
            (400, &400.into()),
            "{value}: {}",
            answer.body
        );
    }
    assert_eq!(pipeline.count("clicks"), 0);
}

#[tokio::test]
async fn the_other_topics_are_validated_all_the_same() {
    let pipeline = pass_through().await;
    assert_eq!(pipeline.post("/topics/u.geo", envelope(&["{}"])).await.status, 422);
    assert_eq!(pipeline.post("/topics/other", envelope(&["{}"])).await.status, 404);
}

#[tokio::test]
async fn with_confluents_statuses_a_record_that_is_not_written_is_told_in_its_entry() {
    let pipeline = Pipeline::start_as("u", |app| app.answering(Statuses::Confluent)).await;
    let geo = || envelope(&[&with(&GEO, &[])]);
    for (error, status, code) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 200, 50002),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD, 200, 50002),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 403, 40301),
    ] {
        pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
        let answer = pipeline.post("/topics/u.geo", geo()).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["offsets"][0]["error_code"], code, "{}", answer.body);
    }
    let refused = pipeline.post("/topics/u.geo", envelope(&["{}"])).await;
    assert_eq!(refused.status, 422, "a request that is wrong in itself is so in both");
}

#[tokio::test(flavor = "multi_thread")]
async fn local_makes_pass_through_topics_and_leaves_them_out_of_the_archive() {
    let local = Local::start(&["--posts-per-second", "0", "--pass-through", "clicks", "--statuses", "confluent"]).await;
    let (status, body) = local.post("clicks", r#"{"records":[{"value":1}]}"#).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(local.first_record("clicks"), "1");
    let settings = std::fs::read_to_string(local.settings_file()).unwrap();
    assert!(settings.contains("\nPASS_THROUGH_TOPICS=clicks\nSTATUSES=confluent\n"), "{settings}");
    let ended = local.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.figure("records written"), 1);
    assert!(ended.objects("clicks").is_empty());
}

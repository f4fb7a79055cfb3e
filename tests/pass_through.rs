//! Two settings for clients of the REST Proxy with more than the three kinds: topics without validation, and the proxy's
//! statuses.

use ingest::StatusPolicy;
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use shared::kind::GEO;

use crate::support::{
    local::Local,
    pipeline::{Pipeline, envelope},
    rows::with,
};

#[tokio::test]
async fn with_statuses_confluent_an_unwritten_record_is_reported_in_its_entry() {
    let pipeline = Pipeline::start_as("u", "", "", StatusPolicy::Confluent).await;
    for (error, status, code) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, 200, 50002),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_INVALID_RECORD, 200, 50002),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 403, 40301),
    ] {
        pipeline.cluster.request_errors(RDKafkaApiKey::Produce, &[error]);
        let answer = pipeline.post("/topics/u.geo", envelope(&[&with(&GEO, &[])])).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["offsets"][0]["error_code"], code, "{}", answer.body);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn local_creates_pass_through_topics_and_does_not_archive_them() {
    let local = Local::start(&["--posts-per-second", "0", "--pass-through", "clicks", "--statuses", "confluent"]).await;
    let (status, body) = local.post("clicks", r#"{"records":[{"value":1}]}"#).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(local.first_record("clicks"), "1");
    let settings = std::fs::read_to_string(local.settings_file()).unwrap();
    assert!(
        settings.contains("\nPASS_THROUGH_TOPICS=clicks\nSHARED_STREAMS=\nREAD_BACK=on\nSTATUSES=confluent\n"),
        "{settings}"
    );
    let ended = local.stop().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.figure("records written"), 1);
    assert!(ended.objects("clicks").is_empty());
}

//! The partitions of a post's records. The vectors cover the partition for each key, record and path.

use serde_json::json;
use shared::kind::CATALOG;

use crate::support::{
    pipeline::{Pipeline, envelope},
    rows::with,
};

#[tokio::test]
async fn a_posts_records_go_to_the_same_partition_of_each_topic() {
    let pipeline = Pipeline::start().await;
    for key in 0..20 {
        let mut partitions = Vec::new();
        for kind in CATALOG {
            let value = with(kind, &[(kind.join_key, Some(json!(key)))]);
            let answer = pipeline.post(&format!("/topics/v.{kind}"), envelope(&[&value])).await;
            partitions.push(answer.json()["offsets"][0]["partition"].as_i64().unwrap());
        }
        assert!(partitions.iter().all(|partition| *partition == partitions[0]), "{key}: {partitions:?}");
    }
}

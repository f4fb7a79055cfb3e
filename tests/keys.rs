//! Where a record goes: its key, and the partition that the key, the record or the path says.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use shared::kind::{CATALOG, GEO};

use crate::support::{
    pipeline::{BINARY, Pipeline, envelope},
    rows::with,
};
use axum::http::StatusCode;

#[tokio::test]
async fn a_record_without_a_key_gets_the_join_keys_digits_and_another_keeps_its_own() {
    let pipeline = Pipeline::start().await;
    let value = with(&GEO, &[("ind", Some(json!("35.0")))]);
    let records = [
        format!(r#"{{"value":{value}}}"#),
        format!(r#"{{"key":null,"value":{value}}}"#),
        format!(r#"{{"key":"a b","value":{value}}}"#),
        format!(r#"{{"key":{{ "a" : 1.10 }},"value":{value}}}"#),
        format!(r#"{{"key":0,"value":{value}}}"#),
    ];
    let answer = pipeline.post("/topics/u.geo", format!(r#"{{"records":[{}]}}"#, records.join(","))).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let binary =
        format!(r#"{{"records":[{{"key":"{}","value":"{}"}}]}}"#, STANDARD.encode(b"\0\xff"), STANDARD.encode(&value));
    pipeline.post_as(BINARY, "/topics/u.geo", binary).await;
    let keys: Vec<_> = pipeline.records("u.geo").into_iter().map(|(key, _)| key.unwrap()).collect();
    assert_eq!(keys, [b"35".as_slice(), b"35", br#""a b""#, br#"{"a":1.10}"#, b"0", b"\0\xff"]);
}

#[tokio::test]
async fn a_post_s_records_go_to_the_same_partition_of_topics_with_several() {
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

/// Where the Java client's default partitioner, and so the REST Proxy, puts these keys: murmur2 of the bytes, modulo 3.
#[tokio::test]
async fn a_key_goes_where_the_java_client_would_put_it() {
    let pipeline = Pipeline::start().await;
    for key in ["0", "1", "7528", "11153", "\"a\""] {
        let value = with(&GEO, &[]);
        let body = format!(r#"{{"records":[{{"key":{key},"value":{value}}}]}}"#);
        let answer = pipeline.post("/topics/v.geo", body).await;
        let partition = answer.json()["offsets"][0]["partition"].as_u64().unwrap();
        assert_eq!(partition, u64::from(murmur2(key.as_bytes()) & 0x7fff_ffff) % 3, "{key}");
    }
    for (at, partition) in [(0, 2), (1, 1)] {
        let value = with(&GEO, &[]);
        let record = format!(r#"{{"partition":{partition},"value":{value}}}"#);
        let answer = pipeline
            .post("/topics/v.geo/partitions/2", format!(r#"{{"records":[{{"value":{value}}},{record}]}}"#))
            .await;
        assert_eq!(answer.json()["offsets"][0]["partition"], 2);
        assert_eq!(answer.json()["offsets"][1]["partition"], partition, "{at}: a record's own partition wins");
    }
}

/// `MurmurHash2` with Kafka's seed, from the algorithm's description: nothing here shares code with the producer.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ u32::try_from(data.len()).unwrap();
    let mut chunks = data.chunks_exact(4);
    for chunk in chunks.by_ref() {
        let mut word = u32::from_le_bytes(chunk.try_into().unwrap()).wrapping_mul(M);
        word = (word ^ (word >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ word;
    }
    let rest = chunks.remainder();
    if !rest.is_empty() {
        let word = rest.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        hash = (hash ^ word).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

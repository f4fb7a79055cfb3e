//! The bodies of a stream.

use std::sync::LazyLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use bolero::check;
use serde_json::Value;

use crate::front::Front;

static FRONT: LazyLock<Front> = LazyLock::new(Front::new);

/// The entries of a body that both APIs accept, parsed as a tree.
fn entries(body: &[u8], is_list: bool) -> Vec<Value> {
    let mut body: Value = serde_json::from_slice(body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)).unwrap();
    if !is_list {
        return vec![body];
    }
    let list = if body["Records"].is_null() { body["records"].take() } else { body["Records"].take() };
    let Value::Array(entries) = list else { panic!("no list: {body}") };
    entries
}

/// The row that `Data` stands for.
fn row(data: &Value) -> Value {
    let Value::String(text) = data else { return data.clone() };
    serde_json::from_str(text).unwrap_or_else(|_| {
        let unpadded = text.trim_end_matches('=');
        let padded = format!("{unpadded}{}", "=".repeat(unpadded.len().wrapping_neg() % 4));
        serde_json::from_slice(&STANDARD.decode(padded).unwrap()).unwrap()
    })
}

/// Each entry of an accepted body is written, with its row and its key; of any other body nothing is.
#[test]
fn fuzz() {
    check!(name = "streams").for_each(|body: &[u8]| {
        for (path, is_list) in [("/streams/streaming-u-geo/record", false), ("/streams/streaming-u-geo/records", true)]
        {
            let answer = FRONT.post(path, "application/json", body);
            if answer.status != 200 {
                assert!([400, 413, 422].contains(&answer.status), "{}: {}", answer.status, answer.body);
                assert!(answer.body.contains("\"__type\":"), "{}", answer.body);
                assert_eq!(answer.written, [], "refused, and written");
                continue;
            }
            // The tree cannot read gzip, which the envelope's target covers.
            if body.starts_with(&[0x1f, 0x8b]) {
                continue;
            }
            let entries = entries(body, is_list);
            assert_eq!(entries.len(), answer.written.len());
            for (entry, record) in entries.iter().zip(&answer.written) {
                let member = |names: [&str; 2]| names.iter().map(|name| &entry[*name]).find(|value| !value.is_null());
                let written: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
                assert_eq!(written, row(member(["Data", "data"]).unwrap()));
                let key = std::str::from_utf8(record.key.as_ref().unwrap()).unwrap();
                match member(["PartitionKey", "partition-key"]) {
                    Some(Value::String(sent)) => assert_eq!(key, sent),
                    Some(sent) => assert!(body.windows(key.len()).any(|part| part == key.as_bytes()), "{sent}: {key}"),
                    None => assert!(key.parse::<u32>().is_ok(), "{key}"),
                }
            }
        }
    });
}

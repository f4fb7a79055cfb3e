//! A whole request body.

use std::{borrow::Cow, io::Read, sync::LazyLock};

use bolero::check;
use flate2::read::MultiGzDecoder;
use serde_json::Value;

use crate::{compact::compact, front::Front};

static FRONT: LazyLock<Front> = LazyLock::new(Front::new);

/// Parses a body into a tree, and returns each record's key, if it has one, value and number of headers.
fn sent(body: &[u8]) -> Vec<(Option<Value>, Value, usize)> {
    let mut envelope: Value = serde_json::from_slice(body).unwrap();
    let Value::Array(records) = envelope["records"].take() else { panic!("no records: {}", body.escape_ascii()) };
    let record = |mut record: Value| {
        let headers = record["headers"].as_array().map_or(0, Vec::len);
        (record.get_mut("key").map(Value::take), record["value"].take(), headers)
    };
    records.into_iter().map(record).collect()
}

fn inflated(body: &[u8]) -> Cow<'_, [u8]> {
    if !body.starts_with(&[0x1f, 0x8b]) {
        return body.into();
    }
    let mut inflated = Vec::new();
    MultiGzDecoder::new(body).read_to_end(&mut inflated).unwrap();
    inflated.into()
}

/// A body without its byte order mark, which is not part of its JSON.
fn unmarked(body: &[u8]) -> &[u8] {
    body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body)
}

/// A body is written byte for byte or not at all.
#[test]
fn fuzz() {
    check!(name = "envelope").for_each(|body: &[u8]| {
        let answer = FRONT.post("/topics/u.geo", "application/vnd.kafka.json.v2+json", body);
        if answer.status != 200 {
            assert!([400, 413, 422].contains(&answer.status), "{}: {}", answer.status, answer.body);
            assert_eq!(answer.written, [], "refused, and written");
            return;
        }
        let body = inflated(body);
        let body = unmarked(&body);
        let (sent, letters) = (sent(body), compact(body));
        assert_eq!(sent.len(), answer.written.len());
        for ((key, value, headers), record) in sent.into_iter().zip(&answer.written) {
            let written = record.value.as_ref().unwrap();
            assert_eq!(record.headers.len(), headers);
            assert_eq!(serde_json::from_slice::<Value>(written).unwrap(), value);
            assert!(letters.windows(written.len()).any(|part| part == written), "{}", written.escape_ascii());
            let key_written: Value = serde_json::from_slice(record.key.as_ref().unwrap()).unwrap();
            if let Some(key) = key.filter(|key| !key.is_null()) {
                assert_eq!(key_written, key);
            }
        }
    });
}

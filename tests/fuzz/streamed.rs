//! The API v3's stream of records.

use std::sync::LazyLock;

use bolero::check;
use serde_json::{Value, value::RawValue};

use crate::front::Front;

static FRONT: LazyLock<Front> = LazyLock::new(Front::new);

/// The values of a stream, each perhaps behind whitespace, a byte order mark and whitespace; `None` for what is no JSON, which
/// ends it. (One that is none to the letter does not.)
fn sent(mut body: &str) -> Vec<Option<&str>> {
    const WHITESPACE: [char; 4] = [' ', '\n', '\r', '\t'];
    let mut sent = Vec::new();
    loop {
        body = body.trim_start_matches(WHITESPACE).trim_start_matches('\u{feff}').trim_start_matches(WHITESPACE);
        let mut values = serde_json::Deserializer::from_str(body).into_iter::<&RawValue>();
        match values.next() {
            None => return sent,
            Some(Ok(value)) => {
                sent.push(Some(value.get()));
                body = &body[values.byte_offset()..];
            }
            Some(Err(_)) => {
                sent.push(None);
                return sent;
            }
        }
    }
}

/// Each record of a stream is told of, and those that are told as written are.
#[test]
fn fuzz() {
    check!(name = "streamed").for_each(|body: &[u8]| {
        let answer = FRONT.post("/v3/clusters/c/topics/u.geo/records", "application/json", body);
        if answer.status != 200 {
            assert!([400, 413, 422].contains(&answer.status), "{}: {}", answer.status, answer.body);
            assert_eq!(answer.written, [], "refused, and written");
            return;
        }
        let told: Vec<Value> = answer.body.split("\r\n").map(|told| serde_json::from_str(told).unwrap()).collect();
        let sent = sent(std::str::from_utf8(body).unwrap());
        assert_eq!(told.len(), sent.len(), "{}", answer.body);
        let mut written = answer.written.iter();
        for (told, sent) in told.iter().zip(sent) {
            if told["error_code"] != 200 {
                continue;
            }
            let record = written.next().unwrap();
            let sent: Value = serde_json::from_str(sent.unwrap()).unwrap();
            let value: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            if sent["value"]["type"] == "JSON" {
                assert_eq!(value, sent["value"]["data"]);
            }
        }
        assert_eq!(written.next(), None, "written, and not told of");
    });
}

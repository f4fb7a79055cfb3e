//! The stream of records of API v3.

use std::sync::LazyLock;

use bolero::check;
use serde_json::{Value, value::RawValue};

use crate::front::Front;

static FRONT: LazyLock<Front> = LazyLock::new(Front::new);

/// The values of a stream. Whitespace, a byte order mark and more whitespace may precede each. `None` stands for a syntax
/// error, which ends the stream; an invalid value without one, such as a number out of range, does not.
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

/// Each record of a stream has a result, and those with the result 200 are written.
#[test]
fn fuzz() {
    check!(name = "streamed").for_each(|body: &[u8]| {
        let answer = FRONT.post("/v3/clusters/c/topics/u.geo/records", "application/json", body);
        if answer.status != 200 {
            assert!([400, 413, 422].contains(&answer.status), "{}: {}", answer.status, answer.body);
            assert_eq!(answer.written, [], "refused, and written");
            return;
        }
        let results: Vec<Value> =
            answer.body.split("\r\n").map(|result| serde_json::from_str(result).unwrap()).collect();
        let sent = sent(std::str::from_utf8(body).unwrap());
        assert_eq!(results.len(), sent.len(), "{}", answer.body);
        let mut written = answer.written.iter();
        for (result, sent) in results.iter().zip(sent) {
            if result["error_code"] != 200 {
                continue;
            }
            let record = written.next().unwrap();
            let sent: Value = serde_json::from_str(sent.unwrap()).unwrap();
            let value: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            if sent["value"]["type"] == "JSON" {
                assert_eq!(value, sent["value"]["data"]);
            }
        }
        assert_eq!(written.next(), None, "written without a result");
    });
}

//! The API v3's stream of records.

use std::sync::LazyLock;

use bolero::check;
use serde_json::{Value, value::RawValue};

use crate::front::Front;

static FRONT: LazyLock<Front> = LazyLock::new(Front::new);

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
        // One that is no JSON to the letter does not end the stream.
        let sent: Vec<_> = serde_json::Deserializer::from_slice(body).into_iter::<&RawValue>().collect();
        assert_eq!(told.len(), sent.len(), "{}", answer.body);
        let mut written = answer.written.iter();
        for (told, sent) in told.iter().zip(sent) {
            if told["error_code"] != 200 {
                continue;
            }
            let record = written.next().unwrap();
            let sent: Value = serde_json::from_str(sent.unwrap().get()).unwrap();
            let value: Value = serde_json::from_slice(record.value.as_ref().unwrap()).unwrap();
            if sent["value"]["type"] == "JSON" {
                assert_eq!(value, sent["value"]["data"]);
            }
        }
        assert_eq!(written.next(), None, "written, and not told of");
    });
}

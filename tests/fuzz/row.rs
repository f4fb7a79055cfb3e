//! A record's value against each kind.

use std::sync::LazyLock;

use bolero::check;
use http::Request;
use http_body_util::BodyExt;
use jsonschema::Validator;
use serde_json::{Value, json};
use shared::{
    json::compact,
    kind::{CATALOG, Cell, Cleaner, Invalid, JOIN_KEYS, Kind},
};
use tower::ServiceExt;

use crate::front::Front;

/// Each kind with its rows' schema in the OpenAPI document that clients use.
static KINDS: LazyLock<Vec<(&'static Kind, Validator)>> = LazyLock::new(|| {
    let front = Front::new();
    let (runtime, recorder) = front.parts();
    let document: Value = runtime.block_on(async {
        let request = Request::get("/openapi.json").body(axum::body::Body::empty()).unwrap();
        let response = recorder.router().oneshot(request).await.unwrap();
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
    });
    let schema = |kind: &Kind| {
        let (first, rest) = kind.name.split_at(1);
        let reference = format!("#/components/schemas/{}{rest}", first.to_uppercase());
        jsonschema::validator_for(&json!({ "$ref": reference, "components": document["components"] })).unwrap()
    };
    CATALOG.iter().map(|kind| (*kind, schema(kind))).collect()
});

/// The join keys in a table of this value. Each row has a cell for each column.
fn cleaned(kind: &'static Kind, text: &str) -> Vec<Option<i64>> {
    let cleaner = Cleaner::new(kind);
    let mut keys = Vec::new();
    cleaner.clean(&compact(text), |cells| {
        assert_eq!(cells.len(), cleaner.columns().count(), "{kind}: {text}");
        keys.push(match &cells[0] {
            Cell::Integer(key) => Some((*key).into()),
            Cell::Null => None,
            other => panic!("{kind}: {text}: {other:?}"),
        });
    });
    keys
}

/// An accepted value is a row that the OpenAPI document allows, or a list of such rows; its join key is the first row's. In a table it
/// has a row for each. Any other JSON value has at least one row there.
#[test]
fn fuzz() {
    check!(name = "row").for_each(|bytes: &[u8]| {
        let Ok(text) = str::from_utf8(bytes) else { return };
        let value = serde_json::from_str::<Value>(text).ok();
        for (kind, schema) in &*KINDS {
            assert!(value.is_none() || !cleaned(kind, text).is_empty(), "{kind}: {text}");
            let join_key = match kind.check(text) {
                Err(Invalid::NotJson(error)) => {
                    assert_eq!(value, None, "{error}: {text}");
                    continue;
                }
                Err(Invalid::Rules(broken)) => {
                    assert!(
                        value.is_some() && broken.count >= broken.listed.len() && !broken.listed.is_empty(),
                        "{text}"
                    );
                    continue;
                }
                Ok(join_key) => join_key.0,
            };
            let rows = match value.as_ref().unwrap() {
                Value::Array(rows) => rows.as_slice(),
                row => std::slice::from_ref(row),
            };
            for row in rows {
                assert!(schema.is_valid(row), "{kind}: {text}: {:?}", schema.iter_errors(row).collect::<Vec<_>>());
            }
            let join_keys: Vec<_> = JOIN_KEYS.iter().filter_map(|name| rows[0].get(name)).map(number).collect();
            assert!(!join_keys.is_empty() && join_keys.iter().all(|key| *key == join_key), "{kind}: {text}");
            let cleaned = cleaned(kind, text);
            assert_eq!((cleaned.len(), cleaned[0]), (rows.len(), Some(join_key)), "{kind}: {text}");
            assert!(cleaned.iter().all(Option::is_some), "{kind}: {text}");
        }
    });
}

/// A value, or the number in its text, as a whole number.
#[expect(clippy::cast_possible_truncation, reason = "a join key has 31 bits")]
fn number(value: &Value) -> i64 {
    value.as_f64().unwrap_or_else(|| value.as_str().unwrap().parse().unwrap()) as i64
}

//! The members without which clients that are generated from the REST Proxy's document of its API v3 refuse an answer:
//! `required.json` lists them by operation. `[]` stands for each element, `?` for a member that may be missing as a whole.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::Body;
use serde_json::Value;
use vectors::{Names, Need};

use crate::{
    contract::vectors,
    support::{openapi::OpenApi, pipeline::answer, recorder::Recorder},
};

/// The part of a path of members that a value lacks, if it lacks any. Null is no value.
fn lacks<'p>(value: &Value, path: &'p str) -> Option<&'p str> {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    let name = first.trim_end_matches("[]").trim_end_matches('?');
    match &value[name] {
        Value::Null => (!first.ends_with('?')).then_some(path),
        Value::Array(list) if first.ends_with("[]") => list.iter().find_map(|element| lacks(element, rest?)),
        _ if first.ends_with("[]") => Some(path),
        member => lacks(member, rest?),
    }
}

#[tokio::test]
async fn every_response_has_the_members_that_generated_clients_require() {
    let required: BTreeMap<String, Vec<String>> = serde_json::from_str(include_str!("required.json")).unwrap();
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    let names = Names::new("u", &["u.pin".to_owned(), "u.geo".to_owned(), "u.user".to_owned()]);
    let mut held = BTreeSet::new();
    for vector in vectors().iter().filter(|vector| !vector.needs.contains(&Need::ThreePartitions)) {
        let request = vector.request(&names).unwrap();
        let (method, path) = (request.method().to_string(), request.uri().path().to_owned());
        let Some(operation) = openapi.find(&method, &path).filter(|of| of.path.starts_with("/v3/")) else { continue };
        let answer = answer(&router, request.map(Body::from)).await;
        for json in serde_json::Deserializer::from_str(&answer.body).into_iter::<Value>() {
            let json = json.unwrap();
            let is_error = !answer.status.is_success() || json["error_code"].as_u64().is_some_and(|code| code != 200);
            let shape = if is_error { "error".to_owned() } else { format!("{} {}", operation.method, operation.path) };
            for member in &required[&shape] {
                assert_eq!(lacks(&json, member), None, "{vector}: {shape}: {json}");
                held.insert((shape.clone(), member.clone()));
            }
        }
    }
    let all = required.iter().flat_map(|(shape, members)| members.iter().map(|member| (shape.clone(), member.clone())));
    assert_eq!(held, all.collect(), "every member is held to an answer");
}

#[test]
fn a_member_that_is_missing_or_null_is_found() {
    let json = serde_json::json!({"a": {"b": 1}, "c": [{"d": 1}, {"d": null}], "e": null});
    for (path, missing) in [
        ("a.b", None),
        ("a.x", Some("x")),
        ("x.b", Some("x.b")),
        ("x?.b", None),
        ("a?.x", Some("x")),
        ("c[].d", Some("d")),
        ("a[].b", Some("a[].b")),
        ("e", Some("e")),
    ] {
        assert_eq!(lacks(&json, path), missing, "{path}");
    }
}

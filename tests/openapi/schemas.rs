//! The schemas match the accepted requests, and the examples are correct.

use std::collections::BTreeSet;

use serde_json::Value;
use shared::kind::{CATALOG, Kind};
use vectors::Vector;

use super::{names, send};
use crate::{
    contract::vectors,
    support::{
        openapi::OpenApi,
        pipeline::{BINARY, JSON},
        recorder::Recorder,
    },
};

/// The bodies of the vectors of some files as JSON, with the kinds of their topics.
fn bodies(file: &str) -> Vec<(&'static Vector, Value, &'static Kind)> {
    let body = |vector: &'static Vector| {
        let request = vector.request(&names()).unwrap();
        let kind = CATALOG.iter().find(|kind| request.uri().path().ends_with(&format!("u.{kind}")))?;
        Some((vector, serde_json::from_slice(request.body()).ok()?, *kind))
    };
    vectors().iter().filter(|vector| vector.file.starts_with(file)).filter_map(body).collect()
}

#[tokio::test]
async fn the_schemas_allow_every_accepted_row() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let accepted = bodies("accepted-");
    assert!(accepted.len() > 40, "{}", accepted.len());
    for (vector, body, _) in accepted {
        let problems = openapi.problems(&openapi.0["components"]["schemas"]["Records"], &body);
        assert_eq!(problems, <[String; 0]>::default(), "{vector}");
    }
}

#[tokio::test]
async fn the_schemas_forbid_every_refused_row_as_far_as_a_schema_can() {
    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let refused = bodies("refused");
    assert!(refused.len() > 40, "{}", refused.len());
    for (vector, body, kind) in refused {
        let row = kind.name[..1].to_uppercase() + &kind.name[1..];
        let row = &openapi.0["components"]["schemas"][row];
        let rejected = |value: &Value| !openapi.problems(row, value).is_empty();
        let rejected =
            body["records"].as_array().is_none_or(|records| records.iter().any(|record| rejected(&record["value"])));
        let said = vector.answers(&names()).unwrap();
        // A number in a string has no bounds there, the calendar is none of a pattern's, and names are read once.
        let bounded = said.split("; it is the string \\\"").skip(1);
        let bounded = bounded.filter_map(|rest| rest.split('\\').next()?.parse::<f64>().ok()).count() > 0;
        let inexpressible =
            ["is not an existing date", "differs from", "appears more than once", " fields, more than "];
        assert!(
            rejected || bounded || inexpressible.iter().any(|inexpressible| said.contains(inexpressible)),
            "{vector}: {body:.300}\n{said}"
        );
    }
}

#[tokio::test]
async fn every_example_of_a_request_is_written_to_the_topic_of_its_kind() {
    let recorder = Recorder::default();
    let router = recorder.router();
    let openapi = OpenApi::of(&router).await;
    let at = openapi.operation("post", "/topics/{topic}");
    let content = openapi.resolve(&at.described["requestBody"])["content"].as_object().unwrap();
    let mut kinds = BTreeSet::new();
    for (content_type, described) in content {
        for (name, example) in described["examples"].as_object().unwrap() {
            let body = &openapi.resolve(example)["value"];
            assert_eq!(openapi.problems(&described["schema"], body), <[String; 0]>::default(), "{name}");
            let kind = name.split('-').next().unwrap();
            let answer = send(&router, "post", &format!("/topics/u.{kind}"), content_type, body.to_string()).await;
            assert_eq!(answer.status, 200, "{name}: {}", answer.body);
            assert_eq!(recorder.take().len(), body["records"].as_array().unwrap().len(), "{name}");
            openapi.assert_describes(&at, &answer);
            kinds.insert(kind.to_owned());
        }
    }
    assert_eq!(kinds, CATALOG.iter().map(|kind| kind.name.to_owned()).collect());
    let types = content.keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(types, [JSON, BINARY, "application/json"].into());
}

#[tokio::test]
async fn every_v3_example_gets_the_results_it_shows() {
    let recorder = Recorder::default();
    let router = recorder.router();
    let openapi = OpenApi::of(&router).await;
    for (path, written) in [("records", [1, 1].as_slice()), ("records:batch", &[1])] {
        let at = openapi.operation("post", &format!("/v3/clusters/{{cluster_id}}/topics/{{topic}}/{path}"));
        let described = &at.described["requestBody"]["content"]["application/json"];
        let examples = described["examples"].as_object().unwrap();
        assert_eq!(examples.len(), written.len());
        for ((name, example), written) in examples.iter().zip(written) {
            let body = &openapi.resolve(example)["value"];
            assert_eq!(openapi.problems(&described["schema"], body), <[String; 0]>::default(), "{name}");
            let path = format!("/v3/clusters/c/topics/u.geo/{path}");
            let answer = send(&router, "post", &path, "application/json", body.to_string()).await;
            openapi.assert_describes(&at, &answer);
            assert_eq!(recorder.take().len(), *written, "{name}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn every_example_of_an_error_is_the_apis_response() {
    let router = Recorder::default().router();
    let openapi = OpenApi::of(&router).await;
    let at = openapi.operation("post", "/topics/{topic}");
    let mut rejections = 0;
    for (status, response) in at.described["responses"].as_object().unwrap() {
        let examples = openapi.resolve(response)["content"]["application/json"]["examples"].as_object();
        for (name, example) in examples.into_iter().flatten() {
            // Those of records that Kafka did not take were sent nowhere.
            let Some(sent) = example["description"].as_str() else { continue };
            let (to, body) = sent.strip_suffix("\n```").unwrap().split_once(":\n\n```json\n").unwrap();
            let mut words = to.split('`').skip(1).step_by(2);
            let (topic, content_type) = (words.next().unwrap(), words.next().unwrap_or(JSON));
            let answer = send(&router, "post", &format!("/topics/{topic}"), content_type, body.to_owned()).await;
            assert_eq!((answer.status.as_str(), answer.json()), (status.as_str(), example["value"].clone()), "{name}");
            openapi.assert_describes(&at, &answer);
            rejections += 1;
        }
    }
    let listed: Vec<Value> =
        serde_json::from_str(include_str!("../../functions/ingest/src/openapi/rejections.json")).unwrap();
    assert_eq!(rejections, listed.len(), "one of them is none");
}

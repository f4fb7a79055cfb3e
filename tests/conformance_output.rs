//! The output of `make conformance`, for an API that passes and for each difference.

use axum::http::StatusCode;
use serde_json::json;
use tokio::net::TcpListener;
use vectors::Need;

use crate::{
    contract::vectors,
    support::{
        local::Local,
        program::{ProgramOutput, start, wait_for_exit},
        stub::{Stub, StubResponse},
    },
};

async fn conformance(args: &[&str]) -> ProgramOutput {
    wait_for_exit(start("conformance", args).await).await
}

#[tokio::test]
async fn local_with_rest_proxy_settings_passes_every_vector_and_the_skipped_ones_are_listed() {
    let set = ["--pass-through", "clicks", "--statuses", "confluent"];
    let shared = ["--shared-stream", "Kinesis-Prod-Stream=demo"];
    let local = Local::start(&[&["--posts-per-second", "0", "--allow-origin", "*"], &set[..], &shared].concat()).await;
    let url = format!("http://{}/", local.address);
    let gives = [Need::Bytes, Need::ExactPaths, Need::AnyMethod, Need::LargeBodies, Need::SmallRecords].map(Need::name);
    let gives: Vec<_> = gives.into_iter().flat_map(|need| ["--gives", need]).collect();
    let shared = ["--shared-stream", "Kinesis-Prod-Stream"];
    let out = conformance(&[&[url.as_str()], &set[..], &shared, &gives[..]].concat()).await;
    assert_eq!(out.code, Some(0), "{}{}", out.stdout, out.stderr);
    let lacks = [Need::ThreePartitions, Need::HonestStatuses];
    let skipped: Vec<_> = vectors()
        .iter()
        .filter_map(|vector| Some((vector, vector.needs.iter().find(|need| lacks.contains(need))?)))
        .collect();
    for (vector, need) in &skipped {
        let line = format!("skipped {vector} (needs {})\n", need.name());
        assert!(out.stdout.contains(&line), "{line}: {}", out.stdout);
    }
    let run = vectors().len() - skipped.len();
    let end = format!("All {run} vectors passed; {} skipped.\n", skipped.len());
    assert!(out.stdout.ends_with(&end), "{}", out.stdout);
    let written = local.stop().await.figure(" records written");
    let start = format!("Writing {written} records to the topics of demo and to clicks. ");
    assert!(out.stdout.starts_with(&start), "{}", out.stdout);
}

#[tokio::test]
async fn each_difference_is_reported_with_its_request() {
    let written = json!({"partition": 0, "offset": -1, "error_code": null, "error": null});
    let geo = StubResponse::ok(&json!({"offsets": [written], "key_schema_id": null, "value_schema_id": null}));
    let root = StubResponse::ok(&json!(["demo.geo", "demo.pin", "demo.user"]));
    let user = StubResponse::error(StatusCode::FORBIDDEN, "E", "Forbidden");
    let streams = StubResponse::ok(&json!({"StreamNames": ["streaming-demo-geo"], "HasMoreStreams": false}));
    let api =
        Stub::start([("/topics", vec![root]), ("/streams", vec![streams]), (".geo", vec![geo]), (".user", vec![user])])
            .await;
    let out = conformance(&[api.address(), "--api-key", "k3y", "--only", "is posted to its topic"]).await;
    assert_eq!(out.code, Some(1), "{}{}", out.stdout, out.stderr);
    for expected in [
        "FAILED  routes: 3 of 3 vectors",
        "routes: a geo record is posted to its topic\n    POST /topics/demo.geo\n",
        "    body.offsets[0].offset\n      expected  a whole number from 0\n      found     -1\n",
        "    status\n      expected  200\n      found     403\n",
        "    header access-control-allow-origin\n      expected  *\n",
    ] {
        assert!(out.stdout.contains(expected), "{expected}: {}", out.stdout);
    }
    assert!(out.stdout.ends_with("\n3 of 3 vectors FAILED; 0 skipped.\n"), "{}", out.stdout);
    assert!(!out.stdout.contains("k3y"), "{}", out.stdout);
    let keys: Vec<_> = api.requests().iter().map(|request| request.header("x-api-key").map(str::to_owned)).collect();
    assert_eq!(keys, vec![Some("k3y".to_owned()); 5], "each request has the key");
}

#[tokio::test]
async fn an_api_that_can_run_no_vector_is_a_one_line_error() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let closed = format!("http://{closed}");
    let other = Stub::start([("/topics", vec![StubResponse::ok(&json!({"hello": "world"}))])]).await;
    let root = StubResponse::ok(&json!(["demo.geo", "demo.pin", "demo.user"]));
    let api = Stub::start([("/topics", vec![root])]).await;
    for (args, expected) in [
        (&[][..], "error: no URL: make conformance URL=https://"),
        (&[closed.as_str()], "cannot be reached"),
        (
            &[other.address()],
            "does not list its topics; is this URL an API of this project? 200 OK: {\"hello\":\"world\"}",
        ),
        (
            &[api.address(), "--user-id", "me"],
            "me has no topics: set --user-id to the first part of one of demo.geo, demo.pin",
        ),
        (&[api.address(), "--pass-through", "p"], "no topic p: set --pass-through to one of demo.geo, demo.pin"),
        (&[api.address(), "--pass-through", "demo.pin"], "demo.pin validates its records"),
        (&[api.address(), "--shared-stream", "s"], "no stream s: set --shared-stream to one of "),
        (&[api.address(), "--gives", "pass-through"], "--gives pass-through: use --pass-through instead"),
        (&[api.address(), "--gives", "gold"], "unknown need `gold`; there are bytes, "),
    ] {
        let out = conformance(args).await;
        assert!(matches!(out.code, Some(1 | 2)), "{expected}: {}", out.stdout);
        assert!(out.stderr.lines().next().unwrap().contains(expected), "{expected}: {}", out.stderr);
    }
    let out = conformance(&[api.address(), "--only", "no vector is called so"]).await;
    assert_eq!((out.code, out.stdout.lines().last()), (Some(1), Some("No vector ran.")));
}

#[tokio::test]
async fn help_lists_the_flags() {
    let out = conformance(&["--help"]).await;
    assert_eq!(out.code, Some(0));
    for flag in ["--user-id", "--pass-through", "--shared-stream", "--statuses", "--api-key", "--gives", "--only"] {
        assert!(out.stdout.contains(flag), "{}", out.stdout);
    }
}

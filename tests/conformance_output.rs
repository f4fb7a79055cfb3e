//! `make conformance` finds an API that keeps the contract as it should be, and of another one names each difference.

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
async fn local_as_the_rest_proxy_keeps_every_vector_and_is_told_which_were_skipped() {
    let set = ["--pass-through", "clicks", "--statuses", "confluent"];
    let local = Local::start(&[&["--posts-per-second", "0"], &set[..]].concat()).await;
    let url = format!("http://{}/", local.address);
    let gives = [Need::Bytes, Need::ExactPaths, Need::AnyMethod, Need::LargeBodies, Need::SmallRecords].map(Need::name);
    let gives: Vec<_> = gives.into_iter().flat_map(|need| ["--gives", need]).collect();
    let said = conformance(&[&[url.as_str()], &set[..], &gives[..]].concat()).await;
    assert_eq!(said.code, Some(0), "{}{}", said.stdout, said.stderr);
    let lacks = [Need::ThreePartitions, Need::HonestStatuses];
    let skipped: Vec<_> = vectors()
        .iter()
        .filter_map(|vector| Some((vector, vector.needs.iter().find(|need| lacks.contains(need))?)))
        .collect();
    for (vector, need) in &skipped {
        let line = format!("skipped {vector} (needs {})\n", need.name());
        assert!(said.stdout.contains(&line), "{line}: {}", said.stdout);
    }
    let run = vectors().len() - skipped.len();
    let end = format!("All of {run} vectors are kept; {} were skipped.\n", skipped.len());
    assert!(said.stdout.ends_with(&end), "{}", said.stdout);
    let written = local.stop().await.figure(" records written");
    let goes = format!("{written} records go to the topics of demo and to clicks. ");
    assert!(said.stdout.starts_with(&goes), "{}", said.stdout);
}

#[tokio::test]
async fn each_difference_is_told_with_its_request() {
    let written = json!({"partition": 0, "offset": -1, "error_code": null, "error": null});
    let geo = StubResponse::ok(&json!({"offsets": [written], "key_schema_id": null, "value_schema_id": null}));
    let root = StubResponse::ok(&json!(["demo.geo", "demo.pin", "demo.user"]));
    let user = StubResponse::error(StatusCode::FORBIDDEN, "E", "Forbidden");
    let api = Stub::start([("/topics", vec![root]), (".geo", vec![geo]), (".user", vec![user])]).await;
    let out = conformance(&[api.address(), "--api-key", "k3y", "--only", "is posted to its topic"]).await;
    assert_eq!(out.code, Some(1), "{}{}", out.stdout, out.stderr);
    for said in [
        "BROKEN  routes: 3 of 3 vectors",
        "routes: a geo record is posted to its topic\n    POST /topics/demo.geo\n",
        "    body.offsets[0].offset\n      expected  a whole number from 0\n      found     -1\n",
        "    status\n      expected  200\n      found     403\n",
        "    header access-control-allow-origin\n      expected  *\n",
    ] {
        assert!(out.stdout.contains(said), "{said}: {}", out.stdout);
    }
    assert!(out.stdout.ends_with("\n3 of 3 vectors are NOT kept; 0 were skipped.\n"), "{}", out.stdout);
    assert!(!out.stdout.contains("k3y"), "{}", out.stdout);
    let keys: Vec<_> = api.requests().iter().map(|asked| asked.header("x-api-key").map(str::to_owned)).collect();
    assert_eq!(keys, vec![Some("k3y".to_owned()); 4], "each request has the key");
}

#[tokio::test]
async fn an_api_on_which_nothing_can_be_run_is_told_in_one_line() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let nobody = format!("http://{nobody}");
    let other = Stub::start([("/topics", vec![StubResponse::ok(&json!({"hello": "world"}))])]).await;
    let root = StubResponse::ok(&json!(["demo.geo", "demo.pin", "demo.user"]));
    let api = Stub::start([("/topics", vec![root])]).await;
    for (args, said) in [
        (&[][..], "error: no URL: make conformance URL=https://"),
        (&[nobody.as_str()], "cannot be reached"),
        (&[other.address()], "does not name its topics; is it an API of this project? 200 OK: {\"hello\":\"world\"}"),
        (&[api.address(), "--user-id", "me"], "there are no topics of me: --user-id names one of demo.geo, demo.pin"),
        (
            &[api.address(), "--pass-through", "p"],
            "there is no topic p: --pass-through names one of demo.geo, demo.pin",
        ),
        (&[api.address(), "--pass-through", "demo.pin"], "the records of demo.pin are validated"),
        (&[api.address(), "--gives", "pass-through"], "--gives pass-through: say it with --pass-through"),
        (&[api.address(), "--gives", "gold"], "no need is called `gold`; there are bytes, "),
    ] {
        let out = conformance(args).await;
        assert!(matches!(out.code, Some(1 | 2)), "{said}: {}", out.stdout);
        assert!(out.stderr.lines().next().unwrap().contains(said), "{said}: {}", out.stderr);
    }
    let out = conformance(&[api.address(), "--only", "no vector is called so"]).await;
    assert_eq!((out.code, out.stdout.lines().last()), (Some(1), Some("No vector was run.")));
}

#[tokio::test]
async fn help_says_what_there_is() {
    let out = conformance(&["--help"]).await;
    assert_eq!(out.code, Some(0));
    for flag in ["--user-id", "--pass-through", "--statuses", "--api-key", "--gives", "--only"] {
        assert!(out.stdout.contains(flag), "{}", out.stdout);
    }
}

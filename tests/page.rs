//! The documentation page under `/docs`: it works in a browser, from `local` and below a stage of API Gateway, and loads
//! nothing from other hosts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::Body,
    http::{Request, header},
};
use ingest::event;
use serde::Deserialize;
use serde_json::Value;
use shared::kind::GEO;
use stack::{
    gateway::{Api, Gateway},
    lambda::{Function, Lambda, built, deployed_timeout},
    ports::free_port,
};
use tokio::process::Command;

use crate::support::{
    self, gateway,
    local::{Local, output},
    openapi::OpenApi,
    pipeline::{Answer, answer, envelope},
    recorder::Recorder,
    rows::with,
    template::workspace,
};

/// The widths of a desktop and a phone, in pixels.
const WIDTHS: [u32; 2] = [1280, 390];

/// Swagger UI's files below `/docs/`, with their content types.
const FILES: [(&str, &str); 2] = [("swagger-ui.css", "text/css"), ("swagger-ui-bundle.js", "text/javascript")];

/// The output of `page.mjs`.
#[derive(Deserialize)]
struct Seen {
    /// `POST /topics/{topic}`
    operations: BTreeSet<String>,
    /// Console messages and failed requests.
    messages: Vec<String>,
    requests: Vec<Sent>,
    /// The page's view of the response to the request that it sent.
    status: u16,
    body: String,
    /// The content's width in pixels.
    wide: u32,
}

#[derive(Deserialize)]
struct Sent {
    url: String,
    status: u16,
    key: Option<String>,
}

/// Opens the page at `path` of `api`, enters a key and sends the first example.
async fn assert_works(api: &str, path: &str, width: u32) {
    // By a name, because browsers treat loopback addresses specially.
    let api = api.replace("127.0.0.1", "api.example");
    let pictures = workspace("target/page");
    fs::create_dir_all(&pictures).unwrap();
    let mut node = Command::new("node");
    node.arg(workspace("tests/page/page.mjs")).arg(format!("{api}{path}")).arg(width.to_string());
    let printed = output(node.arg("a key").arg(pictures), "").await;
    let seen: Seen = serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"));

    let openapi = OpenApi::of(&Recorder::default().router()).await;
    let operations = openapi.operations().map(|at| format!("{} {}", at.method.to_uppercase(), at.path));
    assert_eq!(seen.operations, operations.collect());
    assert_eq!(seen.messages, <[String; 0]>::default(), "{path}");
    let of_page = FILES.map(|(name, _)| format!("{api}/docs/{name}"));
    let [css, script] = of_page;
    let expected =
        [format!("{api}{path}"), css, script, format!("{api}/openapi.json"), format!("{api}/topics/demo.geo")];
    let mut urls: Vec<_> = seen.requests.iter().map(|sent| sent.url.clone()).collect();
    urls.sort_by_key(|url| expected.iter().position(|expected| expected == url));
    assert_eq!(urls, expected, "in any order, and no others");
    for Sent { url, status, key } in &seen.requests {
        assert_eq!((*status, key.as_deref()), (200, url.contains("/topics/").then_some("a key")), "{url}");
    }
    assert_eq!(seen.status, 200, "{}", seen.body);
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body["offsets"].as_array().unwrap().len(), 1);
    assert_eq!(seen.wide, width, "to be scrolled sideways");
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_browser_shows_the_page_of_local_and_sends_a_record_from_it() {
    let local = Local::start_for_browser(&["--posts-per-second", "0"]).await;
    let address = format!("http://{}", local.address);
    for (stage, path) in [("", "/docs"), ("/test", "/docs/")] {
        for width in WIDTHS {
            assert_works(&format!("{address}{stage}"), path, width).await;
        }
    }
    let ended = local.stop().await;
    assert_eq!(ended.archived("demo.geo").len(), 4, "one of each page");
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_browser_shows_the_page_below_a_stage_of_api_gateway_and_sends_a_record_from_it() {
    let local = Local::start_without_emulator().await;
    let variables = fs::read_to_string(local.settings_file()).unwrap();
    let variables = variables.lines().filter_map(|line| line.split_once('='));
    let mut function = Function::new(&built("ingest").await.unwrap(), variables);
    function.timeout = deployed_timeout("ingest").unwrap();
    let lambda = Arc::new(Lambda::start(&function).await.unwrap());
    for api in [Api::rest("test"), Api::http("prod")] {
        let gateway = Gateway::start(Arc::clone(&lambda), api).await.unwrap();
        assert_works(&gateway.url(), "/docs", WIDTHS[0]).await;
    }
    assert_eq!(local.stop().await.archived("demo.geo").len(), 2, "one of each page");
}

/// The result that a page's script gets: the browser's type of response or error, and the parts that the script may read.
#[derive(Debug, PartialEq, Eq, Deserialize)]
struct Got {
    r#type: String,
    status: u16,
    text: String,
}

/// The results of `foreign.mjs`.
#[derive(Debug, Deserialize)]
struct Foreign {
    read: Got,
    topics: Got,
    preflighted: Got,
    simple: Got,
    #[serde(rename = "reboundRead")]
    rebound_read: Got,
    #[serde(rename = "reboundPost")]
    rebound_post: Got,
    framed: BTreeMap<String, String>,
}

/// Has a page of another origin try `local`.
async fn foreign(local: &Local, port: u16) -> Foreign {
    let pictures = workspace("target/page");
    fs::create_dir_all(&pictures).unwrap();
    let row = envelope(&[&with(&GEO, &[])]);
    let mut node = Command::new("node");
    node.arg(workspace("tests/page/foreign.mjs")).args([format!("http://{}", local.address), row]);
    node.arg(pictures).arg(port.to_string());
    let printed = output(&mut node, "").await;
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_page_of_another_origin_can_neither_read_nor_write_nor_frame_local_even_under_a_rebound_name() {
    let local = Local::start_without_emulator().await;
    let foreign = foreign(&local, free_port().unwrap()).await;
    for (what, got) in [("read", &foreign.read), ("topics", &foreign.topics), ("preflighted", &foreign.preflighted)] {
        assert_eq!(got.r#type, "TypeError", "{what}: {got:?}");
    }
    // The browser sends it and hides the answer.
    let simple = &foreign.simple;
    assert!(simple.text.is_empty() && simple.status == 0, "{simple:?}");
    for (what, got) in [("read", &foreign.rebound_read), ("post", &foreign.rebound_post)] {
        assert_eq!(got.status, 421, "{what}: {got:?}");
        assert!(got.text.contains("does not accept the host evil.example"), "{what}: {got:?}");
    }
    assert_eq!(foreign.framed, ["/", "/docs"].map(|path| (path.to_owned(), "refused".to_owned())).into());
    let ended = local.stop().await;
    assert_eq!(ended.figure(" records written"), 0, "{}", ended.summary());
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_page_of_an_allowed_origin_reads_and_writes() {
    let port = free_port().unwrap();
    let origin = format!("http://evil.example:{port}");
    let allowed = ["--posts-per-second", "0", "--allow-origin", &origin, "--allow-host", "evil.example"];
    let local = Local::start(&allowed).await;
    let foreign = foreign(&local, port).await;
    for (what, got) in [
        ("read", &foreign.read),
        ("topics", &foreign.topics),
        ("preflighted", &foreign.preflighted),
        ("rebound read", &foreign.rebound_read),
        ("rebound post", &foreign.rebound_post),
    ] {
        assert_eq!(got.status, 200, "{what}: {got:?}");
    }
    assert!(foreign.topics.text.contains("demo.geo"), "{:?}", foreign.topics);
    assert_eq!(foreign.framed["/docs"], "refused", "a frame shows it to its visitor, not to the page");
    assert!(local.stop().await.figure(" records written") >= 2, "and the one without a type is refused for that");
}

async fn get(path: &str) -> Answer {
    answer(&Recorder::default().router(), Request::get(path).body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn the_page_and_its_files_have_content_types_and_cache_times() {
    let page = get("/docs/").await;
    assert_eq!((page.status.as_u16(), page.header(header::CONTENT_TYPE)), (200, "text/html; charset=utf-8"));
    assert_eq!(page.header(header::CACHE_CONTROL), "no-cache");
    assert_eq!(get("/openapi.json").await.header(header::CACHE_CONTROL), "no-cache");
    for (name, content_type) in FILES {
        let file = get(&format!("/test/docs/{name}")).await;
        let found = (file.status.as_u16(), file.header(header::CONTENT_TYPE), file.header(header::CACHE_CONTROL));
        assert_eq!(found, (200, format!("{content_type}; charset=utf-8").as_str(), "max-age=86400"));
        assert!(page.body.contains(&format!("/docs/{name}")), "{name} is not loaded");
        assert!(!file.body.contains("sourceMappingURL=swagger"), "{name}: its source map is not here");
    }
    let none = get("/docs/swagger-ui.css.map").await;
    assert_eq!(none.body, r#"{"error_code":404,"message":"HTTP 404 Not Found: the page is GET /docs"}"#);
}

#[tokio::test]
async fn the_page_cannot_load_anything_from_other_hosts() {
    let page = get("/docs").await;
    let policy = page.header(header::CONTENT_SECURITY_POLICY);
    assert_eq!(policy, "default-src 'self' 'unsafe-inline' data:; base-uri 'none'; frame-ancestors 'none'");
    assert!(!page.body.contains("://"), "an address: {}", page.body);
    for path in ["/docs", "/docs/swagger-ui-bundle.js", "/docs/swagger-ui.css"] {
        assert_eq!(get(path).await.header(header::X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn the_page_is_unchanged_in_an_events_response() {
    for path in ["/docs", "/docs/swagger-ui.css", "/docs/swagger-ui-bundle.js", "/openapi.json"] {
        let event =
            support::invocation(support::event(&gateway::v1("GET", path, "").to_string()), Duration::from_secs(28));
        let response = event::handle(&Recorder::default().app(), Duration::ZERO, event).await;
        let response = serde_json::to_value(&response).unwrap();
        assert_eq!((&response["statusCode"], &response["isBase64Encoded"]), (&200.into(), &false.into()), "{path}");
        assert!(response["body"] == get(path).await.body, "{path} has another text");
        // Lambda accepts 6 MB of JSON.
        assert!(response.to_string().len() < 6 * 1024 * 1024, "{path}");
    }
}

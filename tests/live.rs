//! The dashboard of `local`: it shows the pipeline's state, and its data are right.

use std::{collections::BTreeSet, fs, path::Path, process::Stdio, time::Duration};

use nix::sys::signal::Signal;
use reqwest::{Client, Response, header};
use serde::Deserialize;
use serde_json::{Value, json};
use shared::kind::{CATALOG, GEO};
use stack::kafka::{Kafka, Options};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    process::Command,
    time::{Instant, timeout},
};

use crate::support::{
    local::{Local, output},
    pipeline::envelope,
    rows::with,
    template::workspace,
};

/// Longer than any step takes on a busy machine.
const STEP_TIMEOUT: Duration = Duration::from_mins(1);

async fn get(local: &Local, path: &str, accept: &str) -> Response {
    let client = Client::builder().no_proxy().build().unwrap();
    client.get(format!("http://{}{path}", local.address)).header(header::ACCEPT, accept).send().await.unwrap()
}

pub(crate) async fn text(local: &Local, path: &str) -> (u16, String) {
    let response = get(local, path, "*/*").await;
    (response.status().as_u16(), response.text().await.unwrap())
}

/// A client of the dashboard's event stream.
pub(crate) struct Viewer {
    stream: Response,
    heard: Vec<u8>,
}

impl Viewer {
    pub(crate) async fn of(local: &Local) -> Self {
        Self { stream: get(local, "/live/events", "text/event-stream").await, heard: Vec::new() }
    }

    /// The next state. `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.heard.windows(2).position(|two| two == b"\n\n") {
                let event: Vec<u8> = self.heard.drain(..end + 2).collect();
                return Some(serde_json::from_slice(event.strip_prefix(b"data: ").unwrap()).unwrap());
            }
            let more =
                timeout(STEP_TIMEOUT, self.stream.chunk()).await.expect("an event a second").unwrap_or_default()?;
            self.heard.extend(more);
        }
    }

    /// Waits for a state that satisfies `expected`.
    pub(crate) async fn until(&mut self, expected: impl Fn(&Value) -> bool) -> Value {
        let begun = Instant::now();
        loop {
            let state = self.next().await.expect("the pipeline runs");
            if expected(&state) {
                return state;
            }
            assert!(begun.elapsed() < STEP_TIMEOUT, "{state:#}");
        }
    }
}

#[tokio::test]
async fn browsers_get_the_page_and_programs_the_apis_answer() {
    let local = Local::start_without_emulator().await;
    for accept in ["*/*", "application/json", "application/vnd.kafka.v2+json"] {
        let answer: Value = serde_json::from_str(&get(&local, "/", accept).await.text().await.unwrap()).unwrap();
        assert_eq!(answer["topics"], json!(["demo.geo", "demo.pin", "demo.user"]));
    }
    let accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
    let page = get(&local, "/", accept).await;
    let header = |name: &str| page.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header("content-type"), "text/html; charset=utf-8");
    assert!(header("content-security-policy").starts_with("default-src 'self'; "), "only own files, no inline scripts");
    assert_eq!((header("vary").as_str(), header("cache-control").as_str()), ("accept", "no-cache"));
    let page = page.text().await.unwrap();

    // Each file of the folder is served unchanged, and loaded by the page or by another file.
    let folder = workspace("local/page");
    let files: BTreeSet<_> = fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    let files: Vec<_> = files.iter().filter_map(|name| name.to_str()).filter(|name| *name != "index.html").collect();
    let read = |name: &str| fs::read_to_string(Path::new(&folder).join(name)).unwrap();
    for name in &files {
        let served = get(&local, &format!("/live/{name}"), "*/*").await;
        let kind = if *name == "page.css" { "text/css" } else { "text/javascript" };
        assert_eq!(served.headers()["content-type"], format!("{kind}; charset=utf-8"));
        let (status, text) = (served.status().as_u16(), served.text().await.unwrap());
        assert!(status == 200 && text == read(name), "{name}: {status}");
        assert!(!text.replace("http://www.w3.org/2000/svg", "").contains("://"), "{name} has an address");
        let loaded = page.contains(&format!("/live/{name}"))
            || files.iter().any(|other| read(other).contains(&format!("\"./{name}\"")));
        assert!(loaded, "{name} is not loaded");
    }
    assert_eq!(text(&local, "/live/other.js").await.0, 404);
    local.stop().await;
}

#[tokio::test]
async fn a_record_is_shown_with_its_offset_its_object_and_its_archived_line() {
    let local = Local::start_without_emulator().await;
    let mut viewer = Viewer::of(&local).await;
    let first = viewer.next().await.unwrap();
    assert_eq!((&first["posts"], &first["totals"]["records_written"]), (&json!([]), &json!(0)));
    let row = with(&GEO, &[]);
    for _ in 0..2 {
        assert_eq!(local.post("demo.geo", &envelope(&[&row])).await.0, 200);
    }

    let archived = |state: &Value| state["posts"][0]["records"]["geo"]["object"].is_string();
    let state = viewer.until(archived).await;
    let record = &state["posts"][0]["records"]["geo"];
    assert_eq!((&record["topic"], &record["partition"], &record["offset"]), (&json!("demo.geo"), &json!(0), &json!(1)));
    assert_eq!(state["posts"][0]["country"], "Albania");
    assert_eq!(state["totals"]["records_written"], 2);
    assert!(
        state["topics"].as_array().unwrap().contains(&json!({"name": "demo.geo", "end": 2})),
        "{}",
        state["topics"]
    );
    assert_eq!(state["errors"], json!({"emulator": null, "kafka": null, "archive": null, "tables": null}));

    let (status, shown) = text(&local, "/live/record?topic=demo.geo&partition=0&offset=1").await;
    let path = record["object"].as_str().unwrap().to_owned();
    let (_, object) = text(&local, &format!("/live/object?path={}", path.replace('+', "%2B"))).await;
    assert_eq!(state["archive"]["partitions"][0]["latest"][0]["path"], path);
    for (asked, expected) in [
        ("record?topic=demo.geo&partition=0&offset=2", 404),
        ("record?topic=demo.geo&partition=1&offset=0", 404),
        ("record?topic=demo.geo", 400),
        ("object?path=../../local.env", 404),
        ("object?path=topics/demo.geo/partition=0/none.json", 404),
    ] {
        assert_eq!(text(&local, &format!("/live/{asked}")).await.0, expected, "{asked}");
    }
    let samples: Value = serde_json::from_str(&text(&local, "/live/pipeline").await.1).unwrap();
    let written = samples["samples"].as_array().unwrap().iter().map(|sample| sample["geo"].as_u64().unwrap());
    assert_eq!(written.sum::<u64>(), 2, "of all seconds together");
    assert_eq!(samples["examples"]["geo"]["country"], "Albania");

    let lines = local.stop().await.objects("demo.geo");
    assert_eq!((status, &shown), (200, &lines.concat()[1]));
    assert_eq!(object, lines.last().unwrap().join("\n") + "\n");
}

#[tokio::test]
async fn a_rejection_is_shown_with_its_request_and_advice() {
    let local = Local::start_without_emulator().await;
    let mut viewer = Viewer::of(&local).await;
    let wrong = envelope(&[&with(&GEO, &[("latitude", Some(json!(91.5)))])]);
    let (status, answer) = local.post("demo.geo", &wrong).await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    let state = viewer.until(|state| state["refusals"][0].is_object()).await;
    let refusal = &state["refusals"][0];
    assert_eq!((&refusal["status"], &refusal["sent"], &refusal["cut"]), (&json!(status), &json!(wrong), &json!(false)));
    for field in ["error_code", "message", "violations"] {
        assert_eq!(refusal[field], answer[field], "{field}");
    }
    let state = viewer.until(|state| state["sample"]["second"].as_u64() > Some(1)).await;
    assert_eq!(state["totals"]["requests_refused"], 1);

    // The client got the same answer. A large body is shown in part.
    let large = format!(r#"{{"records":[{{"value":"{}"}}]}}"#, "x".repeat(100_000));
    let (status, answer) = local.post("demo.geo", &large).await;
    assert!(status == 422 && answer.contains("error_code"), "{status} {answer}");
    let state = viewer.until(|state| state["refusals"][1].is_object()).await;
    let refusal = &state["refusals"][0];
    assert!(refusal["cut"] == true && refusal["sent"].as_str().unwrap().len() == 2048, "{refusal}");
    local.stop().await;
}

#[tokio::test]
async fn clients_that_do_not_read_do_not_delay_the_shutdown() {
    let local = Local::start(&["--posts-per-second", "5"]).await;
    let (mut viewer, idle) = (Viewer::of(&local).await, Viewer::of(&local).await);
    viewer.until(|state| state["posts"].as_array().is_some_and(|posts| posts.len() > 3)).await;
    // Requests more than all buffers hold, and reads nothing.
    let mut deaf = local.connect().await;
    deaf.write_all("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n".repeat(500).as_bytes()).await.unwrap();
    // The buffers are full by then.
    for _ in 0..3 {
        viewer.next().await;
    }
    local.process.signal(Signal::SIGINT);
    let ended = local.process.wait_for_exit_within(Duration::from_secs(15)).await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    while viewer.next().await.is_some() {}
    drop((idle, deaf));
}

/// The elements of every page.
const CHARTS: [&str; 4] = [
    "Traffic: records written",
    "Requests refused, by error_code",
    "Time to produce, ms",
    "Archive: stored, and behind",
];

/// A command that runs a viewer of `live.mjs`.
fn viewer(local: &Local, viewer: &str, more: &[&str]) -> Command {
    let pictures = workspace("target/page");
    fs::create_dir_all(&pictures).unwrap();
    let mut node = Command::new("node");
    // By a name, because browsers treat loopback addresses specially.
    let address = format!("http://api.example:{}/", local.address.port());
    node.arg(workspace("tests/page/live.mjs")).args([&address, viewer]).arg(pictures).args(more);
    node
}

/// Parses a viewer's output.
pub(crate) async fn seen<T: for<'de> Deserialize<'de>>(local: &Local, name: &str, more: &[&str]) -> T {
    let printed = output(&mut viewer(local, name, more), "").await;
    serde_json::from_str(&printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

#[test]
fn the_charts_have_the_same_names_as_the_cloudwatch_dashboards() {
    let template = fs::read_to_string(workspace("template.yaml")).unwrap();
    for chart in CHARTS {
        assert!(template.contains(&format!(r#""title": "{chart}""#)), "{chart}");
    }
}

#[derive(Deserialize)]
struct Look {
    messages: Vec<String>,
    foreign: Vec<String>,
    took: u64,
    violations: Vec<String>,
    wide: u32,
    charts: Vec<String>,
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn a_browser_shows_that_the_pipeline_works_on_every_screen_and_in_both_schemes() {
    let local = Local::start_for_browser(&["--posts-per-second", "5", "--order", "course"]).await;
    // The README's pictures are taken after this.
    for request in 0..150 {
        let kind = CATALOG[request % CATALOG.len()];
        local.post(&format!("demo.{kind}"), &envelope(&[&with(kind, &[])])).await;
        if request % 40 == 20 {
            local.post("demo.geo", &envelope(&[&with(&GEO, &[("latitude", Some(json!(91.5)))])])).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    for (width, scheme) in [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark"), (320, "light")] {
        let look: Look = seen(&local, "look", &[&width.to_string(), scheme]).await;
        let of = format!("{width} {scheme}");
        assert_eq!(look.messages, <[String; 0]>::default(), "{of}");
        assert_eq!(look.foreign, <[String; 0]>::default(), "{of}: nothing is loaded from other hosts");
        assert_eq!(look.violations, <[String; 0]>::default(), "{of}");
        assert_eq!((look.wide, &look.charts[..]), (width, &CHARTS.map(str::to_owned)[..]), "{of}");
        assert!(look.took < 5_000, "{of}: {} ms until it says that it works", look.took);
    }
    local.stop().await;
}

#[derive(Deserialize)]
struct Keyboard {
    messages: Vec<String>,
    answer: String,
    curl: String,
    python: String,
    post: String,
    archived: String,
    reading: String,
    refusal: String,
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn the_keyboard_alone_sends_a_row_reads_its_archived_line_and_the_advice_for_an_invalid_one() {
    let local = Local::start_for_browser(&["--posts-per-second", "0"]).await;
    let row = with(&GEO, &[("country", Some(json!("Côte d'Ivoire <b>&amp;")))]);
    let wrong = with(&GEO, &[("latitude", Some(json!(91.5)))]);
    let seen: Keyboard = seen(&local, "keyboard", &["demo.geo", &row, &wrong]).await;
    // The browser logs rejected requests on its console.
    let messages: Vec<_> =
        seen.messages.iter().filter(|message| !message.contains("the server responded with a status of 422")).collect();
    assert_eq!(messages, <[&String; 0]>::default());
    assert!(seen.answer.contains("200") && seen.answer.contains("\"offset\": 0"), "{}", seen.answer);
    assert!(seen.post.contains("Côte d'Ivoire <b>&amp;"), "as text: {}", seen.post);
    assert!(
        seen.refusal.contains("42203") && seen.refusal.contains("must be a number from -90 to 90"),
        "{}",
        seen.refusal
    );
    assert!(seen.reading.contains(':'), "the time of a second that was, and not `Now`: {}", seen.reading);

    // The page shows the same request for a shell and for Python.
    let here = |command: &str| command.replace("api.example", "127.0.0.1");
    let answer = output(Command::new("bash").arg("-c").arg(here(&seen.curl)), "").await;
    assert!(answer.contains(r#""offset":1"#), "{answer}");
    let answer = output(Command::new(workspace(".tools/venv/bin/python")).arg("-"), &here(&seen.python)).await;
    assert!(answer.contains("\"offset\":2") || answer.contains("'offset': 2"), "{answer}");
    let ended = local.stop().await;
    let lines = ended.objects("demo.geo").concat();
    assert_eq!(lines.len(), 3);
    assert_eq!(seen.archived, lines[0], "byte for byte");
    let value = |line: &String| serde_json::from_str::<Value>(line).unwrap();
    assert!(lines.iter().all(|line| value(line) == value(&row)), "{lines:?}");
}

/// A state that the viewer prints.
#[derive(Debug, Deserialize)]
struct PageState {
    state: String,
    /// The page's text about broken components.
    broken: String,
    parts: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Chromium and Kafka: make test"]
async fn the_page_shows_the_loss_of_the_broker_and_its_recovery() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    for kind in CATALOG {
        kafka.create_topic(&format!("demo.{kind}"), 1).await.unwrap();
    }
    let local =
        Local::start_for_browser(&["--bootstrap-servers", &kafka.internal_servers(), "--posts-per-second", "5"]).await;
    let mut browser = viewer(&local, "trouble", &["works", "kafka", "works"]);
    let mut browser = browser.stdout(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let mut lines = BufReader::new(browser.stdout.take().unwrap()).lines();
    let mut says = async || {
        let line = timeout(2 * STEP_TIMEOUT, lines.next_line()).await.expect("a state in time").unwrap();
        serde_json::from_str::<PageState>(&line.expect("one more state")).unwrap()
    };
    assert_eq!(says().await.state, "works");
    kafka.stop_broker(1).await.unwrap();
    let broken = says().await;
    assert!(broken.state == "kafka" && broken.parts.contains(&"kafka".to_owned()), "{broken:?}");
    assert!(broken.broken.contains("no Kafka broker answered"), "the error's own words: {broken:?}");
    kafka.restart_broker(1).await.unwrap();
    let works = says().await;
    assert_eq!((works.state.as_str(), works.broken.as_str(), works.parts.len()), ("works", "", 0));
    assert!(browser.wait().await.unwrap().success());
    assert_eq!(local.stop().await.code, Some(0));
}

#[derive(Deserialize)]
struct Load {
    messages: Vec<String>,
    /// The longest task, in milliseconds.
    longest: f64,
    /// The page's heap at half time and at the end, in bytes.
    heap: [u64; 2],
    written: u64,
    elements: u64,
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn the_page_stays_responsive_and_its_memory_flat_at_five_hundred_posts_a_second() {
    let local = Local::start_for_browser(&["--posts-per-second", "500"]).await;
    let load: Load = seen(&local, "load", &["60"]).await;
    assert_eq!(load.messages, <[String; 0]>::default());
    assert!(load.written > 20_000, "{} records in a minute", load.written);
    assert!(load.longest < 200.0, "a task of {} ms", load.longest);
    let [half, end] = load.heap;
    assert!(end < half + half / 5, "from {half} to {end} bytes");
    assert!(load.elements < 3_000, "{} elements", load.elements);
    local.stop().await;
}

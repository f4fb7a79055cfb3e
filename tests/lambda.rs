//! The documented `cargo lambda` commands, beside a running `local` with the same Kafka and archive.
//!
//! It proves the runtime API's protocol, not Lambda's limits, its freezes or API Gateway's mapping.

use std::{fs, net::TcpListener, path::Path, process::Stdio, time::Duration};

use serde_json::Value;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
    time::timeout,
};

use crate::support::local::Local;

/// Includes a build of the functions.
const COMMAND_TIMEOUT: Duration = Duration::from_mins(10);

/// `cargo lambda watch` for a running `local`.
struct Watch {
    /// Killed when dropped.
    _process: Child,
    port: String,
}

fn cargo_lambda(command: &str) -> Command {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = workspace.join(".tools/venv/bin/cargo-lambda");
    assert!(program.exists(), "{} is missing: `make test` fetches it", program.display());
    let mut cargo_lambda = Command::new(program);
    cargo_lambda.args(["lambda", command]).current_dir(workspace).kill_on_drop(true);
    cargo_lambda
}

impl Watch {
    async fn start(local: &Local) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut process = cargo_lambda("watch")
            .args(["--ignore-changes", "--invoke-address", "127.0.0.1", "--invoke-port", &port, "--env-file"])
            .arg(local.settings_file())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        while let Some(line) = timeout(COMMAND_TIMEOUT, lines.next_line()).await.unwrap().unwrap() {
            if line.contains("starting Runtime server") {
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Self { _process: process, port };
            }
        }
        panic!("cargo lambda watch ended");
    }

    async fn invoke(&self, function: &str, event: &str) -> Value {
        serde_json::from_str(&self.invoke_for_text(function, event).await).unwrap()
    }

    async fn invoke_for_text(&self, function: &str, event: &str) -> String {
        let output = cargo_lambda("invoke")
            .args([function, "--invoke-address", "127.0.0.1", "--invoke-port", &self.port, "--data-file"])
            .arg(format!("events/{event}.json"))
            .output();
        let output = timeout(COMMAND_TIMEOUT, output).await.unwrap().unwrap();
        assert!(output.status.success(), "{event}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
#[ignore = "needs cargo-lambda: make test"]
async fn each_function_handles_its_example_event() {
    let local = Local::start_without_emulator().await;
    let watch = Watch::start(&local).await;

    let answer = watch.invoke_for_text("ingest", "ingest-geo").await;
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../functions/README.md")).unwrap();
    let documented = readme.lines().find(|line| line.starts_with(r#"{"statusCode":200"#)).unwrap();
    let with_offset_0 = documented.replace(r#"\"offset\":8"#, r#"\"offset\":0"#);
    assert_eq!(answer.trim_end(), with_offset_0, "the README's answer, except for the offset");
    for event in ["ingest-http-api-stage", "ingest-function-url", "ingest-gzip"] {
        assert_eq!(watch.invoke("ingest", event).await["statusCode"], 200, "{event}");
    }

    let report = watch.invoke("emulator", "emulator-five-posts").await;
    assert_eq!((&report["posts"], &report["records_written"]), (&5.into(), &15.into()), "{report}");

    // `local` archives the same topics into the same folder, and each record is still in it once.
    let report = watch.invoke("archive", "archive-tick").await;
    assert_eq!(
        (&report["failures"], &report["left_behind"]),
        (&Value::Array(vec![]), &Value::Array(vec![])),
        "{report}"
    );
    let ended = local.stop().await;
    let archived = ["demo.pin", "demo.geo", "demo.user"].map(|topic| ended.archived(topic).len());
    assert_eq!(archived, [5, 5 + 4, 5], "{}", ended.summary());
}

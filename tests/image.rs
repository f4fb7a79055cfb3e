//! The output of `make image`: other tools accept it, and it runs with nothing around it, as the first process of its container.

use std::{
    env::consts::ARCH,
    fs,
    net::{Ipv4Addr, TcpListener},
    path::{Path, PathBuf},
    process::Stdio,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};
use shared::kind::GEO;
use tempfile::TempDir;
use tokio::{io::AsyncWriteExt, net::TcpStream, process::Command};

use crate::support::{
    local::{Process, answer, output, post},
    pipeline::envelope,
    programs::assert_names_no_folder_and_no_date,
    rows::with,
    template::workspace,
};

const NAME: &str = "pinterest-data-pipeline";
const VERSION: &str = env!("CARGO_PKG_VERSION");
const TOPIC: &str = "demo.geo";

/// This machine, in the words of containers.
fn architecture() -> &'static str {
    if ARCH == "aarch64" { "arm64" } else { "amd64" }
}

fn archive() -> PathBuf {
    workspace(&format!("target/image/{NAME}-{VERSION}-{}.tar", architecture()))
}

/// An image, unpacked as a container runtime does.
struct Unpacked {
    folder: TempDir,
    /// The image's own configuration, with Docker's additions to OCI's.
    config: Value,
    /// The process that a runtime would start.
    process: Value,
}

impl Unpacked {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let layout = folder.path().join("layout");
        fs::create_dir(&layout).unwrap();
        output(Command::new("tar").arg("--extract").arg("--directory").arg(&layout).arg("--file").arg(archive()), "")
            .await;
        let umoci = workspace(".tools/umoci/usr/bin/umoci");
        let image = format!("{}:{VERSION}", layout.display());
        output(
            Command::new(umoci).args(["unpack", "--rootless", "--image", &image]).arg(folder.path().join("bundle")),
            "",
        )
        .await;
        let docker = read_json(&layout.join("manifest.json"));
        let config = read_json(&layout.join(docker[0]["Config"].as_str().unwrap()));
        let process = read_json(&folder.path().join("bundle/config.json"))["process"].clone();
        Self { folder, config, process }
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("bundle/rootfs")
    }

    /// A command in the image's root and with its user, as the first process of a namespace. The network is this machine's.
    fn command(&self, arguments: &[&str], port: u16) -> Command {
        let id = |name: &str| self.process["user"][name].as_u64().unwrap();
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--kill-child"]);
        command.args([format!("--map-user={}", id("uid")), format!("--map-group={}", id("gid"))]);
        command.arg(format!("--root={}", self.root().display()));
        command.arg(format!("--wd={}", self.process["cwd"].as_str().unwrap()));
        command.args(arguments).env_clear();
        command.envs(strings(&self.process["env"]).iter().filter_map(|variable| variable.split_once('=')));
        // Other tests run at the same time.
        command.env("LISTEN", format!("0.0.0.0:{port}"));
        command
    }

    async fn is_healthy(&self, port: u16) -> bool {
        let test = strings(&self.config["config"]["Healthcheck"]["Test"]);
        let [kind, arguments @ ..] = &test[..] else { panic!("no health check") };
        assert_eq!(*kind, "CMD");
        self.command(arguments, port).stderr(Stdio::null()).status().await.unwrap().success()
    }

    /// The archived lines of a topic, wherever the archive is.
    fn archived(&self, topic: &str) -> Vec<String> {
        let objects = files(&self.root()).into_iter().filter(|file| {
            let folder = file.parent().unwrap();
            folder.ends_with(format!("topics/{topic}/partition=0"))
        });
        objects
            .flat_map(|file| fs::read_to_string(file).unwrap().lines().map(str::to_owned).collect::<Vec<_>>())
            .collect()
    }
}

fn read_json(file: &Path) -> Value {
    serde_json::from_slice(&fs::read(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))).unwrap()
}

fn strings(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect()
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test]
#[ignore = "needs the image: make test"]
async fn another_tool_finds_the_image_valid() {
    let crane = workspace(".tools/bin/crane");
    let valid = output(Command::new(crane).args(["validate", "--tarball"]).arg(archive()), "").await;
    assert!(valid.starts_with("PASS"), "{valid}");
}

#[tokio::test]
#[ignore = "needs the image: make test"]
async fn the_image_states_its_user_its_port_and_its_health_check() {
    let image = Unpacked::new().await;
    assert_eq!(image.config["architecture"], architecture());
    let config = &image.config["config"];
    assert_eq!(config["User"], "65532:65532");
    assert_eq!(image.process["user"], json!({"uid": 65532, "gid": 65532}));
    assert_eq!(config["ExposedPorts"], json!({"8082/tcp": {}}));
    assert_eq!(config["Env"], json!(["LISTEN=0.0.0.0:8082"]));
    assert_eq!(image.process["args"], config["Entrypoint"]);
    assert_eq!(config["StopSignal"], "SIGTERM");
}

#[tokio::test]
#[ignore = "needs the image: make test"]
async fn a_container_archives_what_was_sent_before_it_is_stopped() {
    // Ctrl-C in a terminal, and `docker stop`.
    for signal in [Signal::SIGINT, Signal::SIGTERM] {
        let (image, port) = (Unpacked::new().await, free_port());
        let arguments = [&strings(&image.process["args"])[..], &["--posts-per-second", "0"]].concat();
        let mut container = Process::spawn(&mut image.command(&arguments, port));
        container.wait_for_line("Stop with Ctrl-C").await;
        assert!(image.is_healthy(port).await);

        let mut client = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap();
        let row = with(&GEO, &[]);
        client.write_all(post(TOPIC, &envelope(&[&row])).as_bytes()).await.unwrap();
        let (status, body) = answer(&mut client).await;
        assert_eq!(status, 200, "{body}");

        let unshare = container.id();
        let first = fs::read_to_string(format!("/proc/{unshare}/task/{unshare}/children")).unwrap();
        kill(Pid::from_raw(first.trim().parse().unwrap()), signal).unwrap();
        let ended = container.wait_for_exit().await;
        assert_eq!(ended.code, Some(0), "{signal}: {}", ended.stderr);
        let archived = image.archived(TOPIC);
        assert_eq!(archived.len(), 1, "{signal}: {}", ended.stderr);
        assert_eq!(serde_json::from_str::<Value>(&archived[0]).unwrap(), serde_json::from_str::<Value>(&row).unwrap());
        assert!(!image.is_healthy(port).await);
    }
}

#[tokio::test]
#[ignore = "needs the image: make test"]
async fn the_image_holds_one_program_and_the_authorities_that_it_trusts() {
    let image = Unpacked::new().await;
    let root = image.root();
    let mut names: Vec<_> =
        files(&root).iter().map(|file| file.strip_prefix(&root).unwrap().display().to_string()).collect();
    names.sort();
    assert_eq!(names, ["etc/ssl/certs/ca-certificates.crt", NAME]);
    let authorities = fs::read_to_string(root.join(&names[0])).unwrap();
    assert!(authorities.matches("-----BEGIN CERTIFICATE-----").count() > 100);
    assert_names_no_folder_and_no_date(NAME, &fs::read(root.join(NAME)).unwrap());
}

#[tokio::test]
#[ignore = "needs the image: make test"]
async fn the_same_program_becomes_the_same_image_in_another_folder_and_later() {
    let image = Unpacked::new().await;
    let again = image.folder.path().join("again.tar");
    let mut python = Command::new(workspace(".tools/venv/bin/python"));
    python.arg(workspace("tools/image.py")).arg("--program").arg(image.root().join(NAME));
    python.args(["--architecture", architecture(), "--version", VERSION, "--output"]).arg(&again);
    output(&mut python, "").await;
    assert!(fs::read(archive()).unwrap() == fs::read(again).unwrap());
}

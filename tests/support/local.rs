//! The program `pinterest-data-pipeline` as a process in its own folder, and its clients.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};
use serde_json::Value;
use stack::lambda::built;
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
    process::{Child, Command},
    sync::mpsc::{UnboundedReceiver, unbounded_channel},
    task::JoinHandle,
    time::timeout,
};

use crate::support::pipeline::JSON;

/// Longer than any step takes on a busy machine.
const STEP_TIMEOUT: Duration = Duration::from_mins(2);

/// The settings for `cargo lambda watch`, in the process's folder.
const SETTINGS_FILE: &str = "local.env";

/// A started `local`, killed when dropped.
pub(crate) struct Process {
    child: Child,
    stdout: JoinHandle<String>,
    stderr: UnboundedReceiver<String>,
    stderr_reader: JoinHandle<()>,
    stderr_lines: Vec<String>,
    folder: TempDir,
}

/// A `local` that serves requests.
pub(crate) struct Local {
    pub(crate) process: Process,
    pub(crate) address: SocketAddr,
}

/// An exited `local`: its exit code, output and folder.
pub(crate) struct Exited {
    /// `None` if a signal killed it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    folder: TempDir,
}

impl Process {
    /// The folder that it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) async fn start(args: &[&str]) -> Self {
        // Whoever runs the tests may ignore SIGHUP, as `nohup` does, and the program would respect it.
        let mut command = Command::new("env");
        command.arg("--default-signal=HUP").arg(built("pinterest-data-pipeline").await.unwrap());
        Self::spawn(command.args(args))
    }

    /// Starts a command in a new folder.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let folder = TempDir::new().unwrap();
        let mut child = command
            .current_dir(folder.path())
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut stdout = child.stdout.take().unwrap();
        let stdout = tokio::spawn(async move {
            let mut text = String::new();
            stdout.read_to_string(&mut text).await.unwrap();
            text
        });
        // A full pipe would block the program, so a task drains it.
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let (sender, stderr) = unbounded_channel();
        let stderr_reader = tokio::spawn(async move {
            while let Some(line) = lines.next_line().await.unwrap() {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self { child, stdout, stderr, stderr_reader, stderr_lines: Vec::new(), folder }
    }

    /// Waits for the next line on stderr that contains `text`.
    pub(crate) async fn wait_for_line(&mut self, text: &str) -> String {
        loop {
            let Some(line) = timeout(STEP_TIMEOUT, self.stderr.recv()).await.ok().flatten() else {
                panic!("no line with `{text}` on stderr:\n{}", self.stderr_lines.join("\n"));
            };
            self.stderr_lines.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Closes stderr, as a terminal does whose window is closed.
    pub(crate) async fn close_stderr(&mut self) {
        self.stderr_reader.abort();
        // An aborted task drops its pipe before it has ended.
        assert!((&mut self.stderr_reader).await.unwrap_err().is_cancelled());
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id().expect("a process that has not been waited for")
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.id().try_into().unwrap()), signal).unwrap();
    }

    pub(crate) async fn wait_for_exit(self) -> Exited {
        self.wait_for_exit_within(STEP_TIMEOUT).await
    }

    pub(crate) async fn wait_for_exit_within(mut self, time: Duration) -> Exited {
        let Ok(status) = timeout(time, self.child.wait()).await else {
            panic!("still runs after {time:?}:\n{}", self.stderr_lines.join("\n"));
        };
        while let Some(line) = self.stderr.recv().await {
            self.stderr_lines.push(line);
        }
        Exited {
            code: status.unwrap().code(),
            stdout: self.stdout.await.unwrap(),
            stderr: self.stderr_lines.join("\n"),
            folder: self.folder,
        }
    }
}

impl Local {
    /// Starts it on a free port and waits until it serves requests.
    pub(crate) async fn start(args: &[&str]) -> Self {
        let usual = ["--listen", "127.0.0.1:0", "--env-file", SETTINGS_FILE];
        Self::ready(Process::start(&[&usual[..], args].concat()).await).await
    }

    /// Waits until a process serves requests.
    pub(crate) async fn ready(mut process: Process) -> Self {
        let banner = process.wait_for_line("HTTP API").await;
        let (_, after) = banner.split_once("http://").unwrap();
        let address = after.split('/').next().unwrap().parse().unwrap();
        process.wait_for_line("Stop with Ctrl-C").await;
        Self { process, address }
    }

    /// Starts it without the emulator, so that only the test writes records.
    pub(crate) async fn start_without_emulator() -> Self {
        Self::start(&["--posts-per-second", "0"]).await
    }

    /// The same, for a browser that asks for it by a name that is not this machine's.
    pub(crate) async fn start_for_browser(args: &[&str]) -> Self {
        Self::start(&[&["--allow-host", "api.example"], args].concat()).await
    }

    /// Stops it as Ctrl-C does.
    pub(crate) async fn stop(self) -> Exited {
        self.process.signal(Signal::SIGINT);
        self.process.wait_for_exit().await
    }

    pub(crate) async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Posts in the JSON format. The whole request is sent before the response is read.
    pub(crate) async fn post(&self, topic: &str, body: &str) -> Answer {
        let mut client = self.connect().await;
        client.write_all(post(topic, body).as_bytes()).await.unwrap();
        answer(&mut client).await
    }

    /// Returns whether a topic has objects in the archive.
    pub(crate) fn has_archived(&self, topic: &str) -> bool {
        !object_files(&archive(&self.process.folder), topic).is_empty()
    }

    /// The settings file that it wrote for `cargo lambda watch`.
    pub(crate) fn settings_file(&self) -> PathBuf {
        self.process.folder.path().join(SETTINGS_FILE)
    }

    /// The bootstrap servers in the settings file.
    pub(crate) fn bootstrap_servers(&self) -> String {
        let settings = fs::read_to_string(self.settings_file()).unwrap();
        settings.lines().find_map(|line| line.strip_prefix("BOOTSTRAP_SERVERS=")).unwrap().to_owned()
    }

    /// Waits for the first record of a topic, with a Kafka client configured by the settings file alone.
    pub(crate) fn first_record(&self, topic: &str) -> String {
        let consumer: BaseConsumer = ClientConfig::new()
            .set("bootstrap.servers", self.bootstrap_servers())
            .set("group.id", "tests")
            .create()
            .unwrap();
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&place).unwrap();
        let record = consumer.poll(STEP_TIMEOUT).expect("a record").unwrap();
        String::from_utf8(record.payload().unwrap().to_vec()).unwrap()
    }
}

impl Exited {
    /// The folder that it ran in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The last line on stdout.
    pub(crate) fn summary(&self) -> &str {
        self.stdout.lines().last().unwrap_or_default()
    }

    /// The number before `words` in the summary.
    pub(crate) fn figure(&self, words: &str) -> u64 {
        let before = self.summary().split_once(words).map(|(before, _)| before);
        let figure = before.and_then(|before| before.trim_end().rsplit(' ').next()?.parse().ok());
        figure.unwrap_or_else(|| panic!("no figure before `{words}`: {}\n{}", self.summary(), self.stderr))
    }

    /// The folder of the archive.
    pub(crate) fn archive(&self) -> PathBuf {
        archive(&self.folder)
    }

    /// The lines of each object of a topic, in order.
    ///
    /// # Panics
    /// If an object's name breaks the contract: notebooks find the objects by it.
    pub(crate) fn objects(&self, topic: &str) -> Vec<Vec<String>> {
        let archive = self.archive();
        let mut objects: Vec<Vec<String>> = Vec::new();
        for object in object_files(&archive, topic) {
            let start: usize = objects.iter().map(Vec::len).sum();
            assert_eq!(object.file_name().unwrap().to_str().unwrap(), format!("{topic}+0+{start:010}.json"));
            let text = fs::read_to_string(object).unwrap();
            assert!(text.ends_with('\n'), "{text}");
            objects.push(text.lines().map(str::to_owned).collect());
        }
        objects
    }

    /// A topic's archived records, parsed as a notebook does.
    pub(crate) fn archived(&self, topic: &str) -> Vec<Value> {
        let lines = self.objects(topic).concat();
        lines.iter().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }
}

/// The archive in the folder of a process.
fn archive(folder: &TempDir) -> PathBuf {
    let [archive] = &children(&folder.path().join("pinterest-archive"))[..] else { panic!("one run, one archive") };
    archive.clone()
}

fn object_files(archive: &Path, topic: &str) -> Vec<PathBuf> {
    children(&archive.join("topics").join(topic).join("partition=0"))
}

/// A status and a body.
pub(crate) type Answer = (u16, String);

/// A complete request that asks for `Connection: close`.
pub(crate) fn post(topic: &str, body: &str) -> String {
    format!("{}\r\n{body}", head(topic, body.len()))
}

/// The head of a request with a body of this length, without its final empty line.
pub(crate) fn head(topic: &str, length: usize) -> String {
    format!(
        "POST /topics/{topic} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {JSON}\r\nContent-Length: {length}\r\n\
         Connection: close\r\n"
    )
}

/// Reads the response until the connection closes.
pub(crate) async fn answer(client: &mut (impl AsyncRead + Unpin)) -> Answer {
    let mut text = String::new();
    timeout(STEP_TIMEOUT, client.read_to_string(&mut text)).await.expect("an answer in time").unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: `{text}`"));
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// Runs a program with `input` on its stdin and returns its stdout. It has to succeed.
pub(crate) async fn output(command: &mut Command, input: &str) -> String {
    // The machine's proxy must not see requests to loopback.
    let command = command.env("NO_PROXY", "*").kill_on_drop(true);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let write = async move { stdin.write_all(input.as_bytes()).await };
    let (written, output) =
        timeout(STEP_TIMEOUT, async { tokio::join!(write, child.wait_with_output()) }).await.unwrap();
    let output = output.unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {stderr}", output.status);
    written.unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// A command that runs a script of `tests/clients` with the Python of `make test`.
pub(crate) fn python(script: &str) -> Command {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = tests.join("../.tools/venv/bin/python");
    assert!(python.exists(), "{} is missing: `make test` makes it", python.display());
    let mut command = Command::new(python);
    command.arg(tests.join("clients").join(script));
    command
}

/// A folder's children, sorted by name. Empty if the folder does not exist.
fn children(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

//! One execution environment: an emulator with the function's process as its child.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use reqwest::{Client, StatusCode};
use serde_json::Value;
use tokio::{net::TcpStream, sync::Mutex, time::sleep};

use super::{Function, InvokeError};
use crate::{StackError, folder::Folder, ports::free_port, process::Process, tools::tool};

const START_TIMEOUT: Duration = Duration::from_secs(10);

/// The maximum length of the log's tail in an error.
const MAX_TAIL_BYTES: usize = 4_000;

/// The interval at which a process is polled after SIGSTOP.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

#[derive(Debug)]
pub(super) struct Environment {
    /// Held during an invocation.
    pub(super) busy: Mutex<()>,
    emulator: Process,
    port: u16,
    log: PathBuf,
    client: Client,
}

impl Environment {
    pub(super) async fn start(
        function: &Function,
        more: &[(String, String)],
        folder: &Folder,
        number: usize,
    ) -> Result<Self, StackError> {
        let free = || free_port().map_err(StackError::io("finding a port for lambda"));
        let (port, runtime_port) = (free()?, free()?);
        let log = folder.path().join(format!("{number}.log"));
        let binary = function.binary.display().to_string();
        let name = function.binary.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let arguments = [
            "--log-level",
            if function.quiet { "error" } else { "info" },
            "--runtime-interface-emulator-address",
            &format!("127.0.0.1:{port}"),
            "--runtime-api-address",
            &format!("127.0.0.1:{runtime_port}"),
            // Ends the function's process with the emulator, even while frozen.
            "/usr/bin/env",
            "setpriv",
            "--pdeathsig",
            "KILL",
            "--",
            &binary,
        ];
        let lambda = [
            ("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT".to_owned(), function.timeout.as_secs().to_string()),
        ];
        let variables = lambda.iter().chain(&function.environment).chain(more).map(|(name, value)| (name, value));
        let program = tool("aws-lambda-rie/aws-lambda-rie")?;
        let mut emulator = Process::start("lambda", program, arguments, variables, folder.path(), &log)?;
        emulator.ready(START_TIMEOUT, async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await?;
        Ok(Self { busy: Mutex::default(), emulator, port, log, client: Client::new() })
    }

    /// Requires that `busy` is held.
    pub(super) async fn invoke(&self, event: String) -> Result<Value, InvokeError> {
        self.thaw()?;
        let failed = |error| StackError::io("invoking the function")(std::io::Error::other(error));
        let response = self.client.post(self.url()).body(event).send().await.map_err(failed)?;
        let status = response.status();
        let text = response.text().await.map_err(failed)?;
        if status == StatusCode::BAD_GATEWAY {
            return Err(InvokeError::Ended(self.tail()));
        }
        // The emulator reports a timeout with status 200.
        if text.starts_with("Task timed out after ") {
            return Err(InvokeError::TimedOut(text));
        }
        let value: Value = serde_json::from_str(&text).map_err(|error| failed_to_read(&text, error))?;
        match (value["errorType"].as_str(), value["errorMessage"].as_str()) {
            (Some(kind), Some(message)) => {
                Err(InvokeError::Function { kind: kind.to_owned(), message: message.to_owned() })
            }
            _ => Ok(value),
        }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/2015-03-31/functions/function/invocations", self.port)
    }

    /// Stops the function's process, if there is one, and waits until it is stopped.
    pub(super) async fn freeze(&self) -> Result<(), StackError> {
        let Some(process) = self.function() else { return Ok(()) };
        signal(process, Signal::SIGSTOP)?;
        while status(process).is_some_and(|status| status.state != 'T') {
            sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Continues the process.
    pub(super) fn thaw(&self) -> Result<(), StackError> {
        self.function().map_or(Ok(()), |process| signal(process, Signal::SIGCONT))
    }

    /// The function's process: the emulator's child.
    pub(super) fn function(&self) -> Option<u32> {
        let processes = fs::read_dir("/proc").ok()?.flatten();
        let mut processes = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        processes.find(|process| {
            status(*process).is_some_and(|status| status.parent == self.emulator.id() && status.state != 'Z')
        })
    }

    pub(super) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn tail(&self) -> String {
        let log = self.log();
        let mut start = log.len().saturating_sub(MAX_TAIL_BYTES);
        while !log.is_char_boundary(start) {
            start += 1;
        }
        log[start..].to_owned()
    }
}

fn failed_to_read(text: &str, error: serde_json::Error) -> StackError {
    StackError::io(format!("reading the emulator's response `{text}`"))(error.into())
}

fn signal(process: u32, signal: Signal) -> Result<(), StackError> {
    match kill(Pid::from_raw(i32::try_from(process).unwrap_or(i32::MAX)), signal) {
        // It has just ended by itself.
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(StackError::io("signalling a function")(errno.into())),
    }
}

struct Status {
    state: char,
    parent: u32,
}

/// Parses `pid (name) state parent …`, in which the name may contain anything.
fn status(process: u32) -> Option<Status> {
    let text = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some(Status { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

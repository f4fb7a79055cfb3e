//! A component's process.

use std::{
    ffi::OsStr,
    fs::File,
    io,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        OnceLock,
        mpsc::{SyncSender, sync_channel},
    },
    thread,
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use tokio::time::{Instant, sleep};

use crate::StackError;

/// The interval at which readiness is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A process that ends on drop, and when this process ends in any way.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `program` with only `PATH` and `environment` as its variables. Its output goes to `log`.
    ///
    /// # Errors
    /// When the program cannot be started.
    pub fn start(
        name: &str,
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = impl AsRef<OsStr>>,
        environment: impl IntoIterator<Item = (impl AsRef<OsStr>, impl AsRef<OsStr>)>,
        folder: &Path,
        log: &Path,
    ) -> Result<Self, StackError> {
        let failed = || StackError::io(format!("starting {name}"));
        let output = File::options().create(true).append(true).open(log).map_err(failed())?;
        // The kernel kills it with its parent; nothing else would when a test run is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).args(arguments);
        command.env_clear().envs(environment).current_dir(folder);
        #[expect(clippy::disallowed_methods, reason = "the components find java and sh on it")]
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null()).stdout(output.try_clone().map_err(failed())?).stderr(output);
        // Ctrl-C in the terminal must reach only this process, which stops the components in order.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        let child = spawn(command).map_err(failed())?;
        Ok(Self { name: name.to_owned(), child, log: log.to_owned() })
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until `is_ready` returns true.
    ///
    /// # Errors
    /// When the process ends, at once, or is not ready in time.
    pub async fn ready(&mut self, within: Duration, mut is_ready: impl AsyncFnMut() -> bool) -> Result<(), StackError> {
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().map_err(StackError::io(self.name.clone()))? {
                return Err(StackError::component(&self.name, format!("ended with {status}"), &self.log));
            }
            if is_ready().await {
                return Ok(());
            }
            if Instant::now() >= deadline {
                return Err(StackError::component(&self.name, format!("was not ready within {within:?}"), &self.log));
            }
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) -> Result<(), StackError> {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap_or(i32::MAX));
        kill(pid, signal).map_err(|errno| StackError::io(format!("signalling {}", self.name))(errno.into()))
    }

    /// Sends SIGTERM, and SIGKILL after a timeout.
    pub(crate) async fn stop(&mut self, within: Duration) -> Result<ExitStatus, StackError> {
        self.signal(Signal::SIGTERM)?;
        let deadline = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().map_err(StackError::io(self.name.clone()))? {
                return Ok(status);
            }
            if Instant::now() >= deadline {
                self.child.kill().map_err(StackError::io(format!("killing {}", self.name)))?;
                return self.child.wait().map_err(StackError::io(self.name.clone()));
            }
            sleep(POLL_INTERVAL).await;
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

type Spawned = io::Result<Child>;

/// Spawns on a thread that lives as long as this process. For the kernel, the parent is the spawning *thread*, and a
/// test's thread ends with its test.
fn spawn(command: Command) -> Spawned {
    static SPAWNER: OnceLock<SyncSender<(Command, SyncSender<Spawned>)>> = OnceLock::new();
    let spawner = SPAWNER.get_or_init(|| {
        let (sender, commands) = sync_channel::<(Command, SyncSender<Spawned>)>(0);
        thread::spawn(move || {
            while let Ok((mut command, answer)) = commands.recv() {
                if answer.send(command.spawn()).is_err() {
                    break;
                }
            }
        });
        sender
    });
    let (answer, spawned) = sync_channel(1);
    let gone = |_| io::Error::other("the spawning thread is gone");
    spawner.send((command, answer)).map_err(|_| io::Error::other("the spawning thread is gone"))?;
    spawned.recv().map_err(gone)?
}

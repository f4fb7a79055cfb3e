//! What a process costs, and servers that end with their value.

use std::{fs, io, path::Path, process::Stdio, time::Duration};

use tokio::{
    net::TcpStream,
    process::{Child, Command},
    time::{Instant, sleep},
};

use crate::Result;

/// Of Linux's clock ticks, in which it tells a process's time: a hundred a second on every architecture that is used here.
const TICK: Duration = Duration::from_millis(10);

/// How long a server may take to start.
const TIME_TO_START: Duration = Duration::from_secs(30);

/// The processor time that a process has used, all of its threads together.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // `pid (name) state …`, where the name can hold anything; the times are the 14th and the 15th field.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u32>).sum::<std::result::Result<u32, _>>()?;
    Ok(TICK * ticks)
}

/// The most memory that a process has had so far, in MB.
pub(crate) fn peak_memory_mb(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024.0 / 1e6)
}

/// A server that is ended with its value, and with this process however that ends.
#[derive(Debug)]
pub(crate) struct Server {
    child: Child,
}

impl Server {
    /// Starts it and waits until it takes connections on `port`.
    pub(crate) async fn start(mut command: Command, port: u16, log: &Path) -> Result<Self> {
        let output = fs::File::create(log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output).kill_on_drop(true);
        let mut server = Self { child: command.spawn()? };
        let deadline = Instant::now() + TIME_TO_START;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            if let Some(status) = server.child.try_wait()? {
                return Err(format!("a server ended with {status}: {}", fs::read_to_string(log)?).into());
            }
            if Instant::now() > deadline {
                return Err(format!("a server did not start: {}", fs::read_to_string(log)?).into());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(server)
    }

    pub(crate) fn id(&self) -> Result<u32> {
        self.child.id().ok_or_else(|| "a server has ended".into())
    }
}

/// A program that the kernel ends with this process. This program spawns from its first thread alone, whose end is the process's.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

/// A port of this machine that nobody listens on.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

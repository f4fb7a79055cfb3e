//! What a process costs, and how one is started.

use std::{fs, path::Path, time::Duration};

use stack::process::Process;
use tokio::{net::TcpStream, process::Command};

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

/// Starts a server, and waits until it takes connections on `port`. What it prints goes to `<name>.log` in `folder`.
pub(crate) async fn serve(
    name: &str,
    program: &Path,
    arguments: &[&str],
    environment: &[(&str, String)],
    folder: &Path,
    port: u16,
) -> Result<Process> {
    let log = folder.join(format!("{name}.log"));
    let environment = environment.iter().map(|(name, value)| (name, value));
    let mut server = Process::start(name, program, arguments, environment, folder, &log)?;
    server.ready(TIME_TO_START, async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await?;
    Ok(server)
}

/// A program that the kernel ends with this process. This program spawns from its first thread alone, whose end is the process's.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

//! Starting processes and measuring their resource usage.

use std::{fs, path::Path, time::Duration};

use stack::process::Process;
use tokio::{net::TcpStream, process::Command};

use crate::Result;

/// Linux's clock tick, the unit of CPU times: 10 ms on all architectures in use.
const TICK: Duration = Duration::from_millis(10);

/// The time limit for a server's start.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Returns the CPU time of a process, over all threads.
pub(crate) fn cpu(process: u32) -> Result<Duration> {
    let text = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // Parses `pid (name) state …`, in which the name may contain anything; the times are fields 14 and 15.
    let fields = text.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks = fields.skip(11).take(2).map(str::parse::<u32>).sum::<std::result::Result<u32, _>>()?;
    Ok(TICK * ticks)
}

/// Returns the peak memory of a process in MB.
pub(crate) fn peak_memory_mb(process: u32) -> Result<f64> {
    let text = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1_024.0 / 1e6)
}

/// Starts a server, and waits until it accepts connections on `port`. Its output goes to `<name>.log` in `folder`.
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
    server.ready(START_TIMEOUT, async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await?;
    Ok(server)
}

/// Prepares a program that the kernel kills with its parent thread. This driver spawns only from the main thread.
pub(crate) fn command(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "--"]).arg(program);
    command
}

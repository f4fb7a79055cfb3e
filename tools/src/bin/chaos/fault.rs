//! The faults: each can begin and end.

use std::{fmt, process::Stdio, time::Duration};

use nix::sys::signal::Signal;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use stack::{
    kafka::{Operation, Topics},
    proxy::End,
};
use tokio::{process::Command, time::sleep};

use crate::{
    Result, process,
    system::{PRINCIPAL, System, USER_ID},
};

pub(crate) const BROKERS: usize = 3;

/// The file size in bytes at which a full disk is simulated; a broker's log is larger by then.
const FULL_DISK_BYTES: u64 = 4_096;

/// The number of revocations. Most of them meet no record at a harmful moment.
const TOGGLES: usize = 40;

/// The duration of each grant: several requests long.
const TOGGLE_PERIOD: Duration = Duration::from_millis(300);

/// A kind of fault. Brokers count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// `kill -9`, and a restart at its end.
    KillBrokers(usize),
    /// Stops a broker gracefully, so that its leaderships move away and return.
    MoveLeaders,
    /// Restarts all brokers gracefully, one after the other.
    RestartBrokers,
    /// `SIGSTOP`.
    FreezeBroker,
    /// A broker's writes fail, so it exits.
    FillDisk,
    /// Closes every connection to every broker.
    Cut(End),
    /// Silently drops all bytes on the open connections.
    Forget,
    /// Silently drops all bytes.
    Hold,
    /// Adds latency in each direction.
    Delay(Duration),
    /// Refuses all tokens, and cuts the connections.
    RefuseLogIns,
    /// Revokes the permission to write.
    DenyWrites,
    /// Revokes and grants the permission to write many times. Around each change some records are denied and others written.
    ToggleWrites,
    /// `SIGSTOP` of one of the function's environments at a random point.
    FreezeFunction,
    /// `kill -9` of one of the function's environments at a random point.
    KillFunction,
}

impl Fault {
    /// Returns each kind once.
    pub(crate) fn each() -> Vec<Self> {
        let delays = [50, 400, 2_000].map(|millis| Self::Delay(Duration::from_millis(millis)));
        let mut each = vec![
            Self::KillBrokers(1),
            Self::KillBrokers(2),
            Self::MoveLeaders,
            Self::RestartBrokers,
            Self::FreezeBroker,
            Self::FillDisk,
            Self::Cut(End::Finish),
            Self::Cut(End::Reset),
            Self::Forget,
            Self::Hold,
        ];
        each.extend(delays);
        each.extend([
            Self::RefuseLogIns,
            Self::DenyWrites,
            Self::ToggleWrites,
            Self::FreezeFunction,
            Self::KillFunction,
        ]);
        each
    }
}

impl Fault {
    /// Returns whether it makes brokers unavailable. Two of these at once would break the quorum.
    const fn takes_brokers(self) -> bool {
        matches!(
            self,
            Self::KillBrokers(_) | Self::MoveLeaders | Self::RestartBrokers | Self::FreezeBroker | Self::FillDisk
        )
    }

    /// Returns whether the two are compatible. Changing permissions needs all brokers.
    pub(crate) fn goes_with(self, other: Self) -> bool {
        let whole = |fault: Self| fault.takes_brokers() || matches!(fault, Self::DenyWrites | Self::ToggleWrites);
        self != other && !(whole(self) && whole(other))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillBrokers(1) => f.write_str("a broker is killed"),
            Self::KillBrokers(count) => write!(f, "{count} of {BROKERS} brokers are killed"),
            Self::MoveLeaders => f.write_str("a broker is stopped gracefully"),
            Self::RestartBrokers => f.write_str("all brokers are restarted, one after the other"),
            Self::FreezeBroker => f.write_str("a broker is frozen"),
            Self::FillDisk => f.write_str("a broker's disk is full"),
            Self::Cut(End::Finish) => f.write_str("connections are closed"),
            Self::Cut(End::Reset) => f.write_str("connections are reset"),
            Self::Forget => f.write_str("connections are silently dropped"),
            Self::Hold => f.write_str("no network traffic passes"),
            Self::Delay(time) => write!(f, "{} ms more latency, each way", time.as_millis()),
            Self::RefuseLogIns => f.write_str("log-ins are refused"),
            Self::DenyWrites => f.write_str("the permission to write is revoked"),
            Self::ToggleWrites => write!(f, "the permission to write is revoked and granted {TOGGLES} times"),
            Self::FreezeFunction => f.write_str("an environment is frozen in a request"),
            Self::KillFunction => f.write_str("an environment is killed in a request"),
        }
    }
}

/// An injected fault.
#[derive(Debug)]
pub(crate) struct ActiveFault {
    fault: Fault,
    /// The affected brokers.
    brokers: Vec<usize>,
    processes: Vec<u32>,
}

impl Fault {
    pub(crate) async fn begin(self, system: &System, random: &mut StdRng) -> Result<ActiveFault> {
        let kafka = &system.kafka;
        let broker = random.random_range(1..=BROKERS);
        let mut active = ActiveFault { fault: self, brokers: vec![broker], processes: Vec::new() };
        match self {
            Self::KillBrokers(count) => {
                active.brokers = (0..count).map(|next| (broker + next - 1) % BROKERS + 1).collect();
                for broker in &active.brokers {
                    kafka.kill_broker(*broker).await?;
                }
            }
            Self::MoveLeaders => kafka.stop_broker(broker).await?,
            Self::RestartBrokers => {
                for broker in 1..=BROKERS {
                    kafka.stop_broker(broker).await?;
                    kafka.restart_broker(broker).await?;
                }
            }
            Self::FreezeBroker => {
                active.processes.push(kafka.broker_process_id(broker).await?.ok_or("the broker is not running")?);
                active.signal(Signal::SIGSTOP)?;
            }
            Self::FillDisk => {
                let process = kafka.broker_process_id(broker).await?.ok_or("the broker is not running")?;
                limit_files(process, FULL_DISK_BYTES).await?;
            }
            Self::Cut(end) => cut(system, end).await,
            Self::Forget => kafka.proxies().for_each(stack::proxy::Proxy::forget),
            Self::Hold => kafka.proxies().for_each(stack::proxy::Proxy::hold),
            Self::Delay(time) => kafka.proxies().for_each(|proxy| proxy.delay(time)),
            Self::RefuseLogIns => {
                system.admit(false)?;
                cut(system, End::Finish).await;
            }
            Self::DenyWrites => kafka.deny(PRINCIPAL, &[Operation::Write], topics()).await?,
            Self::ToggleWrites => {
                for _ in 0..TOGGLES {
                    kafka.deny(PRINCIPAL, &[Operation::Write], topics()).await?;
                    sleep(Duration::from_millis(random.random_range(10..200))).await;
                    kafka.revoke(PRINCIPAL, &[Operation::Write], topics()).await?;
                    sleep(TOGGLE_PERIOD).await;
                }
            }
            Self::FreezeFunction | Self::KillFunction => {
                active.processes.push(*system.lambda.processes().choose(random).ok_or("no environment runs")?);
                let kills = self == Self::KillFunction;
                active.signal(if kills { Signal::SIGKILL } else { Signal::SIGSTOP })?;
            }
        }
        Ok(active)
    }
}

impl ActiveFault {
    pub(crate) async fn end(self, system: &System) -> Result<()> {
        let kafka = &system.kafka;
        match self.fault {
            Fault::KillBrokers(_) | Fault::MoveLeaders => self.restart(system).await?,
            Fault::FillDisk => {
                // It may still be running.
                for broker in &self.brokers {
                    kafka.kill_broker(*broker).await?;
                }
                self.restart(system).await?;
            }
            Fault::FreezeBroker | Fault::FreezeFunction => self.signal(Signal::SIGCONT)?,
            Fault::Hold | Fault::Delay(_) => kafka.proxies().try_for_each(stack::proxy::Proxy::pass)?,
            Fault::RefuseLogIns => system.admit(true)?,
            Fault::DenyWrites => kafka.revoke(PRINCIPAL, &[Operation::Write], topics()).await?,
            Fault::ToggleWrites | Fault::RestartBrokers | Fault::Cut(_) | Fault::Forget | Fault::KillFunction => {}
        }
        Ok(())
    }

    /// Restarts the brokers concurrently: of two killed ones neither finds a quorum alone.
    async fn restart(&self, system: &System) -> Result<()> {
        let restarts = self.brokers.iter().map(|broker| system.kafka.restart_broker(*broker));
        futures::future::try_join_all(restarts).await?;
        Ok(())
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        self.processes.iter().try_for_each(|process| process::signal(*process, signal))
    }
}

const fn topics() -> Topics<'static> {
    Topics::Prefixed(USER_ID)
}

async fn cut(system: &System, end: End) {
    for proxy in system.kafka.proxies() {
        proxy.cut(end).await;
    }
}

/// Simulates a full disk: writes beyond this file size fail.
async fn limit_files(process: u32, bytes: u64) -> Result<()> {
    let mut command = Command::new("prlimit");
    command.args([format!("--pid={process}"), format!("--fsize={bytes}")]).stdin(Stdio::null());
    let output = command.output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("prlimit: {}", String::from_utf8_lossy(&output.stderr)).into())
}

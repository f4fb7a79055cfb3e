//! What goes wrong: each kind of trouble has a beginning, a time, and an end.

use std::{fmt, process::Stdio, time::Duration};

use nix::sys::signal::Signal;
use rand::{Rng, rngs::StdRng, seq::IndexedRandom};
use stack::{
    kafka::{Operation, Topics},
    proxy::End,
};
use tokio::process::Command;

use crate::{
    Result, process,
    world::{PRINCIPAL, USER_ID, World},
};

pub(crate) const BROKERS: usize = 3;

/// Largest file that a broker whose disk is full may write, in bytes: it has more in its log by then.
const FULL: u64 = 4_096;

/// One kind of trouble. Brokers are counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// `kill -9`, and started again at its end.
    KillBrokers(usize),
    /// In order, so that its partitions go to the others and come back.
    MoveLeaders,
    /// All of them, in order, one after the other.
    RestartBrokers,
    /// `SIGSTOP`.
    FreezeBroker,
    /// It can write no more, and ends.
    FillDisk,
    /// Every connection to every broker is ended.
    Cut(End),
    /// No byte passes on connections that are open, and nobody says so.
    Forget,
    /// No byte passes at all.
    Hold,
    /// Every buffer takes longer, either way.
    Delay(Duration),
    /// No token is good, and connections are cut.
    RefuseLogIns,
    /// The right to write is taken.
    DenyWrites,
    /// `SIGSTOP` of one of the function's environments, at whatever point it is.
    FreezeFunction,
    /// `kill -9` of one of the function's environments, at whatever point it is.
    KillFunction,
}

impl Trouble {
    /// Each kind once.
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
        each.extend([Self::RefuseLogIns, Self::DenyWrites, Self::FreezeFunction, Self::KillFunction]);
        each
    }
}

impl Trouble {
    /// Whether it takes brokers away. Two such at once are one that nobody could mend: a quorum would be missing.
    const fn takes_brokers(self) -> bool {
        matches!(
            self,
            Self::KillBrokers(_) | Self::MoveLeaders | Self::RestartBrokers | Self::FreezeBroker | Self::FillDisk
        )
    }

    /// Whether the two can come at the same time. Rights are changed by all brokers together.
    pub(crate) fn goes_with(self, other: Self) -> bool {
        let whole = |trouble: Self| trouble.takes_brokers() || trouble == Self::DenyWrites;
        self != other && !(whole(self) && whole(other))
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KillBrokers(1) => f.write_str("a broker is killed"),
            Self::KillBrokers(count) => write!(f, "{count} of {BROKERS} brokers are killed"),
            Self::MoveLeaders => f.write_str("a broker is stopped in order"),
            Self::RestartBrokers => f.write_str("all brokers are restarted, one after the other"),
            Self::FreezeBroker => f.write_str("a broker stands still"),
            Self::FillDisk => f.write_str("a broker's disk is full"),
            Self::Cut(End::Finish) => f.write_str("connections are closed"),
            Self::Cut(End::Reset) => f.write_str("connections are reset"),
            Self::Forget => f.write_str("connections are forgotten on the way"),
            Self::Hold => f.write_str("nothing passes"),
            Self::Delay(time) => write!(f, "{} ms more, either way", time.as_millis()),
            Self::RefuseLogIns => f.write_str("log-ins are refused"),
            Self::DenyWrites => f.write_str("the right to write is taken"),
            Self::FreezeFunction => f.write_str("an environment stands still in a request"),
            Self::KillFunction => f.write_str("an environment is killed in a request"),
        }
    }
}

/// Trouble that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    trouble: Trouble,
    /// Whom it is about.
    brokers: Vec<usize>,
    processes: Vec<u32>,
}

impl Trouble {
    pub(crate) async fn begin(self, world: &World, random: &mut StdRng) -> Result<Begun> {
        let kafka = &world.kafka;
        let broker = random.random_range(1..=BROKERS);
        let mut begun = Begun { trouble: self, brokers: vec![broker], processes: Vec::new() };
        match self {
            Self::KillBrokers(count) => {
                begun.brokers = (0..count).map(|next| (broker + next - 1) % BROKERS + 1).collect();
                for broker in &begun.brokers {
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
                begun.processes.push(kafka.broker_process_id(broker).await?.ok_or("the broker does not run")?);
                begun.signal(Signal::SIGSTOP)?;
            }
            Self::FillDisk => {
                let process = kafka.broker_process_id(broker).await?.ok_or("the broker does not run")?;
                limit_files(process, FULL).await?;
            }
            Self::Cut(end) => cut(world, end).await,
            Self::Forget => kafka.proxies().for_each(stack::proxy::Proxy::forget),
            Self::Hold => kafka.proxies().for_each(stack::proxy::Proxy::hold),
            Self::Delay(time) => kafka.proxies().for_each(|proxy| proxy.delay(time)),
            Self::RefuseLogIns => {
                world.admit(false)?;
                cut(world, End::Finish).await;
            }
            Self::DenyWrites => kafka.deny(PRINCIPAL, &[Operation::Write], topics()).await?,
            Self::FreezeFunction | Self::KillFunction => {
                begun.processes.push(*world.lambda.processes().choose(random).ok_or("no environment runs")?);
                let kills = self == Self::KillFunction;
                begun.signal(if kills { Signal::SIGKILL } else { Signal::SIGSTOP })?;
            }
        }
        Ok(begun)
    }
}

impl Begun {
    pub(crate) async fn end(self, world: &World) -> Result<()> {
        let kafka = &world.kafka;
        match self.trouble {
            Trouble::KillBrokers(_) | Trouble::MoveLeaders => self.restart(world).await?,
            Trouble::FillDisk => {
                // It may not have ended by itself.
                for broker in &self.brokers {
                    kafka.kill_broker(*broker).await?;
                }
                self.restart(world).await?;
            }
            Trouble::FreezeBroker | Trouble::FreezeFunction => self.signal(Signal::SIGCONT)?,
            Trouble::Hold | Trouble::Delay(_) => kafka.proxies().try_for_each(stack::proxy::Proxy::pass)?,
            Trouble::RefuseLogIns => world.admit(true)?,
            Trouble::DenyWrites => kafka.revoke(PRINCIPAL, &[Operation::Write], topics()).await?,
            Trouble::RestartBrokers | Trouble::Cut(_) | Trouble::Forget | Trouble::KillFunction => {}
        }
        Ok(())
    }

    /// Together: of two that were killed neither finds a quorum alone.
    async fn restart(&self, world: &World) -> Result<()> {
        let restarts = self.brokers.iter().map(|broker| world.kafka.restart_broker(*broker));
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

async fn cut(world: &World, end: End) {
    for proxy in world.kafka.proxies() {
        proxy.cut(end).await;
    }
}

/// As a disk that is full: every write behind that many bytes of a file fails.
async fn limit_files(process: u32, bytes: u64) -> Result<()> {
    let mut command = Command::new("prlimit");
    command.args([format!("--pid={process}"), format!("--fsize={bytes}")]).stdin(Stdio::null());
    let output = command.output().await?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("prlimit: {}", String::from_utf8_lossy(&output.stderr)).into())
}

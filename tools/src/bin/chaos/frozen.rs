//! **A freeze at any point**: an environment is frozen in the middle of a request, for up to 20 minutes by its wall
//! clock, while its connections may be cut.

use std::{sync::Arc, time::Duration};

use nix::sys::signal::Signal;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
use shared::deadline::REQUEST_TIMEOUT;
use stack::{
    gateway::{Api, Gateway},
    kafka::Options,
    lambda::Lambda,
    proxy::End,
};
use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

use crate::{
    Result,
    client::{Client, Phase, RetryPolicy},
    journal::Journal,
    plan::Plan,
    process::signal,
    progress::log_progress,
    system::{PARTITIONS, TOPIC, ingest, kafka},
    topic,
};

/// The latest start of a freeze. Requests take less, so some freezes follow them.
const MAX_FREEZE_DELAY: Duration = Duration::from_millis(30);

/// The wall-clock durations of a freeze, which determine the age of tokens.
const WALL_CLOCK_JUMPS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_mins(1), Duration::from_mins(12), Duration::from_mins(20)];

/// The maximum duration by the monotonic clock.
const MAX_FREEZE: Duration = Duration::from_millis(1_500);

/// The time by which the emulator's timeout exceeds the function's own.
const EMULATOR_MARGIN: Duration = Duration::from_secs(2);

/// The time within which a request has to succeed after a freeze, including retries.
const RECOVERY_TIMEOUT: Duration = Duration::from_secs(30);

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    pub(crate) freezes: usize,
    pub(crate) requests: usize,
    pub(crate) not_200: usize,
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Frozen> {
    log_progress(&format!("frozen, {} times", plan.freezes));
    let mut random = StdRng::seed_from_u64(seed);
    // The brokers' clock does not move, so records arrive from hours ahead.
    let any = i64::MAX.to_string();
    let kafka = kafka(Options::default().with("log.message.timestamp.after.max.ms", &any)).await?;
    let mut function = ingest(&kafka).await?;
    function.movable_clock = true;
    // The emulator's clock does not move, so the function sees its deadlines in the past and replaces them.
    function.timeout = REQUEST_TIMEOUT + EMULATOR_MARGIN;
    let lambda = Arc::new(Lambda::start(&function).await?);
    let gateway = Gateway::start(Arc::clone(&lambda), Api::rest("frozen")).await?;
    let (_phase, seen) = watch::channel(Phase::Round(0));
    let url = format!("{}/topics/{TOPIC}", gateway.url());
    let mut client = Client::new(1, &url, RetryPolicy::Never, seed, seen);
    client.until_served().await;

    let mut frozen = Frozen::default();
    let mut passed = Duration::ZERO;
    for freeze in 0..plan.freezes {
        let posting = tokio::spawn(async move {
            client.post_some().await;
            client
        });
        sleep(random.random_range(Duration::ZERO..MAX_FREEZE_DELAY)).await;
        let processes = lambda.processes();
        processes.iter().try_for_each(|process| signal(*process, Signal::SIGSTOP))?;
        if let Some(end) = [Some(End::Finish), Some(End::Reset), None].choose(&mut random).copied().flatten() {
            kafka.proxy().cut(end).await;
        }
        let jump = WALL_CLOCK_JUMPS.choose(&mut random).copied().unwrap_or_default();
        passed += jump;
        lambda.move_clock(jump)?;
        kafka.set_clock_offset(passed.as_secs().try_into()?)?;
        sleep(random.random_range(Duration::ZERO..MAX_FREEZE)).await;
        processes.iter().try_for_each(|process| signal(*process, Signal::SIGCONT))?;
        client = posting.await?;
        if timeout(RECOVERY_TIMEOUT, client.until_served()).await.is_err() {
            frozen.problems.push(format!("frozen: no response 200 after freeze {freeze} of {jump:?}"));
        }
        frozen.freezes += 1;
    }
    let journal = Journal { sent: client.into_sent() };
    frozen.requests = journal.sent.len();
    frozen.not_200 = journal.sent.iter().filter(|sent| sent.status != Some(200)).count();
    let written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    frozen.problems.extend(journal.problems("frozen", &[200, 503], &written));
    Ok(frozen)
}

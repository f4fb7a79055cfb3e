//! **Half an hour**: one `local` serves clients of all kinds, generates posts and archives, while connections are cut
//! or slow and the broker freezes at times. Memory, files and threads must not grow from the first half to the second.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures::future::join_all;
use nix::sys::signal::Signal;
use rand::{Rng, SeedableRng, rngs::StdRng};
use stack::{
    kafka::{Kafka, Options},
    ports::free_port,
    proxy::End,
};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, interval, sleep},
};

use crate::{
    Result,
    client::{Client, Phase, RetryPolicy},
    journal::{Journal, Sent},
    plan::Plan,
    post::{Api, NUMBERS_PER_CLIENT, body},
    process::{Usage, signal},
    progress::log_progress,
    system::{PARTITIONS, TOPIC, kafka, local},
    topic,
};

/// The number of clients with small requests, of either retry policy.
const CLIENTS: u64 = 4;

/// The number of records in a large request.
const LARGE_REQUEST_RECORDS: u64 = 500;

/// The pause between two large requests, and between two reads.
const READ_PAUSE: Duration = Duration::from_millis(200);

/// The maximum time between two faults.
const MAX_CALM: Duration = Duration::from_secs(20);

/// The maximum duration of a fault, short enough for requests to outlast it.
const MAX_FAULT: Duration = Duration::from_secs(3);

/// The added latency in each direction.
const DELAY: Duration = Duration::from_millis(200);

/// Longer than any read may take.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(35);

/// The interval between two samples of the process.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(5);

/// The allowed growth from the first half to the second, without the start: a tenth of the memory, plus one more
/// request's share.
const MORE_MEMORY_MB: u64 = 5;
const MORE_FILES: u64 = 10;
const MORE_THREADS: u64 = 2;

/// The paths of read requests.
const READ_PATHS: [&str; 6] = ["/health", "/topics", "/topics/chaos.geo", "/openapi.json", "/brokers", "/v3/clusters"];

/// The result.
#[derive(Debug)]
pub(crate) struct Soak {
    pub(crate) time: Duration,
    pub(crate) requests: usize,
    pub(crate) refused: usize,
    pub(crate) reads: usize,
    pub(crate) faults: usize,
    /// The usage in the two halves.
    pub(crate) usage: [Usage; 2],
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Soak> {
    log_progress(&format!("soak, {} s", plan.soak.as_secs()));
    let kafka = kafka(Options::default()).await?;
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let local = local(&kafka, &folder, port, &["--archive", "archive", "--posts-per-second", "5"]).await?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let url = format!("http://{address}/topics/{TOPIC}");
    let (phase, seen) = watch::channel(Phase::Round(0));

    let retry_policies = [RetryPolicy::Never, RetryPolicy::UntilConfirmed].into_iter().cycle();
    let clients = (1..=CLIENTS)
        .zip(retry_policies)
        .map(|(number, retry_policy)| tokio::spawn(Client::new(number, &url, retry_policy, seed, seen.clone()).run()));
    let mut posting: Vec<_> = clients.collect();
    posting.push(tokio::spawn(post_many(
        Client::new(CLIENTS + 1, &url, RetryPolicy::Never, seed, seen.clone()),
        seen.clone(),
    )));
    let reading = tokio::spawn(send_reads(address, seen));
    let sampling = sample(local.id(), phase.subscribe());
    let faults = inject_faults(&kafka, plan.soak, seed).await?;
    phase.send_replace(Phase::Over);

    let mut journal = Journal::default();
    for sent in join_all(posting).await {
        journal.sent.extend(sent?);
    }
    let (reads, mut problems) = reading.await?;
    let samples = sampling.await??;
    let mut written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    // The pipeline's own posts have lower numbers than any client's.
    let all = written.len();
    written.retain(|_, posted| posted.is_none_or(|posted| posted.number >= NUMBERS_PER_CLIENT));
    if written.len() == all {
        problems.push("soak: the pipeline generated no posts".to_owned());
    }
    if fs::read_dir(folder.path().join("archive/topics").join(TOPIC))?.next().is_none() {
        problems.push("soak: nothing was archived".to_owned());
    }
    problems.extend(journal.problems("soak", &[200, 422, 503], &written));
    let usage = halves(&samples).ok_or("the process was not sampled")?;
    problems.extend(growth(usage));
    Ok(Soak {
        time: plan.soak,
        requests: journal.sent.len(),
        refused: journal.sent.iter().filter(|sent| sent.status == Some(503)).count(),
        reads,
        faults,
        usage,
        problems,
    })
}

/// Injects faults for a time. Returns their number.
async fn inject_faults(kafka: &Kafka, time: Duration, seed: u64) -> Result<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let end = Instant::now() + time;
    let mut faults = 0;
    while Instant::now() < end {
        let calm = random.random_range(Duration::ZERO..MAX_CALM);
        sleep(calm.min(end.saturating_duration_since(Instant::now()))).await;
        let duration = random.random_range(Duration::ZERO..MAX_FAULT);
        match random.random_range(0..4) {
            0 => kafka.proxy().cut(End::Finish).await,
            1 => kafka.proxy().cut(End::Reset).await,
            2 => {
                kafka.proxy().delay(DELAY);
                sleep(duration).await;
                kafka.proxy().delay(Duration::ZERO);
            }
            _ => {
                let broker = kafka.broker_process_id(1).await?.ok_or("no broker")?;
                signal(broker, Signal::SIGSTOP)?;
                sleep(duration).await;
                signal(broker, Signal::SIGCONT)?;
            }
        }
        faults += 1;
    }
    Ok(faults)
}

/// Sends large requests, one after the other.
async fn post_many(mut client: Client, phase: watch::Receiver<Phase>) -> Vec<Sent> {
    let mut first = (CLIENTS + 1) * NUMBERS_PER_CLIENT;
    while *phase.borrow() != Phase::Over {
        let numbers: Vec<_> = (first..first + LARGE_REQUEST_RECORDS).collect();
        first += LARGE_REQUEST_RECORDS;
        client.post(&numbers, 0, body(Api::Topics, &numbers, 0)).await;
        sleep(READ_PAUSE).await;
    }
    client.into_sent()
}

/// Sends read requests until the end. Returns their number, and statuses other than 200 and 503.
async fn send_reads(address: SocketAddr, phase: watch::Receiver<Phase>) -> (usize, Vec<String>) {
    let http = reqwest::Client::new();
    let (mut reads, mut problems) = (0, Vec::new());
    for path in READ_PATHS.into_iter().cycle() {
        if *phase.borrow() == Phase::Over {
            break;
        }
        let read = http.get(format!("http://{address}{path}")).timeout(RESPONSE_TIMEOUT);
        match read.send().await.map(|answer| answer.status().as_u16()) {
            Ok(200 | 503) => {}
            other => problems.push(format!("soak: {path}: {other:?}")),
        }
        reads += 1;
        sleep(READ_PAUSE).await;
    }
    (reads, problems)
}

/// Samples the process until the end.
fn sample(process: u32, phase: watch::Receiver<Phase>) -> JoinHandle<Result<Vec<Usage>>> {
    tokio::spawn(async move {
        let (mut ticks, mut samples) = (interval(SAMPLE_INTERVAL), Vec::new());
        while *phase.borrow() != Phase::Over {
            ticks.tick().await;
            samples.push(Usage::of(process)?);
        }
        Ok(samples)
    })
}

/// Returns the medians of the two halves after the start, which is the first fifth.
fn halves(samples: &[Usage]) -> Option<[Usage; 2]> {
    let after_start = samples.get(samples.len() / 5..)?;
    let (first, second) = after_start.split_at(after_start.len() / 2);
    Some([medians(first)?, medians(second)?])
}

/// Returns the median of each value.
fn medians(samples: &[Usage]) -> Option<Usage> {
    let median = |of: fn(&Usage) -> u64| {
        let mut values: Vec<_> = samples.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    Some(Usage {
        memory_mb: median(|usage| usage.memory_mb)?,
        peak_memory_mb: median(|usage| usage.peak_memory_mb)?,
        files: median(|usage| usage.files)?,
        threads: median(|usage| usage.threads)?,
    })
}

/// Returns the values that grew by more than allowed.
fn growth([first, second]: [Usage; 2]) -> Vec<String> {
    let bounds = [
        ("MB of memory", first.memory_mb, second.memory_mb, first.memory_mb / 10 + MORE_MEMORY_MB),
        ("files", first.files, second.files, MORE_FILES),
        ("threads", first.threads, second.threads, MORE_THREADS),
    ];
    let growth = bounds.into_iter().filter(|(_, first, second, more)| *second > first + more);
    growth.map(|(what, first, second, _)| format!("soak: from {first} to {second} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn usage(memory_mb: u64, files: u64, threads: u64) -> Usage {
        Usage { memory_mb, peak_memory_mb: 0, files, threads }
    }

    #[test]
    fn growth_after_the_start_is_reported() {
        let flat = [usage(10, 5, 5), usage(50, 20, 9), usage(50, 21, 9), usage(51, 20, 9), usage(50, 20, 9)];
        assert_eq!(growth(halves(&flat).unwrap()), Vec::<String>::new());
        let leaking: Vec<_> = (0..100).map(|at| usage(50 + at, 20 + at, 9 + at)).collect();
        assert_eq!(growth(halves(&leaking).unwrap()).len(), 3);
    }
}

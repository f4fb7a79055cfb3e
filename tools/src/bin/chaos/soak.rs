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
    client::{Client, Manner, Now},
    journal::{Journal, Sent},
    plan::Plan,
    post::{NUMBERS, body},
    process::{Held, signal},
    progress::say,
    topic,
    world::{PARTITIONS, TOPIC, kafka, local},
};

/// The number of clients with small requests, of either retry policy.
const CLIENTS: u64 = 4;

/// The number of records in a large request.
const MANY: u64 = 500;

/// The pause between two large requests, and between two reads.
const PAUSE: Duration = Duration::from_millis(200);

/// The maximum time between two faults.
const CALM: Duration = Duration::from_secs(20);

/// The maximum duration of a fault, short enough for requests to outlast it.
const TROUBLE: Duration = Duration::from_secs(3);

/// The added latency in each direction.
const DELAY: Duration = Duration::from_millis(200);

/// Longer than any read may take.
const TIME_TO_ANSWER: Duration = Duration::from_secs(35);

/// The interval between two samples of the process.
const LOOKING: Duration = Duration::from_secs(5);

/// The allowed growth from the first half to the second, without the start: a tenth of the memory, plus one more
/// request's share.
const MORE_MEMORY_MB: u64 = 5;
const MORE_FILES: u64 = 10;
const MORE_THREADS: u64 = 2;

/// The paths of read requests.
const QUESTIONS: [&str; 6] = ["/health", "/topics", "/topics/chaos.geo", "/openapi.json", "/brokers", "/v3/clusters"];

/// The result.
#[derive(Debug)]
pub(crate) struct Soak {
    pub(crate) time: Duration,
    pub(crate) requests: usize,
    pub(crate) refused: usize,
    pub(crate) questions: usize,
    pub(crate) troubles: usize,
    /// The usage in the two halves.
    pub(crate) held: [Held; 2],
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// Fails if the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Soak> {
    say(&format!("soak, {} s", plan.soak.as_secs()));
    let kafka = kafka(Options::default()).await?;
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let local = local(&kafka, &folder, port, &["--archive", "archive", "--posts-per-second", "5"]).await?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let url = format!("http://{address}/topics/{TOPIC}");
    let (now, seen) = watch::channel(Now::Round(0));

    let manners = [Manner::GoesOn, Manner::Repeats].into_iter().cycle();
    let clients = (1..=CLIENTS)
        .zip(manners)
        .map(|(number, manner)| tokio::spawn(Client::new(number, &url, manner, seed, seen.clone()).run()));
    let mut posting: Vec<_> = clients.collect();
    posting.push(tokio::spawn(post_many(
        Client::new(CLIENTS + 1, &url, Manner::GoesOn, seed, seen.clone()),
        seen.clone(),
    )));
    let asking = tokio::spawn(ask(address, seen));
    let looking = look(local.id(), now.subscribe());
    let troubles = make_trouble(&kafka, plan.soak, seed).await?;
    now.send_replace(Now::Over);

    let mut journal = Journal::default();
    for sent in join_all(posting).await {
        journal.sent.extend(sent?);
    }
    let (questions, mut problems) = asking.await?;
    let samples = looking.await??;
    let mut written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    // The pipeline's own posts have lower numbers than any client's.
    let all = written.len();
    written.retain(|_, posted| posted.is_none_or(|posted| posted.number >= NUMBERS));
    if written.len() == all {
        problems.push("soak: the pipeline generated no posts".to_owned());
    }
    if fs::read_dir(folder.path().join("archive/topics").join(TOPIC))?.next().is_none() {
        problems.push("soak: nothing was archived".to_owned());
    }
    problems.extend(journal.problems("soak", &[200, 422, 503], &written));
    let held = halves(&samples).ok_or("the process was not sampled")?;
    problems.extend(grown(held));
    Ok(Soak {
        time: plan.soak,
        requests: journal.sent.len(),
        refused: journal.sent.iter().filter(|sent| sent.status == Some(503)).count(),
        questions,
        troubles,
        held,
        problems,
    })
}

/// Injects faults for a time. Returns their number.
async fn make_trouble(kafka: &Kafka, time: Duration, seed: u64) -> Result<usize> {
    let mut random = StdRng::seed_from_u64(seed);
    let end = Instant::now() + time;
    let mut troubles = 0;
    while Instant::now() < end {
        let calm = random.random_range(Duration::ZERO..CALM);
        sleep(calm.min(end.saturating_duration_since(Instant::now()))).await;
        let trouble = random.random_range(Duration::ZERO..TROUBLE);
        match random.random_range(0..4) {
            0 => kafka.proxy().cut(End::Finish).await,
            1 => kafka.proxy().cut(End::Reset).await,
            2 => {
                kafka.proxy().delay(DELAY);
                sleep(trouble).await;
                kafka.proxy().delay(Duration::ZERO);
            }
            _ => {
                let broker = kafka.broker_process_id(1).await?.ok_or("no broker")?;
                signal(broker, Signal::SIGSTOP)?;
                sleep(trouble).await;
                signal(broker, Signal::SIGCONT)?;
            }
        }
        troubles += 1;
    }
    Ok(troubles)
}

/// Sends large requests, one after the other.
async fn post_many(mut client: Client, now: watch::Receiver<Now>) -> Vec<Sent> {
    let mut first = (CLIENTS + 1) * NUMBERS;
    while *now.borrow() != Now::Over {
        let numbers: Vec<_> = (first..first + MANY).collect();
        first += MANY;
        client.post(&numbers, 0, body(&numbers, 0)).await;
        sleep(PAUSE).await;
    }
    client.into_sent()
}

/// Sends read requests until the end. Returns their number, and statuses other than 200 and 503.
async fn ask(address: SocketAddr, now: watch::Receiver<Now>) -> (usize, Vec<String>) {
    let http = reqwest::Client::new();
    let (mut asked, mut problems) = (0, Vec::new());
    for path in QUESTIONS.into_iter().cycle() {
        if *now.borrow() == Now::Over {
            break;
        }
        let question = http.get(format!("http://{address}{path}")).timeout(TIME_TO_ANSWER);
        match question.send().await.map(|answer| answer.status().as_u16()) {
            Ok(200 | 503) => {}
            other => problems.push(format!("soak: {path}: {other:?}")),
        }
        asked += 1;
        sleep(PAUSE).await;
    }
    (asked, problems)
}

/// Samples the process until the end.
fn look(process: u32, now: watch::Receiver<Now>) -> JoinHandle<Result<Vec<Held>>> {
    tokio::spawn(async move {
        let (mut looks, mut samples) = (interval(LOOKING), Vec::new());
        while *now.borrow() != Now::Over {
            looks.tick().await;
            samples.push(Held::by(process)?);
        }
        Ok(samples)
    })
}

/// Returns the medians of the two halves after the start, which is the first fifth.
fn halves(samples: &[Held]) -> Option<[Held; 2]> {
    let after_start = samples.get(samples.len() / 5..)?;
    let (first, second) = after_start.split_at(after_start.len() / 2);
    Some([usual(first)?, usual(second)?])
}

/// Returns the median of each value.
fn usual(samples: &[Held]) -> Option<Held> {
    let median = |of: fn(&Held) -> u64| {
        let mut values: Vec<_> = samples.iter().map(of).collect();
        values.sort_unstable();
        values.get(values.len() / 2).copied()
    };
    Some(Held {
        memory_mb: median(|held| held.memory_mb)?,
        peak_memory_mb: median(|held| held.peak_memory_mb)?,
        files: median(|held| held.files)?,
        threads: median(|held| held.threads)?,
    })
}

/// Returns the values that grew by more than allowed.
fn grown([first, second]: [Held; 2]) -> Vec<String> {
    let bounds = [
        ("MB of memory", first.memory_mb, second.memory_mb, first.memory_mb / 10 + MORE_MEMORY_MB),
        ("files", first.files, second.files, MORE_FILES),
        ("threads", first.threads, second.threads, MORE_THREADS),
    ];
    let grown = bounds.into_iter().filter(|(_, first, second, more)| *second > first + more);
    grown.map(|(what, first, second, _)| format!("soak: from {first} to {second} {what}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn held(memory_mb: u64, files: u64, threads: u64) -> Held {
        Held { memory_mb, peak_memory_mb: 0, files, threads }
    }

    #[test]
    fn growth_after_the_start_is_reported() {
        let flat = [held(10, 5, 5), held(50, 20, 9), held(50, 21, 9), held(51, 20, 9), held(50, 20, 9)];
        assert_eq!(grown(halves(&flat).unwrap()), Vec::<String>::new());
        let leaking: Vec<_> = (0..100).map(|at| held(50 + at, 20 + at, 9 + at)).collect();
        assert_eq!(grown(halves(&leaking).unwrap()).len(), 3);
    }
}

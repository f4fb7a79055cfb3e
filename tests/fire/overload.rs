//! **Overload**: clients send to `local` far more than it can take, slowly, by halves, and all at once.

use std::{
    collections::BTreeMap,
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures::future::join_all;
use stack::{kafka::Options, ports::free_port};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    Result,
    client::{Client, Manner, Now},
    journal::{Journal, Sent},
    plan::Plan,
    post::{CONTENT_TYPE, NUMBERS, body},
    progress::say,
    topic,
    world::{PARTITIONS, TOPIC, kafka, local},
};

/// The most memory that `local` may ever have had, in MB: eight times the bodies that it has room for, and itself.
pub(crate) const MAX_MEMORY_MB: u64 = 260;

/// How soon it serves again.
pub(crate) const TIME_TO_RECOVER: Duration = Duration::from_secs(1);

/// Clients of each kind.
pub(crate) const CLIENTS: usize = 100;

/// Records of a body of somewhat less than 6 MB.
const RECORDS: u64 = 38_000;

/// What one that does not send its whole body says that it is long.
const PROMISED: usize = 6_000_000;

/// Between two bytes of a slow client.
const SLOWLY: Duration = Duration::from_millis(200);

/// Between two clients that hang up.
const BEFORE_AGAIN: Duration = Duration::from_millis(20);

const TIME_TO_ANSWER: Duration = Duration::from_secs(35);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    pub(crate) memory_mb: u64,
    /// How many requests with all of a body had each status.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) hung_up: usize,
    pub(crate) served_after: Duration,
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When something cannot be done; what is found is in the answer.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Overload> {
    say(&format!("overload, {CLIENTS} clients of each kind"));
    let kafka = kafka(Options::default()).await?;
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let local = local(&kafka, &folder, port).await?;
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let url = format!("http://{address}/topics/{TOPIC}");
    let (now, seen) = watch::channel(Now::Round(0));

    let clients = (0..CLIENTS as u64).map(|number| {
        tokio::spawn(Client::new(number, &url, Manner::GoesOn, seed, seen.clone()).pausing(BEFORE_AGAIN).run())
    });
    let clients: Vec<_> = clients.collect();
    let large = (0..CLIENTS as u64)
        .map(|number| tokio::spawn(send_large(url.clone(), NUMBERS * (CLIENTS as u64 + number), seen.clone())));
    let large: Vec<_> = large.collect();
    let slow: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(send_slowly(address, seen.clone()))).collect();
    let hasty: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(hang_up(address, seen.clone()))).collect();
    sleep(plan.overload).await;
    now.send_replace(Now::Over);

    let mut overload = Overload::default();
    for hasty in hasty {
        overload.hung_up += hasty.await?;
    }
    for slow in slow {
        slow.abort();
    }
    let mut journal = Journal::default();
    for sent in join_all(clients.into_iter().chain(large)).await {
        journal.sent.extend(sent?);
    }
    let mut after = Client::new(NUMBERS, &url, Manner::GoesOn, seed, seen);
    let begun = Instant::now();
    after.until_served().await;
    overload.served_after = begun.elapsed();
    journal.sent.extend(after.into_sent());
    overload.memory_mb = peak_memory_mb(local.id())?;

    for Sent { status, broken, .. } in &journal.sent {
        *overload.answers.entry(status.map_or("none".to_owned(), |status| status.to_string())).or_default() += 1;
        if !matches!(status, Some(200 | 408 | 422 | 429 | 503)) {
            overload.problems.push(format!("overload: answered {status:?}"));
        }
        overload.problems.extend(broken.iter().map(|broken| format!("overload: {broken}")));
    }
    let written = topic::numbers(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    let verdict = journal.held_to(&written);
    overload.problems.extend(verdict.faults.iter().map(|fault| format!("overload: {fault:?}")));
    if overload.memory_mb > MAX_MEMORY_MB {
        overload.problems.push(format!("overload: {} MB, and {MAX_MEMORY_MB} are admitted", overload.memory_mb));
    }
    if overload.served_after > TIME_TO_RECOVER {
        overload.problems.push(format!("overload: served again after {:?}", overload.served_after));
    }
    Ok(overload)
}

/// Bodies of 6 MB, one after the other.
async fn send_large(url: String, first: u64, now: watch::Receiver<Now>) -> Vec<Sent> {
    let mut client = Client::new(first / NUMBERS, &url, Manner::GoesOn, first, now.clone());
    let numbers: Vec<_> = (first..first + RECORDS).collect();
    let body = body(&numbers);
    while *now.borrow() != Now::Over {
        client.post(&numbers, body.clone()).await;
        sleep(BEFORE_AGAIN).await;
    }
    client.into_sent()
}

fn head() -> String {
    format!(
        "POST /topics/{TOPIC} HTTP/1.1\r\nHost: local\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {PROMISED}\r\n\r\n"
    )
}

/// A byte at a time.
async fn send_slowly(address: SocketAddr, now: watch::Receiver<Now>) {
    while *now.borrow() != Now::Over {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            sleep(BEFORE_AGAIN).await;
            continue;
        };
        // Until it is answered that this takes too long.
        let send = async {
            stream.write_all(head().as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(SLOWLY).await;
            }
            #[expect(unreachable_code, reason = "says of what kind the errors are")]
            std::io::Result::Ok(())
        };
        drop(timeout(TIME_TO_ANSWER, send).await);
    }
}

/// In the middle of its body. Returns how often.
async fn hang_up(address: SocketAddr, now: watch::Receiver<Now>) -> usize {
    let half = vec![b' '; PROMISED / 100];
    let mut times = 0;
    while *now.borrow() != Now::Over {
        let send = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(head().as_bytes()).await?;
            stream.write_all(&half).await
        };
        times += usize::from(matches!(timeout(TIME_TO_ANSWER, send).await, Ok(Ok(()))));
        sleep(BEFORE_AGAIN).await;
    }
    times
}

fn peak_memory_mb(process: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024 / 1_000_000)
}

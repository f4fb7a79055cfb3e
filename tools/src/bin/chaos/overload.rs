//! **Overload**: clients send to `local` far more than it can take, slowly, partially, and all at once.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use futures::future::join_all;
use stack::{kafka::Options, ports::free_port};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    sync::watch,
    task::spawn_blocking,
    time::{Instant, sleep, timeout},
};

use crate::{
    Result,
    client::{Client, Phase, RetryPolicy},
    journal::{Journal, Sent},
    plan::Plan,
    post::{Api, CONTENT_TYPE, NUMBERS_PER_CLIENT, body, body_of_large},
    process::Usage,
    progress::log_progress,
    system::{PARTITIONS, PASSIVE, TOPIC, kafka, local},
    topic,
};

/// The maximum peak memory of `local` in MB: over twenty times its budget for bodies (for their copies as bytes, as records, in
/// librdkafka's queue and in its batches, and the allocator's overhead), plus the program itself as a debug build.
pub(crate) const MAX_MEMORY_MB: u64 = 320;

/// The time within which it has to serve again.
pub(crate) const RECOVERY_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of clients of each kind.
pub(crate) const CLIENTS: usize = 100;

/// Bodies just below 6 MB: one with the most records, one with the largest records that a topic accepts.
const BODIES: [Body; 2] = [Body { records: 38_000, size: 0 }, Body { records: 6, size: 900_000 }];

/// The `Content-Length` of requests that are sent partially.
const CONTENT_LENGTH: usize = 6_000_000;

/// The interval between two bytes of a slow client.
const BYTE_INTERVAL: Duration = Duration::from_millis(200);

/// The delay between two requests of a client.
const RETRY_DELAY: Duration = Duration::from_millis(20);

const RESPONSE_TIMEOUT: Duration = Duration::from_secs(35);

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Overload {
    pub(crate) memory_mb: u64,
    /// The number of complete requests by status.
    pub(crate) answers: BTreeMap<String, usize>,
    pub(crate) hung_up: usize,
    pub(crate) served_after: Duration,
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Overload> {
    log_progress(&format!("overload, {CLIENTS} clients of each kind"));
    let kafka = kafka(Options::default()).await?;
    let (folder, port) = (tempfile::tempdir()?, free_port()?);
    let local = local(&kafka, &folder, port, PASSIVE).await?;
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let url = format!("http://{address}/topics/{TOPIC}");
    let (phase, seen) = watch::channel(Phase::Round(0));

    let clients = (0..CLIENTS as u64).map(|number| {
        tokio::spawn(Client::new(number, &url, RetryPolicy::Never, seed, seen.clone()).pausing(RETRY_DELAY).run())
    });
    let clients: Vec<_> = clients.collect();
    let large = (CLIENTS as u64..).zip(BODIES.into_iter().cycle().take(CLIENTS));
    let large = large.map(|(number, body)| {
        let client = Client::new(number, &url, RetryPolicy::Never, seed, seen.clone());
        tokio::spawn(send_large(client, number, body, seen.clone()))
    });
    let large: Vec<_> = large.collect();
    let slow: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(send_slowly(address, seen.clone()))).collect();
    let hasty: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(hang_up(address, seen.clone()))).collect();
    sleep(plan.overload).await;
    phase.send_replace(Phase::Over);
    // Overlaps with the requests still in flight.
    let mut after = Client::new(2 * CLIENTS as u64, &url, RetryPolicy::Never, seed, seen);
    let begun = Instant::now();
    // Longer than the limit, to measure by how much it is exceeded.
    drop(timeout(RESPONSE_TIMEOUT, after.until_served()).await);
    let served_after = begun.elapsed();

    let mut overload = Overload { served_after, ..Overload::default() };
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
    journal.sent.extend(after.into_sent());
    overload.memory_mb = Usage::of(local.id())?.peak_memory_mb;

    for Sent { status, .. } in &journal.sent {
        *overload.answers.entry(status.map_or("none".to_owned(), |status| status.to_string())).or_default() += 1;
    }
    let written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    overload.problems = journal.problems("overload", &[200, 408, 422, 429, 503], &written);
    let answered = |status: &str| overload.answers.contains_key(status);
    if !answered("200") || !(answered("429") || answered("503")) || overload.hung_up == 0 {
        overload.problems.push("overload: not reached".to_owned());
    }
    if overload.memory_mb > MAX_MEMORY_MB {
        overload.problems.push(format!("overload: {} MB, more than {MAX_MEMORY_MB} MB", overload.memory_mb));
    }
    if overload.served_after > RECOVERY_TIMEOUT {
        overload.problems.push(format!("overload: served again only after {:?}", overload.served_after));
    }
    Ok(overload)
}

/// The shape of a large body.
#[derive(Debug, Clone, Copy)]
struct Body {
    records: u64,
    /// Bytes per record; 0 for the usual row.
    size: usize,
}

/// Sends large bodies, one after the other.
async fn send_large(
    mut client: Client,
    number: u64,
    Body { records, size }: Body,
    phase: watch::Receiver<Phase>,
) -> Vec<Sent> {
    let mut first = number * NUMBERS_PER_CLIENT;
    while *phase.borrow() != Phase::Over {
        let numbers: Vec<_> = (first..first + records).collect();
        first += records;
        // Built on another thread, so that the other clients go on.
        let made = spawn_blocking(move || {
            let body = if size == 0 { body(Api::Topics, &numbers, 0) } else { body_of_large(&numbers, size) };
            (numbers, body)
        });
        let Ok((numbers, body)) = made.await else { break };
        client.post(&numbers, 0, body).await;
        sleep(RETRY_DELAY).await;
    }
    client.into_sent()
}

fn head() -> String {
    format!(
        "POST /topics/{TOPIC} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {CONTENT_TYPE}\r\nContent-Length: {CONTENT_LENGTH}\r\n\r\n"
    )
}

/// Sends a body byte by byte.
async fn send_slowly(address: SocketAddr, phase: watch::Receiver<Phase>) {
    while *phase.borrow() != Phase::Over {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            sleep(RETRY_DELAY).await;
            continue;
        };
        // Until the server times out and closes the connection.
        let send = async {
            stream.write_all(head().as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                sleep(BYTE_INTERVAL).await;
            }
            #[expect(unreachable_code, reason = "declares the error type")]
            std::io::Result::Ok(())
        };
        drop(timeout(RESPONSE_TIMEOUT, send).await);
    }
}

/// Closes connections in the middle of the body. Returns their number.
async fn hang_up(address: SocketAddr, phase: watch::Receiver<Phase>) -> usize {
    let beginning = vec![b' '; CONTENT_LENGTH / 100];
    let mut times = 0;
    while *phase.borrow() != Phase::Over {
        let send = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(head().as_bytes()).await?;
            stream.write_all(&beginning).await
        };
        times += usize::from(matches!(timeout(RESPONSE_TIMEOUT, send).await, Ok(Ok(()))));
        sleep(RETRY_DELAY).await;
    }
    times
}

//! **Overload**: clients send to `local` far more than it can take, slowly, by halves, and all at once.

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
    client::{Client, Manner, Now},
    journal::{Journal, Sent},
    plan::Plan,
    post::{CONTENT_TYPE, NUMBERS, body, body_of_large},
    process::Held,
    progress::say,
    topic,
    world::{PARTITIONS, PASSIVE, TOPIC, kafka, local},
};

/// The most memory that `local` may ever have had, in MB: ten times the bodies that it has room for (as they came, as records,
/// in librdkafka's queue, in its batches, and the allocator's part), and itself as a debug build.
pub(crate) const MAX_MEMORY_MB: u64 = 320;

/// How soon it serves again.
pub(crate) const TIME_TO_RECOVER: Duration = Duration::from_secs(1);

/// Clients of each kind.
pub(crate) const CLIENTS: usize = 100;

/// Records of a body of somewhat less than 6 MB: as many as there can be, and as large as a topic takes.
const BODIES: [Body; 2] = [Body { records: 38_000, size: 0 }, Body { records: 6, size: 900_000 }];

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
    let local = local(&kafka, &folder, port, PASSIVE).await?;
    let address: SocketAddr = (Ipv4Addr::LOCALHOST, port).into();
    let url = format!("http://{address}/topics/{TOPIC}");
    let (now, seen) = watch::channel(Now::Round(0));

    let clients = (0..CLIENTS as u64).map(|number| {
        tokio::spawn(Client::new(number, &url, Manner::GoesOn, seed, seen.clone()).pausing(BEFORE_AGAIN).run())
    });
    let clients: Vec<_> = clients.collect();
    let large = (CLIENTS as u64..).zip(BODIES.into_iter().cycle().take(CLIENTS));
    let large = large.map(|(number, body)| {
        let client = Client::new(number, &url, Manner::GoesOn, seed, seen.clone());
        tokio::spawn(send_large(client, number, body, seen.clone()))
    });
    let large: Vec<_> = large.collect();
    let slow: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(send_slowly(address, seen.clone()))).collect();
    let hasty: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(hang_up(address, seen.clone()))).collect();
    sleep(plan.overload).await;
    now.send_replace(Now::Over);
    // Beside what the others have begun.
    let mut after = Client::new(2 * CLIENTS as u64, &url, Manner::GoesOn, seed, seen);
    let begun = Instant::now();
    // Longer than is admitted, to tell how long it took.
    drop(timeout(TIME_TO_ANSWER, after.until_served()).await);
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
    overload.memory_mb = Held::by(local.id())?.peak_memory_mb;

    for Sent { status, .. } in &journal.sent {
        *overload.answers.entry(status.map_or("none".to_owned(), |status| status.to_string())).or_default() += 1;
    }
    let written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    overload.problems = journal.problems("overload", &[200, 408, 422, 429, 503], &written);
    let answered = |status: &str| overload.answers.contains_key(status);
    if !answered("200") || !(answered("429") || answered("503")) || overload.hung_up == 0 {
        overload.problems.push("overload: it was none".to_owned());
    }
    if overload.memory_mb > MAX_MEMORY_MB {
        overload.problems.push(format!("overload: {} MB, and {MAX_MEMORY_MB} are admitted", overload.memory_mb));
    }
    if overload.served_after > TIME_TO_RECOVER {
        overload.problems.push(format!("overload: served again after {:?}", overload.served_after));
    }
    Ok(overload)
}

/// What a large body is made of.
#[derive(Debug, Clone, Copy)]
struct Body {
    records: u64,
    /// Of each, in bytes; 0 for the usual one.
    size: usize,
}

/// Large bodies, one after the other.
async fn send_large(
    mut client: Client,
    number: u64,
    Body { records, size }: Body,
    now: watch::Receiver<Now>,
) -> Vec<Sent> {
    let mut first = number * NUMBERS;
    while *now.borrow() != Now::Over {
        let numbers: Vec<_> = (first..first + records).collect();
        first += records;
        // The others are to go on meanwhile.
        let made = spawn_blocking(move || {
            let body = if size == 0 { body(&numbers, 0) } else { body_of_large(&numbers, size) };
            (numbers, body)
        });
        let Ok((numbers, body)) = made.await else { break };
        client.post(&numbers, 0, body).await;
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
    let beginning = vec![b' '; PROMISED / 100];
    let mut times = 0;
    while *now.borrow() != Now::Over {
        let send = async {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(head().as_bytes()).await?;
            stream.write_all(&beginning).await
        };
        times += usize::from(matches!(timeout(TIME_TO_ANSWER, send).await, Ok(Ok(()))));
        sleep(BEFORE_AGAIN).await;
    }
    times
}

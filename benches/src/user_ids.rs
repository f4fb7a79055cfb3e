//! Starts with 1, 23 and 100 user ids, each of which has a topic per kind.

use std::time::Duration;

use hot_path::payload::{body, rows};
use shared::{kind::PIN, topic::UserIds};
use stack::{kafka::Kafka, lambda::Lambda, ports::free_port, process::Process};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{Instant, sleep, timeout},
};

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    payload::small_event,
    peers::{INGEST, Listener, TOPIC, USER_ID, for_benchmarks, kafka, peers, with_user_ids},
    plan::Plan,
    progress::log_progress,
};

/// `ingest` on the plain listener.
pub(crate) const PLAIN: &str = "`ingest`, plain listener";
/// `ingest` on the IAM listener.
pub(crate) const IAM: &str = "`ingest`, IAM listener";
/// `local` on the plain listener.
pub(crate) const LOCAL: &str = "`local`, plain listener";

pub(crate) const COLUMNS: &[Metric] = &[Metric::FirstAnswer];

/// The numbers of user ids. A stack's policies hold up to 23.
const COUNTS: [usize; 3] = [1, 23, 100];
/// The candidates, one per number.
pub(crate) const NAMES: [&str; COUNTS.len()] = ["1 user id", "23 user ids", "100 user ids"];

/// The delay between two attempts to connect to a starting server.
const CONNECT_RETRY_DELAY: Duration = Duration::from_millis(1);

const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    log_progress("creating the topics of 100 user ids");
    for topic in user_ids(COUNTS[2])?.topic_names() {
        if topic != TOPIC {
            kafka.create_topic(&topic, 1).await?;
        }
    }
    // Start 0 is a discarded warm-up of the broker.
    for start in 0..=plan.starts {
        for (count, name) in COUNTS.into_iter().zip(NAMES) {
            let user_ids = user_ids(count)?;
            let mut measured = Vec::new();
            for (listener, scene) in [(Listener::Plain, PLAIN), (Listener::Iam, IAM)] {
                log_progress(&format!("{scene}, {name}, {start} of {}", plan.starts));
                measured.push((scene, of_ingest(&folder, &kafka, listener, &user_ids).await?));
            }
            log_progress(&format!("{LOCAL}, {name}, {start} of {}", plan.starts));
            measured.push((LOCAL, of_local(&folder, &kafka, &user_ids).await?));
            for (scene, took_ms) in measured.into_iter().filter(|_| start > 0) {
                figures.push(scene, name, Metric::FirstAnswer, took_ms);
            }
        }
    }
    Ok(())
}

/// The benchmark's user id, and `count` - 1 others whose topics its rights include.
fn user_ids(count: usize) -> Result<UserIds> {
    let others = (2..=count).map(|number| format!(",{USER_ID}.{number}"));
    Ok(format!("{USER_ID}{}", others.collect::<String>()).parse()?)
}

async fn of_ingest(folder: &TempDir, kafka: &Kafka, listener: Listener, user_ids: &UserIds) -> Result<f64> {
    let ours = peers(folder, listener)?.into_iter().find(|peer| peer.name == INGEST).ok_or("no function")?;
    let function = with_user_ids(ours.function(kafka, listener)?, user_ids);
    let lambda = Lambda::start(&function).await?;
    let event = small_event(TOPIC)?;
    let begun = Instant::now();
    let answer = lambda.invoke(&event).await?;
    if answer["statusCode"] != 200 {
        return Err(answer.to_string().into());
    }
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

async fn of_local(folder: &TempDir, kafka: &Kafka, user_ids: &UserIds) -> Result<f64> {
    let port = free_port()?;
    let (address, servers) = (format!("127.0.0.1:{port}"), kafka.internal_servers());
    let arguments = ["--listen", &address, "--posts-per-second", "0", "--no-archive"];
    let arguments = arguments.into_iter().chain(["--bootstrap-servers", &servers]);
    let user_ids: Vec<_> = user_ids.iter().map(ToString::to_string).collect();
    let arguments = arguments.chain(user_ids.iter().flat_map(|user_id| ["--user-id", user_id]));
    let begun = Instant::now();
    let log = folder.path().join("local.log");
    let no_variables: [(&str, &str); 0] = [];
    let program = folders::program("pinterest-data-pipeline");
    let _local = Process::start("local", program, arguments, no_variables, folder.path(), &log)?;
    let mut stream = timeout(ANSWER_TIMEOUT, connect(port)).await?;
    let body = body(rows(&PIN).take(1));
    let head = format!("POST /topics/{TOPIC} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n");
    let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 1024];
    let read = timeout(ANSWER_TIMEOUT, stream.read(&mut answer)).await??;
    let answer = String::from_utf8_lossy(&answer[..read]);
    if answer.starts_with("HTTP/1.1 200 ") { Ok(begun.elapsed().as_secs_f64() * 1e3) } else { Err(answer.into()) }
}

async fn connect(port: u16) -> TcpStream {
    loop {
        match TcpStream::connect(("127.0.0.1", port)).await {
            Ok(stream) => return stream,
            Err(_) => sleep(CONNECT_RETRY_DELAY).await,
        }
    }
}

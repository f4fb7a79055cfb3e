//! A server: `local`'s HTTP frontend, compared with what one would write by hand.

use std::path::PathBuf;

use shared::topic::{UserId, UserIds};
use stack::{kafka::Kafka, ports::free_port, process::Process};
use tempfile::TempDir;

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    load::Load,
    payload::{MANY, Requests},
    peers::{for_benchmarks, kafka},
    plan::Plan,
    process::{peak_memory_mb, serve},
    progress::log_progress,
};

pub(crate) const LOCAL: &str = "`local`, Rust";
pub(crate) const BY_HAND: &str = "FastAPI on uvicorn, confluent-kafka";

pub(crate) const ONE: &str = "1 record, 1 connection";
pub(crate) const SIXTEEN: &str = "1 record, 16 connections";
pub(crate) const SIXTY_FOUR: &str = "1 record, 64 connections";
pub(crate) const FIVE_HUNDRED: &str = "500 records, 1 connection";

pub(crate) const COLUMNS: &[Metric] = &[Metric::P50, Metric::P99, Metric::Rate, Metric::CpuPerRequest, Metric::Memory];

/// In this order, because memory is the peak so far.
const SHAPES: [(&str, usize, usize); 4] = [(ONE, 1, 1), (SIXTEEN, 1, 16), (SIXTY_FOUR, 1, 64), (FIVE_HUNDRED, MANY, 1)];

/// `local`'s topic. The alternative writes elsewhere, so that neither fills the other's partitions.
const USER_ID: &str = "served";
const TOPIC: &str = "served.pin";
const TOPIC_BY_HAND: &str = "byhand.pin";
const PARTITIONS: i32 = 3;

struct Served {
    candidate: &'static str,
    server: Process,
    url: String,
    requests: Requests,
}

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    for topic in UserIds::new(vec![USER_ID.parse::<UserId>()?])?.topic_names() {
        kafka.create_topic(&topic, PARTITIONS).await?;
    }
    kafka.create_topic(TOPIC_BY_HAND, PARTITIONS).await?;
    let candidates = [local(&folder, &kafka).await?, by_hand(&folder, &kafka).await?];
    for (scene, entries, connections) in SHAPES {
        // Pass 0 is a discarded warm-up.
        for pass in 0..=plan.passes {
            for Served { candidate, server, url, requests } in &candidates {
                log_progress(&format!("{scene}, pass {pass} of {}: {candidate}", plan.passes));
                let requests = if entries == 1 { &requests.one } else { &requests.many };
                let load = Load { url, requests, entries, connections };
                let time = if pass == 0 { plan.warm_up } else { plan.pass };
                let passed = load.send(server.id(), time).await?;
                if pass > 0 {
                    passed.record(figures, scene, candidate);
                }
            }
        }
        for Served { candidate, server, .. } in &candidates {
            figures.push(scene, candidate, Metric::Memory, peak_memory_mb(server.id())?);
        }
    }
    Ok(())
}

async fn local(folder: &TempDir, kafka: &Kafka) -> Result<Served> {
    let port = free_port()?;
    let (address, servers) = (format!("127.0.0.1:{port}"), kafka.internal_servers());
    let arguments = ["--listen", &address, "--user-id", USER_ID, "--posts-per-second", "0", "--no-archive"];
    let arguments = [&arguments[..], &["--bootstrap-servers", &servers]].concat();
    let program = folders::program("pinterest-data-pipeline");
    let server = serve("local", &program, &arguments, &[], folder.path(), port).await?;
    let url = format!("http://127.0.0.1:{port}/topics/{TOPIC}");
    Ok(Served { candidate: LOCAL, server, url, requests: Requests::bodies(folder, TOPIC)? })
}

async fn by_hand(folder: &TempDir, kafka: &Kafka) -> Result<Served> {
    let (port, home): (_, PathBuf) = (free_port()?, folders::tools().join("peers/fastapi"));
    let (number, app) = (port.to_string(), home.display().to_string());
    let arguments = ["-m", "uvicorn", "app:APP", "--log-level", "warning", "--port", &number, "--app-dir", &app];
    let environment = [("BOOTSTRAP_SERVERS", kafka.internal_servers())];
    let server = serve("fastapi", &home.join("bin/python"), &arguments, &environment, folder.path(), port).await?;
    let url = format!("http://127.0.0.1:{port}/topics/{TOPIC_BY_HAND}");
    Ok(Served { candidate: BY_HAND, server, url, requests: Requests::bodies(folder, TOPIC_BY_HAND)? })
}

//! One warm function under the Lambda runtime emulator. Each candidate has its own environment, and they are measured
//! in turn.

use serde_json::Value;
use stack::{
    kafka::Kafka,
    lambda::{Function, Lambda},
};
use tempfile::TempDir;

use crate::{
    Result,
    figures::{Figures, Metric},
    load::Load,
    package::{built_for_arm64, zip_mb},
    payload::{MANY, Requests, largest_event, small_event},
    peers::{INGEST, Listener, Peer, TOPIC, for_benchmarks, kafka, peers},
    plan::Plan,
    process::peak_memory_mb,
    progress::log_progress,
};

/// One record per request, plain listener.
pub(crate) const ONE: &str = "1 record, plain listener";
/// [`MANY`] records per request, plain listener.
pub(crate) const FIVE_HUNDRED: &str = "500 records, plain listener";
/// One record per request, IAM listener.
pub(crate) const ONE_IAM: &str = "1 record, IAM listener";
/// [`MANY`] records per request, IAM listener.
pub(crate) const FIVE_HUNDRED_IAM: &str = "500 records, IAM listener";

const _: () = assert!(MANY == 500, "the scenes' names contain the number");

pub(crate) const ONE_COLUMNS: &[Metric] =
    &[Metric::P50, Metric::P99, Metric::Rate, Metric::CpuPerRequest, Metric::Memory, Metric::Package];
pub(crate) const FIVE_HUNDRED_COLUMNS: &[Metric] =
    &[Metric::P50, Metric::P99, Metric::Rate, Metric::CpuPerRequest, Metric::Memory, Metric::MemoryAtMost];

/// A running function.
pub(crate) struct Warm<'a> {
    peer: &'a Peer,
    lambda: Lambda,
    pub(crate) url: String,
    pub(crate) process: u32,
}

impl<'a> Warm<'a> {
    pub(crate) async fn start(peer: &'a Peer, kafka: &Kafka, listener: Listener) -> Result<Self> {
        Self::start_function(peer, peer.function(kafka, listener)?, &small_event(TOPIC)?).await
    }

    /// Starts the peer's function with other variables.
    pub(crate) async fn start_function(peer: &'a Peer, function: Function, event: &Value) -> Result<Self> {
        let lambda = Lambda::start(&Function { quiet: true, ..function }).await?;
        lambda.invoke(event).await?;
        let url = lambda.urls().pop().ok_or("no environment")?;
        let process = lambda.processes().pop().ok_or("no process")?;
        Ok(Self { peer, lambda, url, process })
    }

    async fn invoke(&self, event: &Value, times: usize) -> Result<()> {
        for _ in 0..times {
            let answer = self.lambda.invoke(event).await?;
            if answer["statusCode"] != 200 {
                let text: String = answer.to_string().chars().take(300).collect();
                return Err(format!("{}: {text}", self.peer.name).into());
            }
        }
        Ok(())
    }

    fn peak_memory_mb(&self) -> Result<f64> {
        peak_memory_mb(self.process)
    }
}

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    let requests = Requests::events(&folder, TOPIC)?;
    for (listener, one, many) in [(Listener::Plain, ONE, FIVE_HUNDRED), (Listener::Iam, ONE_IAM, FIVE_HUNDRED_IAM)] {
        listen(plan, figures, &folder, &kafka, &requests, listener, [one, many]).await?;
    }
    packages(&folder, figures).await
}

async fn listen(
    plan: Plan,
    figures: &mut Figures,
    folder: &TempDir,
    kafka: &Kafka,
    requests: &Requests,
    listener: Listener,
    [one, many]: [&'static str; 2],
) -> Result<()> {
    let peers = peers(folder, listener)?;
    let mut candidates = Vec::new();
    for peer in &peers {
        candidates.push(Warm::start(peer, kafka, listener).await?);
    }
    for (scene, file, is_many) in [(one, &requests.one, false), (many, &requests.many, true)] {
        // Pass 0 is a discarded warm-up.
        for pass in 0..=plan.passes {
            for warm in &candidates {
                log_progress(&format!("{scene}, pass {pass} of {}: {}", plan.passes, warm.peer.name));
                let entries = if is_many { warm.peer.entries } else { 1 };
                let load = Load { url: &warm.url, requests: file, entries, connections: 1 };
                let time = if pass == 0 { plan.warm_up } else { plan.pass };
                let passed = load.send(warm.process, time).await?;
                if pass > 0 {
                    passed.record(figures, scene, warm.peer.name);
                }
            }
        }
        for warm in &candidates {
            figures.push(scene, warm.peer.name, Metric::Memory, warm.peak_memory_mb()?);
        }
    }
    let event = largest_event(TOPIC)?;
    for warm in &candidates {
        log_progress(&format!("6 MB, {listener:?}: {}", warm.peer.name));
        match warm.invoke(&event, plan.largest).await {
            Ok(()) => figures.push(many, warm.peer.name, Metric::MemoryAtMost, warm.peak_memory_mb()?),
            // kafkajs sends a partition's records as one batch, which brokers refuse above 1 MB.
            Err(error) if warm.peer.name != INGEST => {
                log_progress(&format!("{} could not process 6 MB: {error}", warm.peer.name));
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

async fn packages(folder: &TempDir, figures: &mut Figures) -> Result<()> {
    for peer in peers(folder, Listener::Plain)? {
        let ours = if peer.name == INGEST { built_for_arm64("IngestFunction") } else { None };
        if let Some(package) = ours.or(peer.package) {
            figures.push(ONE, peer.name, Metric::Package, zip_mb(&package).await?);
        }
    }
    Ok(())
}

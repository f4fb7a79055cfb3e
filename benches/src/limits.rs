//! The limits of librdkafka alone: no program that uses it can be faster.

use serde_json::Value;

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    peers::{TOPIC, for_benchmarks, kafka},
    plan::Plan,
    process,
    progress::log_progress,
};

pub(crate) const SCENE: &str = "librdkafka alone, plain listener";
/// One record at a time, `linger.ms` 0.
pub(crate) const ROUND_TRIPS: &str = "one at a time";
/// As fast as possible, `linger.ms` 5.
pub(crate) const THROUGHPUT: &str = "as fast as possible";

pub(crate) const COLUMNS: &[Metric] = &[Metric::P50, Metric::P99, Metric::Records];

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let kafka = kafka(for_benchmarks()).await?;
    let servers = kafka.internal_servers();
    // The first pass is a discarded warm-up of the broker.
    for pass in 0..=plan.passes {
        log_progress(&format!("{SCENE}, pass {pass} of {}", plan.passes));
        let alone = librdkafka(&servers, TOPIC, "round-trips", plan.round_trips).await?;
        let together = librdkafka(&servers, TOPIC, "throughput", plan.throughput).await?;
        if pass == 0 {
            continue;
        }
        let number = |figures: &Value, name: &str| figures[name].as_f64().ok_or("librdkafka reported no figure");
        figures.push(SCENE, ROUND_TRIPS, Metric::P50, number(&alone, "p50_us")? / 1e3);
        figures.push(SCENE, ROUND_TRIPS, Metric::P99, number(&alone, "p99_us")? / 1e3);
        figures.push(SCENE, ROUND_TRIPS, Metric::Records, number(&alone, "records_per_second")?);
        figures.push(SCENE, THROUGHPUT, Metric::Records, number(&together, "records_per_second")?);
    }
    Ok(())
}

/// Runs librdkafka on the sample pins and returns its report.
pub(crate) async fn librdkafka(servers: &str, topic: &str, mode: &str, count: usize) -> Result<Value> {
    let mut command = process::command(&folders::program("librdkafka"));
    let output = command.args([servers, topic, mode, &count.to_string()]).kill_on_drop(true).output().await?;
    if !output.status.success() {
        return Err(format!("librdkafka: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

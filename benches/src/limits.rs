//! What librdkafka alone gets out of the broker: nothing that is written with it can be faster.

use serde_json::Value;

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    peers::{TOPIC, for_benchmarks, kafka},
    plan::Plan,
    process,
    progress::say,
};

pub(crate) const SCENE: &str = "librdkafka alone, plain listener";
/// One record after the other, `linger.ms` 0.
pub(crate) const ROUND_TRIPS: &str = "one after the other";
/// As many as it takes, `linger.ms` 5.
pub(crate) const THROUGHPUT: &str = "as many as it takes";

pub(crate) const COLUMNS: &[Metric] = &[Metric::P50, Metric::P99, Metric::Records];

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let kafka = kafka(for_benchmarks()).await?;
    let servers = kafka.internal_servers();
    // The first pass is thrown away: it warms up the broker.
    for pass in 0..=plan.passes {
        say(&format!("{SCENE}, pass {pass} of {}", plan.passes));
        let alone = librdkafka(&servers, TOPIC, "round-trips", plan.round_trips).await?;
        let together = librdkafka(&servers, TOPIC, "throughput", plan.throughput).await?;
        if pass == 0 {
            continue;
        }
        let number = |figures: &Value, name: &str| figures[name].as_f64().ok_or("librdkafka told no figure");
        figures.push(SCENE, ROUND_TRIPS, Metric::P50, number(&alone, "p50_us")? / 1e3);
        figures.push(SCENE, ROUND_TRIPS, Metric::P99, number(&alone, "p99_us")? / 1e3);
        figures.push(SCENE, ROUND_TRIPS, Metric::Records, number(&alone, "records_per_second")?);
        figures.push(SCENE, THROUGHPUT, Metric::Records, number(&together, "records_per_second")?);
    }
    Ok(())
}

/// Has librdkafka write the sample pins, and returns what it says of it.
pub(crate) async fn librdkafka(servers: &str, topic: &str, mode: &str, count: usize) -> Result<Value> {
    let mut command = process::command(&folders::program("librdkafka"));
    let output = command.args([servers, topic, mode, &count.to_string()]).kill_on_drop(true).output().await?;
    if !output.status.success() {
        return Err(format!("librdkafka: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

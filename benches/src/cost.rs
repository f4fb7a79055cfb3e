//! Costs: the duration of a request by the function's memory, and both in dollars.

use stack::kafka::Kafka;

use crate::{
    Result, archiving,
    cpu_share::CpuShare,
    figures::{Figure, Figures, Metric},
    function::Warm,
    load::Load,
    payload::{MANY, Requests},
    peers::{CONFLUENT_KAFKA, INGEST, Listener, Peer, TOPIC, for_benchmarks, kafka, peers},
    plan::Plan,
    progress::log_progress,
};

pub(crate) const COLUMNS: &[Metric] = &[Metric::P50, Metric::P99, Metric::Dollars];

/// A memory setting in MB with its scenes: one record per request, and 500.
type Setting = (u32, [&'static str; 2]);

pub(crate) const SETTINGS: [Setting; 4] = [
    (256, ["256 MB, 1 record", "256 MB, 500 records"]),
    (512, ["512 MB, 1 record", "512 MB, 500 records"]),
    (1024, ["1024 MB, 1 record", "1024 MB, 500 records"]),
    (1769, ["1769 MB, 1 record", "1769 MB, 500 records"]),
];

/// The template's setting.
const DEPLOYED: Setting = SETTINGS[2];

/// The memory at which Lambda allots one whole processor
/// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>).
const MB_OF_ONE_PROCESSOR: f64 = 1769.0;

// Prices in dollars for us-east-1, from AWS's price lists of September 2026.
const LAMBDA_ARM64_GB_SECOND: f64 = 0.000_013_333_4;
const LAMBDA_MILLION: f64 = 0.20;
const REST_API_MILLION: f64 = 3.50;
const T3_MICRO_HOUR: f64 = 0.0104;
const PUBLIC_ADDRESS_HOUR: f64 = 0.005;
const MSK_CONNECT_HOUR: f64 = 0.11;

const HOURS_A_MONTH: f64 = 730.0;

/// The assumed seconds of an archive run without new records: some responses of Kafka and S3.
const EMPTY_RUN_SECONDS: f64 = 0.2;
/// The archive's memory in the template.
const ARCHIVE_MB: u32 = 512;

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    if let Err(error) = CpuShare::new("tried", 1.0) {
        log_progress(&format!("skipped, because processor time cannot be limited here: {error}"));
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    let requests = Requests::events(&folder, TOPIC)?;
    for (memory_mb, scenes) in SETTINGS {
        for peer in peers(&folder, Listener::Plain)? {
            if peer.name == INGEST || peer.name == CONFLUENT_KAFKA {
                measure(plan, figures, &kafka, &requests, &peer, (memory_mb, scenes)).await?;
            }
        }
    }
    Ok(())
}

async fn measure(
    plan: Plan,
    figures: &mut Figures,
    kafka: &Kafka,
    requests: &Requests,
    peer: &Peer,
    (memory_mb, scenes): Setting,
) -> Result<()> {
    // Dropped after the process, because a group with processes cannot be removed.
    let share = CpuShare::new(&memory_mb.to_string(), f64::from(memory_mb) / MB_OF_ONE_PROCESSOR)?;
    let warm = Warm::start(peer, kafka, Listener::Plain).await?;
    share.give(warm.process)?;
    for (scene, file, entries) in [(scenes[0], &requests.one, 1), (scenes[1], &requests.many, peer.entries)] {
        for pass in 0..=plan.passes {
            log_progress(&format!("{scene}, pass {pass} of {}: {}", plan.passes, peer.name));
            let load = Load { url: &warm.url, requests: file, entries, connections: 1 };
            let passed = load.send(warm.process, plan.pass).await?;
            if pass > 0 {
                figures.push(scene, peer.name, Metric::P50, passed.p50_ms);
                figures.push(scene, peer.name, Metric::P99, passed.p99_ms);
                let records = if entries == 1 { 1 } else { MANY };
                let dollars = lambda_dollars(memory_mb, passed.mean_ms.ceil() / 1e3) / records as f64;
                figures.push(scene, peer.name, Metric::Dollars, dollars);
            }
        }
    }
    Ok(())
}

/// Returns the introduction to the tables.
pub(crate) fn text(figures: &Figures) -> String {
    if figures.get(DEPLOYED.1[0], INGEST, Metric::Dollars).is_none() {
        return "Not measured: only root can limit processor time on this machine.\n".to_owned();
    }
    format!(
        include_str!("document/cost.md"),
        lambda_gb_second = LAMBDA_ARM64_GB_SECOND,
        lambda_million = LAMBDA_MILLION,
        api_million = REST_API_MILLION,
        machine_hour = T3_MICRO_HOUR,
        address_hour = PUBLIC_ADDRESS_HOUR,
        connect_hour = MSK_CONNECT_HOUR,
        empty_run_seconds = EMPTY_RUN_SECONDS
    )
}

/// Returns the price of a million invocations.
fn lambda_dollars(memory_mb: u32, seconds: f64) -> f64 {
    1e6 * seconds * f64::from(memory_mb) / 1024.0 * LAMBDA_ARM64_GB_SECOND + LAMBDA_MILLION
}

/// Compares the whole pipeline with the course's. Empty without figures.
pub(crate) fn table(figures: &Figures) -> String {
    let (_, scenes) = DEPLOYED;
    let lambda = |scene| figures.get(scene, INGEST, Metric::Dollars).map(Figure::median);
    let archive = figures.get(archiving::SCENE, archiving::LARGE, Metric::CpuPerThousand).map(Figure::median);
    let (Some(one), Some(many), Some(archive_ms)) = (lambda(scenes[0]), lambda(scenes[1]), archive) else {
        return String::new();
    };
    // Milliseconds per thousand records are seconds per million, of a whole processor.
    let archive_seconds = archive_ms * MB_OF_ONE_PROCESSOR / f64::from(ARCHIVE_MB);
    let archived = archive_seconds * f64::from(ARCHIVE_MB) / 1024.0 * LAMBDA_ARM64_GB_SECOND;
    let runs = HOURS_A_MONTH * 60.0 / 1e6;
    let timer = runs * lambda_dollars(ARCHIVE_MB, EMPTY_RUN_SECONDS);
    let machine = HOURS_A_MONTH * (T3_MICRO_HOUR + PUBLIC_ADDRESS_HOUR + MSK_CONNECT_HOUR);
    let many_records = MANY as f64;
    let (api, api_many) = (REST_API_MILLION, REST_API_MILLION / many_records);
    format!(
        "| dollars | a month, nothing sent | a million records, 1 a request | a million records, {MANY} a request |\n\
         | --- | ---: | ---: | ---: |\n\
         | this pipeline: `ingest` and `archive` | {timer:.2} | {:.2} | {:.3} |\n\
         | the course's: REST Proxy on a t3.micro, MSK Connect | {machine:.2} | {api:.2} | {api_many:.3} |\n",
        api + one + archived,
        api_many + many + archived,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_million_invocations_of_a_gigabyte_for_a_millisecond_cost_a_few_cents() {
        assert!((lambda_dollars(1024, 0.001) - 0.213_333_4).abs() < 1e-9);
    }

    #[test]
    fn the_costs_of_both_pipelines_are_shown_idle_and_per_record() {
        let mut figures = Figures::default();
        assert_eq!(table(&figures), "");
        figures.push(DEPLOYED.1[0], INGEST, Metric::Dollars, 0.25);
        figures.push(DEPLOYED.1[1], INGEST, Metric::Dollars, 0.001);
        figures.push(archiving::SCENE, archiving::LARGE, Metric::CpuPerThousand, 10.0);
        let table = table(&figures);
        assert!(table.contains("`archive` | 0.07 | 3.75 | 0.008 |"), "{table}");
        assert!(table.contains("MSK Connect | 91.54 | 3.50 | 0.007 |"), "{table}");
    }
}

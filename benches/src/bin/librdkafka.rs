//! The limits of librdkafka alone: `librdkafka BOOTSTRAP_SERVERS TOPIC round-trips|throughput COUNT` writes the sample
//! pins to a topic, one at a time or as fast as possible, and prints the figures as JSON.
//!
//! One thread produces and polls, like a C program. `acks=all`.

#![expect(clippy::print_stdout, reason = "its figures are read there")]

use std::{
    error::Error,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::Duration,
};

use clap::{Parser, ValueEnum};
use rdkafka::{
    ClientConfig, ClientContext,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{BaseProducer, BaseRecord, DeliveryResult, Producer, ProducerContext},
    util::get_rdkafka_version,
};
use serde_json::json;
use shared::{kind::PIN, sample};
use tokio::time::Instant;

/// The number of unmeasured records at the start, which find the leaders.
const WARM_UP: usize = 100;

#[derive(Debug, Parser)]
struct Cli {
    bootstrap_servers: String,
    topic: String,
    mode: Mode,
    count: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Mode {
    /// Sends each record after the acknowledgement of the previous one.
    RoundTrips,
    /// Fills the queue.
    Throughput,
}

/// Counts acknowledged and failed records.
#[derive(Default)]
struct Deliveries {
    done: AtomicUsize,
    failed: AtomicUsize,
}

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        self.failed.fetch_add(usize::from(result.is_err()), Ordering::Relaxed);
        self.done.fetch_add(1, Ordering::Relaxed);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Cli { bootstrap_servers, topic, mode, count } = Cli::parse();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers).set("acks", "all");
    // A lone record need not wait for others; batches use librdkafka's default of 5 ms.
    config.set("linger.ms", if mode == Mode::RoundTrips { "0" } else { "5" });
    config.set("queue.buffering.max.messages", "1000000");
    let producer: BaseProducer<Deliveries> = config.create_with_context(Deliveries::default())?;
    let rows: Vec<&str> = sample::rows(PIN.table).unwrap_or_default().lines().collect();
    let send = |at: usize| produce(&producer, &topic, rows[at % rows.len()]);
    for at in 0..WARM_UP {
        send(at)?;
        wait_for(&producer, at + 1);
    }
    let mut round_trips_us = Vec::with_capacity(count);
    let begun = Instant::now();
    for at in 0..count {
        let sent = Instant::now();
        send(at)?;
        if mode == Mode::RoundTrips {
            wait_for(&producer, WARM_UP + at + 1);
            round_trips_us.push(sent.elapsed().as_secs_f64() * 1e6);
        } else {
            producer.poll(Duration::ZERO);
        }
    }
    wait_for(&producer, WARM_UP + count);
    let seconds = begun.elapsed().as_secs_f64();
    let failed = producer.context().failed.load(Ordering::Relaxed);
    if failed > 0 {
        return Err(format!("{failed} records failed").into());
    }
    round_trips_us.sort_by(f64::total_cmp);
    let percentile = |percent: usize| round_trips_us.get(round_trips_us.len() * percent / 100);
    println!(
        "{}",
        json!({
            "version": get_rdkafka_version().1,
            "records_per_second": count as f64 / seconds,
            "p50_us": percentile(50),
            "p99_us": percentile(99),
        })
    );
    Ok(())
}

/// Produces a record, waiting while the queue is full.
fn produce(producer: &BaseProducer<Deliveries>, topic: &str, row: &str) -> Result<(), KafkaError> {
    let mut record = BaseRecord::<(), str>::to(topic).payload(row);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), refused)) => {
                producer.poll(Duration::ZERO);
                record = refused;
            }
            Err((error, _)) => return Err(error),
        }
    }
}

/// Polls in a loop, because the crate's `poll` does not return early like C's.
fn wait_for(producer: &BaseProducer<Deliveries>, done: usize) {
    while producer.context().done.load(Ordering::Relaxed) < done {
        producer.poll(Duration::ZERO);
        thread::yield_now();
    }
}

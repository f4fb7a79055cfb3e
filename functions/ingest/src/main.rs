//! The function `ingest`: writes the records of API Gateway events to Kafka.

use std::mem;

use ingest::{App, Settings, event};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{
    kafka::Producer,
    log,
    metrics::{Metrics, ingest::COLD_STARTS},
    settings::environment,
};
use tokio::time::Instant;

// One thread: an environment serves one request at a time, and has less than one vCPU below 1,769 MB
// (<https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html>). More threads only add wake-ups.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let started = Instant::now();
    log::init(environment);
    let Settings { cluster, user_ids, pass_through, shared_streams, read_back, status_policy } =
        Settings::from_lookup(environment)?;
    let metrics = Metrics::default();
    metrics.add(&COLD_STARTS, 1);
    let producer = Producer::start(&cluster, user_ids.topic_names(), metrics.clone()).await?;
    let app = App::new(producer.clone(), producer, &user_ids, metrics)
        .with_pass_through(&pass_through)
        .with_shared_streams(shared_streams)
        .with_read_back(read_back.0)
        .with_status_policy(status_policy);
    let mut init = started.elapsed();
    run(service_fn(|event: LambdaEvent<_>| {
        let answer = event::handle(&app, mem::take(&mut init), event);
        async { Ok::<_, Error>(answer.await) }
    }))
    .await
}

//! The function `emulator`: sends random posts to Kafka on each tick.

use emulator::{Aws, Emulator, Publisher, Settings, Source, tick};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use rand::{SeedableRng, rngs::StdRng};
use shared::{error_chain::one_line, log, metrics::Metrics, settings::environment};
use tokio::sync::Mutex;

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let settings = Settings::from_lookup(environment)?;
    let (metrics, aws) = (Metrics::default(), Aws::default());
    let topics = settings.user_ids.topic_names();
    let publisher = Publisher::start(&settings.delivery, topics, &aws, metrics.clone()).await?;
    let source = Source::open(&settings.database_url, environment)?;
    let source = source.with_secret(settings.database_secret.clone(), &aws);
    let emulator = Emulator::new(source, publisher, &settings.user_ids, StdRng::from_os_rng(), metrics.clone());
    let emulator = Mutex::new(emulator.with_order(settings.order));
    run(service_fn(async |event: LambdaEvent<_>| {
        tick::handle(&emulator, &settings, &metrics, event).await.map_err(|error| Error::from(one_line(&error)))
    }))
    .await
}

//! The function `ingest`: API Gateway's events in, records out to Kafka.

use ingest::{App, Settings, event, router};
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{kafka::Producer, log, settings::environment};

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let settings = Settings::from_lookup(environment)?;
    let producer = Producer::start(&settings.cluster, settings.user_ids.topic_names()).await?;
    let router = router(App::new(producer, &settings.user_ids));
    run(service_fn(async |event: LambdaEvent<_>| Ok::<_, Error>(event::handle(router.clone(), event).await))).await
}

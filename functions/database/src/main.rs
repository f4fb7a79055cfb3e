//! The Lambda function's wiring.

use database::{Function, Settings, log};
use lambda_runtime::{Error, LambdaEvent, run, service_fn, tracing::subscriber::util::SubscriberInitExt};
use shared::{causes::in_one_line, settings::environment, tls};

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::subscriber(environment, std::io::stdout).init();
    tls::install_provider();
    let settings = Settings::from_lookup(environment)?;
    let function = Function::new(&aws_config::load_from_env().await, settings);
    run(service_fn(async |event: LambdaEvent<_>| {
        function.handle(event).await.map_err(|error| Error::from(in_one_line(&error)))
    }))
    .await
}

//! The Lambda function's wiring.

use lambda_runtime::{Error, service_fn};
use shared::{error_chain::one_line, log, settings::environment};
use tables::{Function, settings::Settings};

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let settings = Settings::from_lookup(environment)?;
    let function = Function::new(settings).await.map_err(|error| one_line(&error))?;
    lambda_runtime::run(service_fn(|event| function.handle(event))).await
}

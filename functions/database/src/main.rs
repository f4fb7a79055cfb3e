//! The Lambda function's wiring.

use database::Function;
use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use shared::{error_chain::one_line, log, settings::environment};

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::init(environment);
    let function = Function::new(&aws_config::load_from_env().await);
    run(service_fn(async |event: LambdaEvent<_>| {
        function.handle(event, environment).await.map_err(|error| Error::from(one_line(&error)))
    }))
    .await
}

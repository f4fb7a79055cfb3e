//! The Lambda function's wiring.

use lambda_runtime::{Error, service_fn, tracing};
use shared::{custom_resource, settings::environment, tls};

#[tokio::main]
async fn main() -> Result<(), Error> {
    tls::install_provider();
    tracing::init_default_subscriber();
    lambda_runtime::run(service_fn(|event| {
        custom_resource::answer(event, |request| topics::make(request, environment))
    }))
    .await
}

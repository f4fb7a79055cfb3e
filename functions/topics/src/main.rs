//! The Lambda function's wiring.

use lambda_runtime::{Error, service_fn};
use shared::{custom_resource, log, settings::environment};

#[tokio::main]
async fn main() -> Result<(), Error> {
    log::init(environment);
    lambda_runtime::run(service_fn(|event| {
        custom_resource::respond(event, |request| topics::create(request, environment))
    }))
    .await
}

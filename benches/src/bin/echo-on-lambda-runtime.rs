//! The echo on `ingest`'s runtime crate, to separate the crate's cost from `ingest`'s own.

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::value::RawValue;

const ANSWER: &str = include_str!("echo/answer.json");

/// Single-threaded, like `ingest`.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let answer: &RawValue = serde_json::from_str(ANSWER)?;
    run(service_fn(async |_: LambdaEvent<Box<RawValue>>| Ok::<_, Error>(answer))).await
}

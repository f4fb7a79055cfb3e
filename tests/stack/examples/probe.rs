//! A Lambda function that does what its event asks for. It serves the tests of the Lambda runtime and of the API
//! Gateway emulation.

use std::{
    process,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use lambda_runtime::{Error, LambdaEvent, run, service_fn};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

#[tokio::main]
async fn main() -> Result<(), Error> {
    let started = Instant::now();
    run(service_fn(async |event: LambdaEvent<Value>| answer(&event.payload, started).await)).await
}

async fn answer(event: &Value, started: Instant) -> Result<Value, Error> {
    // API Gateway puts the instructions into the event's body.
    let instructions =
        event["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_else(|| event.clone());
    if let Some(milliseconds) = instructions["sleep_ms"].as_u64() {
        sleep(Duration::from_millis(milliseconds)).await;
    }
    if let Some(message) = instructions["fail"].as_str() {
        return Err(message.into());
    }
    if let Some(code) = instructions["exit"].as_i64() {
        process::exit(code.try_into()?);
    }
    if let Some(answer) = instructions.get("answer") {
        return Ok(answer.clone());
    }
    #[expect(clippy::disallowed_methods, reason = "the test compares the function's clock")]
    let clock_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let up_ms = u64::try_from(started.elapsed().as_millis())?;
    let seen = json!({"event": event, "process": process::id(), "clock_s": clock_s, "up_ms": up_ms});
    // API Gateway accepts no other fields in a response.
    let mut answer = seen.clone();
    answer["statusCode"] = 200.into();
    answer["body"] = seen.to_string().into();
    Ok(answer)
}

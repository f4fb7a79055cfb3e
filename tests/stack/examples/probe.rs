//! A function that does as its event says: for the tests of the Lambda runtime and of API Gateway's stand-in.

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
    // API Gateway's event holds it in the body.
    let told = event["body"].as_str().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_else(|| event.clone());
    if let Some(milliseconds) = told["sleep_ms"].as_u64() {
        sleep(Duration::from_millis(milliseconds)).await;
    }
    if let Some(message) = told["fail"].as_str() {
        return Err(message.into());
    }
    if let Some(code) = told["exit"].as_i64() {
        process::exit(code.try_into()?);
    }
    if let Some(answer) = told.get("answer") {
        return Ok(answer.clone());
    }
    #[expect(clippy::disallowed_methods, reason = "the test asks what time it is here")]
    let clock_s = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let up_ms = u64::try_from(started.elapsed().as_millis())?;
    let seen = json!({"event": event, "process": process::id(), "clock_s": clock_s, "up_ms": up_ms});
    // As an answer to API Gateway too, which takes no more than these.
    let mut answer = seen.clone();
    answer["statusCode"] = 200.into();
    answer["body"] = seen.to_string().into();
    Ok(answer)
}

//! The cost of a freeze, compared with a Python function that does the same.
//!
//! Kafka with IAM, the Lambda runtime and the client share this machine: the network is free, and processor time is
//! scarcer than on AWS. Compare the two with each other, not with AWS.

use std::time::Duration;

use serde_json::Value;
use stack::{kafka::Options, lambda::Lambda, proxy::End};
use tokio::time::{Instant, sleep};

use crate::{
    Result,
    figures::{Figures, Metric},
    payload::small_event,
    peers::{Listener, TOPIC, kafka, peers},
    plan::Plan,
    progress::log_progress,
};

pub(crate) const SCENE: &str = "a freeze, IAM listener";

pub(crate) const COLUMNS: &[Metric] =
    &[Metric::FirstAnswer, Metric::Init, Metric::Warm, Metric::Thawed, Metric::Served];

/// Shorter than MSK's 15 minutes, so that sessions expire within a short freeze.
const SESSION_LIFETIME: Duration = Duration::from_secs(20);

const WARM_REQUESTS: usize = 20;

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(Options::default()).await?;
    kafka.set_session_cap(Some(SESSION_LIFETIME))?;
    let event = small_event(TOPIC)?;
    let peers = peers(&folder, Listener::Iam)?;
    let mut lambdas = Vec::new();
    for environment in 1..=plan.environments {
        for peer in &peers {
            log_progress(&format!("{SCENE} {environment} of {}: {}", plan.environments, peer.name));
            let mut function = peer.function(&kafka, Listener::Iam)?;
            function.environment.push(("TOKEN_SECONDS".to_owned(), SESSION_LIFETIME.as_secs().to_string()));
            let lambda = Lambda::start(&function).await?;
            figures.push(SCENE, peer.name, Metric::FirstAnswer, invoke(&lambda, &event).await.0);
            for _ in 0..WARM_REQUESTS {
                figures.push(SCENE, peer.name, Metric::Warm, invoke(&lambda, &event).await.0);
            }
            for init in lambda.reports().into_iter().flat_map(|report| report.inits) {
                figures.push(SCENE, peer.name, Metric::Init, init.as_secs_f64() * 1e3);
            }
            lambda.freeze().await?;
            lambdas.push((peer.name, lambda));
        }
    }
    // Connections are cut, and sessions and tokens expire, as in the test's twenty minutes. (The test moves the clock
    // instead, which makes librdkafka's timers take a second longer.)
    kafka.proxy().cut(End::Finish).await;
    log_progress(&format!("{SCENE}: {} s pass", SESSION_LIFETIME.as_secs()));
    sleep(SESSION_LIFETIME).await;
    for (candidate, lambda) in &lambdas {
        let (took_ms, served) = invoke(lambda, &event).await;
        figures.push(SCENE, candidate, Metric::Thawed, took_ms);
        figures.push(SCENE, candidate, Metric::Served, if served { 100.0 } else { 0.0 });
    }
    Ok(())
}

/// Returns the duration in milliseconds, and whether the record was written.
async fn invoke(lambda: &Lambda, event: &Value) -> (f64, bool) {
    let begun = Instant::now();
    let answer = lambda.invoke(event).await;
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    (took_ms, answer.is_ok_and(|answer| answer["statusCode"] == 200))
}

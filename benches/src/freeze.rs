//! What a freeze costs, next to a Python function that does the same.
//!
//! Kafka with IAM, the Lambda runtime and the client share this machine, so the network costs nothing and the processor more
//! than it would: the two are to be compared with each other, and not with AWS.

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
    progress::say,
};

pub(crate) const SCENE: &str = "a freeze, IAM listener";

pub(crate) const COLUMNS: &[Metric] =
    &[Metric::FirstAnswer, Metric::Init, Metric::Warm, Metric::Thawed, Metric::Served];

/// Shorter than MSK's 15 minutes, so that it ends in a freeze that can be waited for.
const SESSION: Duration = Duration::from_secs(20);

const WARM: usize = 20;

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(Options::default()).await?;
    kafka.set_session_cap(Some(SESSION))?;
    let event = small_event(TOPIC)?;
    let peers = peers(&folder, Listener::Iam)?;
    let mut lambdas = Vec::new();
    for environment in 1..=plan.environments {
        for peer in &peers {
            say(&format!("{SCENE} {environment} of {}: {}", plan.environments, peer.name));
            let mut function = peer.function(&kafka, Listener::Iam);
            function.environment.push(("TOKEN_SECONDS".to_owned(), SESSION.as_secs().to_string()));
            let lambda = Lambda::start(&function).await?;
            figures.push(SCENE, peer.name, Metric::FirstAnswer, invoke(&lambda, &event).await.0);
            for _ in 0..WARM {
                figures.push(SCENE, peer.name, Metric::Warm, invoke(&lambda, &event).await.0);
            }
            for init in lambda.reports().into_iter().flat_map(|report| report.inits) {
                figures.push(SCENE, peer.name, Metric::Init, init.as_secs_f64() * 1e3);
            }
            lambda.freeze().await?;
            lambdas.push((peer.name, lambda));
        }
    }
    // Their connections are cut, and their sessions and tokens end, as in the twenty minutes that a test has pass. (There the
    // clock is moved, and librdkafka's waits for a moment of the day take a second longer than they would.)
    kafka.proxy().cut(End::Finish).await;
    say(&format!("{SCENE}: {} s pass", SESSION.as_secs()));
    sleep(SESSION).await;
    for (who, lambda) in &lambdas {
        let (took_ms, served) = invoke(lambda, &event).await;
        figures.push(SCENE, who, Metric::Thawed, took_ms);
        figures.push(SCENE, who, Metric::Served, if served { 100.0 } else { 0.0 });
    }
    Ok(())
}

/// How long it took in milliseconds, and whether the record was written.
async fn invoke(lambda: &Lambda, event: &Value) -> (f64, bool) {
    let begun = Instant::now();
    let answer = lambda.invoke(event).await;
    let took_ms = begun.elapsed().as_secs_f64() * 1e3;
    (took_ms, answer.is_ok_and(|answer| answer["statusCode"] == 200))
}

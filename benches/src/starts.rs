//! Cold starts, one environment after the other, all candidates in turn.

use stack::lambda::Lambda;
use tokio::time::Instant;

use crate::{
    Result,
    figures::{Figures, Metric},
    payload::small_event,
    peers::{Listener, TOPIC, for_benchmarks, kafka, peers},
    plan::Plan,
    progress::log_progress,
};

/// Starts on the plain listener.
pub(crate) const PLAIN: &str = "a start, plain listener";
/// Starts on the IAM listener.
pub(crate) const IAM: &str = "a start, IAM listener";

pub(crate) const COLUMNS: &[Metric] = &[Metric::Init, Metric::FirstAnswer];

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    let event = small_event(TOPIC)?;
    for (listener, scene) in [(Listener::Plain, PLAIN), (Listener::Iam, IAM)] {
        let peers = peers(&folder, listener)?;
        // Start 0 is a discarded warm-up of the broker.
        for start in 0..=plan.starts {
            for peer in &peers {
                log_progress(&format!("{scene} {start} of {}: {}", plan.starts, peer.name));
                let lambda = Lambda::start(&peer.function(&kafka, listener)?).await?;
                // The emulator starts the function at the first request.
                let begun = Instant::now();
                let answer = lambda.invoke(&event).await?;
                let took_ms = begun.elapsed().as_secs_f64() * 1e3;
                if answer["statusCode"] != 200 {
                    return Err(format!("{}: {answer}", peer.name).into());
                }
                if start == 0 {
                    continue;
                }
                let init = lambda.reports().into_iter().flat_map(|report| report.inits).next().ok_or("no init")?;
                figures.push(scene, peer.name, Metric::Init, init.as_secs_f64() * 1e3);
                figures.push(scene, peer.name, Metric::FirstAnswer, took_ms);
            }
        }
    }
    Ok(())
}

//! The scheduler's tick, which starts a run.

use std::time::Duration;

use lambda_runtime::LambdaEvent;
use serde::Deserialize;
use shared::{deadline, metrics::Metrics, publish::Publish};
use tokio::sync::Mutex;

use crate::{Emulator, Report, Settings, settings::PostsPerRun, source::SourceError};

/// The part of the function's time that is reserved for its response.
const RESPONSE_RESERVE: Duration = Duration::from_secs(1);

/// The scheduler's event. Other fields are ignored.
#[derive(Debug, Deserialize)]
pub struct Tick {
    /// Posts of this run; overrides the setting.
    pub posts: Option<PostsPerRun>,
}

/// Runs the emulator once, then prints and resets `metrics`.
///
/// # Errors
/// When the rows cannot be read.
pub async fn handle<P: Publish>(
    emulator: &Mutex<Emulator<P>>,
    settings: &Settings,
    metrics: &Metrics,
    event: LambdaEvent<Tick>,
) -> Result<Report, SourceError> {
    let deadline = deadline::before(event.context.deadline(), RESPONSE_RESERVE);
    let posts = event.payload.posts.unwrap_or(settings.posts_per_run).get();
    let mut emulator = emulator.lock().await;
    let report = emulator.run(posts, settings.spread.0, deadline).await;
    metrics.flush(&event.context.env_config.function_name);
    let report = report?;
    tracing::info!(
        posts = report.posts,
        records_written = report.records_written,
        records_refused = report.records_refused,
        records_unconfirmed = report.records_unconfirmed,
        "run ended"
    );
    Ok(report)
}

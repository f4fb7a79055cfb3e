//! The runs of `tables`: each second. On AWS a scheduler starts one every five minutes.

use std::time::Duration;

use shared::metrics::Metrics;
use tables::{append::Tables, layout::TableName, run};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::health::Health;

/// The interval of the runs.
const RUN_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit of a run. The next one continues where it stopped.
const RUN_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of attempts at the last run.
const MAX_FINAL_RUNS: u32 = 3;

/// Brings the tables up to date with the archive, and for a last time once it is stopped.
pub(crate) struct TableWriter {
    pub(crate) tables: Tables,
    pub(crate) names: Vec<TableName>,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

/// The reason that the last run failed, on one line.
#[derive(Debug, thiserror::Error)]
#[error("the tables are behind: {0}")]
pub(crate) struct TableWriterError(String);

/// Runs until `stop` and a last time after that, when nothing is archived any more, or only waits if there are no tables.
///
/// # Errors
/// When the last run failed.
pub(crate) async fn run(writer: Option<TableWriter>, stop: CancellationToken) -> Result<(), TableWriterError> {
    let Some(writer) = writer else {
        stop.cancelled().await;
        return Ok(());
    };
    let health = &writer.health;
    while stop.run_until_cancelled(sleep(RUN_INTERVAL)).await.is_some() {
        match writer.run_once().await {
            Ok(()) => health.mark_healthy(),
            Err(TableWriterError(failure)) => health.report_failure("tables", &failure),
        }
    }
    let mut attempts = 1;
    loop {
        match writer.run_once().await {
            Err(_) if attempts < MAX_FINAL_RUNS => attempts += 1,
            done => return done,
        }
        sleep(RUN_INTERVAL).await;
    }
}

impl TableWriter {
    async fn run_once(&self) -> Result<(), TableWriterError> {
        let report = run::run(&self.tables, &self.names, Instant::now() + RUN_TIMEOUT).await;
        report.record(&self.metrics);
        let left: Vec<_> = report.left_behind.iter().map(ToString::to_string).collect();
        match report.into_result() {
            Ok(_) if left.is_empty() => Ok(()),
            Ok(_) => Err(TableWriterError(format!("{} left", left.join(", ")))),
            Err(failed) => Err(TableWriterError(failed.to_string().replace('\n', "; "))),
        }
    }
}

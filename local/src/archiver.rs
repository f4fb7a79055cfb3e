//! The runs of the archive: each second, and sooner if a publisher waits. On AWS a scheduler starts one each minute.

use std::{sync::Arc, time::Duration};

use archive::{
    reader::{Kafka, Reader},
    run,
    store::Archiver,
};
use shared::metrics::Metrics;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use crate::{backpressure::Backlog, health::Health};

/// The interval of the runs.
const RUN_INTERVAL: Duration = Duration::from_secs(1);

/// The time limit of a run. The next one continues where it stopped.
const RUN_TIMEOUT: Duration = Duration::from_secs(30);

/// The number of attempts at the last run.
const MAX_FINAL_RUNS: u32 = 3;

/// Archives the written records, and all that are left once it is stopped.
pub(crate) struct ArchiveRunner {
    pub(crate) kafka: Kafka,
    pub(crate) archiver: Archiver,
    pub(crate) topics: Vec<String>,
    /// `Some` with the embedded Kafka, which drops records that are not read in time. A loss is an error then.
    pub(crate) backlog: Option<Arc<Backlog>>,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

/// The reason archiving ended early, on one line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveRunError {
    #[error("the archive is behind: {0}")]
    Failed(String),
    #[error(
        "{0} records were dropped by the embedded Kafka before they were archived: it keeps 5 MiB per partition, and another \
         client wrote more than that at once. Send through the HTTP API, which waits, or use your own Kafka with \
         --bootstrap-servers"
    )]
    Lost(u64),
}

/// Runs the archive until `stop`, or only waits if there is no archive.
pub(crate) async fn run(archiving: Option<ArchiveRunner>, stop: CancellationToken) -> Result<(), ArchiveRunError> {
    if let Some(archiving) = archiving {
        return archiving.run(stop).await;
    }
    stop.cancelled().await;
    Ok(())
}

impl ArchiveRunner {
    /// Runs until `stop`, and a last time after that, when nothing is written any more.
    ///
    /// # Errors
    /// When the embedded Kafka lost records, or the last run failed.
    async fn run(self, stop: CancellationToken) -> Result<(), ArchiveRunError> {
        let health = &self.health;
        loop {
            let failing = health.error().is_some();
            let publisher_waits = async {
                match &self.backlog {
                    Some(backlog) => backlog.publisher_waits().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(RUN_INTERVAL) => {}
                // A failed run is retried only after the interval.
                () = publisher_waits, if !failing => {}
            }
            match self.run_once().await {
                Err(ArchiveRunError::Failed(failure)) => health.report_failure("archive", &failure),
                Err(lost @ ArchiveRunError::Lost(_)) => return Err(lost),
                Ok(()) => health.mark_healthy(),
            }
        }
        let mut attempts = 1;
        loop {
            match self.run_once().await {
                Err(ArchiveRunError::Failed(_)) if attempts < MAX_FINAL_RUNS => attempts += 1,
                done => return done,
            }
            sleep(RUN_INTERVAL).await;
        }
    }

    async fn run_once(&self) -> Result<(), ArchiveRunError> {
        let report = run::run(&self.kafka, &self.archiver, &self.topics, Instant::now() + RUN_TIMEOUT).await;
        report.record(&self.metrics);
        if let Some(backlog) = &self.backlog {
            let lost = report.total().lost + self.free_backlog(backlog).await;
            if lost > 0 {
                return Err(ArchiveRunError::Lost(lost));
            }
        }
        let left_behind: Vec<_> = report.left_behind.iter().map(ToString::to_string).collect();
        let left_behind = (!left_behind.is_empty()).then(|| format!("{} left", left_behind.join(", ")));
        match report.into_result() {
            Ok(_) => left_behind.map_or(Ok(()), |left| Err(ArchiveRunError::Failed(left))),
            Err(failed) => Err(ArchiveRunError::Failed(failed.to_string().replace('\n', "; "))),
        }
    }

    /// Frees the archived records in the backlog; the archive's ends are in memory after a run. Returns the number of records that
    /// Kafka dropped after the archive's end, which a run notices only when later records follow.
    async fn free_backlog(&self, backlog: &Backlog) -> u64 {
        let mut lost = 0;
        for partition in self.kafka.partitions().await.unwrap_or_default() {
            if self.topics.contains(&partition.topic)
                && let Ok(end) = self.archiver.end(&partition, 0).await
            {
                let next = i64::try_from(end.next()).unwrap_or(i64::MAX);
                backlog.mark_archived(&partition.topic, partition.partition, next);
                if let Ok(log) = self.kafka.bounds(&partition).await {
                    lost += log.start.saturating_sub(end.next());
                }
            }
        }
        lost
    }
}

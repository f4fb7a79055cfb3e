//! The archive's runs: on AWS each minute, here each second, and sooner when Kafka is about to be full.

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

const RUN_INTERVAL: Duration = Duration::from_secs(1);

/// How long a run may take; the next one goes on where it stopped.
const RUN_TIMEOUT: Duration = Duration::from_secs(30);

/// How often the last run is tried again before the pipeline gives up on what is not archived.
const MAX_FINAL_RUNS: u32 = 3;

/// Archives what is written, until stopped and then to the end.
pub(crate) struct Archiving {
    pub(crate) kafka: Kafka,
    pub(crate) archiver: Archiver,
    pub(crate) topics: Vec<String>,
    /// There is one when Kafka is the embedded one. Then Kafka loses what nobody reads in time, and nothing may be lost.
    pub(crate) backlog: Option<Arc<Backlog>>,
    pub(crate) metrics: Metrics,
    pub(crate) health: Health,
}

/// Why archiving ended before it was done, in a line.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchivingError {
    #[error("the archive is behind: {0}")]
    Failed(String),
    #[error(
        "{0} records were dropped by the embedded Kafka before they were archived: it keeps 5 MiB per partition, and another \
         client wrote more than that at once. Send through the HTTP API, which waits, or use a Kafka of your own with \
         --bootstrap-servers"
    )]
    Lost(u64),
}

/// Runs the archive, or waits as long as it would run where there is none.
pub(crate) async fn run(archiving: Option<Archiving>, stop: CancellationToken) -> Result<(), ArchivingError> {
    if let Some(archiving) = archiving {
        return archiving.run(stop).await;
    }
    stop.cancelled().await;
    Ok(())
}

impl Archiving {
    /// Runs until `stop`, and a last time after that, when nothing is written any more.
    ///
    /// # Errors
    /// When the embedded Kafka lost records, or the last run failed.
    async fn run(self, stop: CancellationToken) -> Result<(), ArchivingError> {
        let health = &self.health;
        loop {
            let failing = health.error().is_some();
            let wanted = async {
                match &self.backlog {
                    Some(backlog) => backlog.wanted().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = sleep(RUN_INTERVAL) => {}
                // What has just failed is not tried again at once.
                () = wanted, if !failing => {}
            }
            match self.once().await {
                Err(ArchivingError::Failed(failure)) => {
                    if health.mark_failed(failure.clone()) {
                        eprintln!("archive: {failure}; trying again");
                    }
                }
                Err(lost @ ArchivingError::Lost(_)) => return Err(lost),
                Ok(()) => health.mark_healthy(),
            }
        }
        let mut tries = 1;
        loop {
            match self.once().await {
                Err(ArchivingError::Failed(_)) if tries < MAX_FINAL_RUNS => tries += 1,
                done => return done,
            }
            sleep(RUN_INTERVAL).await;
        }
    }

    async fn once(&self) -> Result<(), ArchivingError> {
        let report = run::run(&self.kafka, &self.archiver, &self.topics, Instant::now() + RUN_TIMEOUT).await;
        report.record(&self.metrics);
        if let Some(backlog) = &self.backlog {
            let lost = report.total().lost + self.make_room(backlog).await;
            if lost > 0 {
                return Err(ArchivingError::Lost(lost));
            }
        }
        let left_behind: Vec<_> = report.left_behind.iter().map(ToString::to_string).collect();
        let left_behind = (!left_behind.is_empty()).then(|| format!("{} left", left_behind.join(", ")));
        match report.into_result() {
            Ok(_) => left_behind.map_or(Ok(()), |left| Err(ArchivingError::Failed(left))),
            Err(failed) => Err(ArchivingError::Failed(failed.to_string().replace('\n', "; "))),
        }
    }

    /// Tells the writers what is archived; the ends are in memory after a run. Returns how many records are lost behind that:
    /// a run tells it only once there are later ones.
    async fn make_room(&self, backlog: &Backlog) -> u64 {
        let mut lost = 0;
        for partition in self.kafka.partitions().await.unwrap_or_default() {
            if self.topics.contains(&partition.topic)
                && let Ok(end) = self.archiver.end(&partition, 0).await
            {
                let next = i64::try_from(end.next()).unwrap_or(i64::MAX);
                backlog.archived(&partition.topic, partition.partition, next);
                if let Ok(log) = self.kafka.bounds(&partition).await {
                    lost += log.start.saturating_sub(end.next());
                }
            }
        }
        lost
    }
}

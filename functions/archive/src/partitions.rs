//! Concurrent work on partitions, bounded by a deadline.

use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::{failure::Failure, layout::TopicPartition, report::Report, store::Counts};

/// The partitions processed concurrently. In a run each opens its own connection, and MSK's smallest brokers admit four
/// new connections per second.
const CONCURRENCY: usize = 4;

/// The outcome for one partition.
pub(crate) struct Outcome {
    pub(crate) partition: TopicPartition,
    pub(crate) counts: Counts,
    /// Offsets that the topic held at the start and that are not archived, if known.
    pub(crate) lag: Option<u64>,
    /// `None` when the deadline passed first.
    pub(crate) done: Option<Result<(), Failure>>,
}

/// Runs `work`, and drops it at `deadline`.
pub(crate) async fn in_time<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    if Instant::now() >= deadline {
        return None;
    }
    timeout_at(deadline, work).await.ok()
}

/// Runs all of `work` and adds the outcomes to `report`. Returns the partitions that missed the deadline.
pub(crate) async fn gather(
    work: impl IntoIterator<Item = impl Future<Output = Outcome>>,
    report: &mut Report,
) -> Vec<TopicPartition> {
    let mut late = Vec::new();
    let mut outcomes = stream::iter(work).buffer_unordered(CONCURRENCY);
    while let Some(Outcome { partition, counts, lag, done }) = outcomes.next().await {
        report.count(&partition.topic, counts);
        report.lag = report.lag.zip(lag).map(|(sum, lag)| sum + lag);
        match done {
            Some(Ok(())) => {}
            Some(Err(failure)) => report.failures.push(failure),
            None => late.push(partition),
        }
    }
    late
}

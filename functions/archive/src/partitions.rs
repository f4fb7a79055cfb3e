//! Several partitions at once, each for itself, and all of them in time.

use futures::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use crate::{
    layout::TopicPartition,
    report::{Failure, Report},
    store::Counts,
};

/// How many partitions are worked on at once. In a run each takes a connection of its own, and MSK admits four new
/// ones a second on its smallest brokers.
const AT_ONCE: usize = 4;

/// What became of one partition.
pub(crate) struct Outcome {
    pub(crate) partition: TopicPartition,
    pub(crate) counts: Counts,
    /// Records that were there as it began and are not archived, where that is known.
    pub(crate) lag: Option<u64>,
    /// `None` when the time was over.
    pub(crate) done: Option<Result<(), Failure>>,
}

/// Does `work`, and drops it at `deadline`.
pub(crate) async fn in_time<T>(deadline: Instant, work: impl Future<Output = T>) -> Option<T> {
    if Instant::now() >= deadline {
        return None;
    }
    timeout_at(deadline, work).await.ok()
}

/// Waits for each of `work` and puts it into `report`. Returns the partitions that the time was too short for.
pub(crate) async fn gather(
    work: impl IntoIterator<Item = impl Future<Output = Outcome>>,
    report: &mut Report,
) -> Vec<TopicPartition> {
    let mut late = Vec::new();
    let mut outcomes = stream::iter(work).buffer_unordered(AT_ONCE);
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

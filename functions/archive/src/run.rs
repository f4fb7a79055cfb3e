//! A run: reads every topic from its archive's end to the topic's end, and stores the records.

use tokio::time::Instant;

use crate::{
    catch_up::{Goal, Progress, catch_up},
    failure::Failure,
    layout::TopicPartition,
    partitions::{Outcome, gather, in_time},
    reader::Reader,
    report::Report,
    store::Archiver,
};

#[cfg(test)]
mod tests;

/// Archives the records that `topics` hold now. Records that arrive during the run may be left to the next one. One
/// partition's failure does not stop the others.
///
/// # Cancellation
/// Safe to drop, and stops at `deadline`, at any point: the next run continues after the last stored record.
pub async fn run<R: Reader>(reader: &R, archiver: &Archiver, topics: &[String], deadline: Instant) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    match reader.partitions().await {
        Ok(all) => {
            report.lag = Some(0);
            let work = select(all, topics, &mut report).into_iter();
            let work = work.map(|partition| archive_partition(reader, archiver, partition, deadline));
            report.left_behind = gather(work, &mut report).await;
        }
        Err(error) => report.failures.push(Failure::Topics(error)),
    }
    report.finish(started.elapsed(), "archived what is new")
}

/// Selects the partitions of `topics`. A topic without partitions becomes a failure.
fn select(all: Vec<TopicPartition>, topics: &[String], report: &mut Report) -> Vec<TopicPartition> {
    let exists = |topic: &&String| all.iter().any(|partition| partition.topic == **topic);
    let missing = topics.iter().filter(|topic| !exists(topic));
    report.failures.extend(missing.cloned().map(Failure::NoTopic));
    all.into_iter().filter(|partition| topics.contains(&partition.topic)).collect()
}

async fn archive_partition<R: Reader>(
    reader: &R,
    archiver: &Archiver,
    partition: TopicPartition,
    deadline: Instant,
) -> Outcome {
    let mut progress = Progress::default();
    let work = catch_up(reader, archiver, &partition, Goal::End, &mut progress);
    // Lost offsets without a stored record behind them are counted by the run that stores one.
    let done = in_time(deadline, work).await.map(|done| done.map(drop));
    let Progress { counts, end } = progress;
    let lag = match done {
        Some(Ok(())) => Some(0),
        Some(Err(_)) | None => end.zip(archiver.known_end(&partition)).map(|(end, known)| end.saturating_sub(known)),
    };
    Outcome { partition, counts, lag, done }
}

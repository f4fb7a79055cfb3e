//! What is written to the embedded Kafka and not yet archived. It keeps 5 MiB a partition and drops the oldest in
//! silence, so whoever writes waits before that.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use shared::{
    metadata::{Describe, DescribeError, Description, Offsets, Partition},
    publish::{Failure, Outcome, Publish, Reach, Record, Unreachable, Written},
};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// How much of a topic may wait to be archived, in bytes. With the overhead of batches and what is in flight this stays
/// below the 5 MiB that are kept.
const MAX_WAITING_BYTES: usize = 3 * 1024 * 1024;

/// The largest record, key and value, in bytes: Kafka's own default. The embedded one admits more, and then drops even a new
/// record when it and the one before it pass what is kept.
const MAX_RECORD_BYTES: usize = 1_048_588;

/// Counted on top of each record's key and value: a batch of its own has a header of 61 bytes.
const OVERHEAD_BYTES: usize = 100;

/// How much is admitted at once.
const MAX_CHUNK_BYTES: usize = 512 * 1024;

/// A publisher that lets no more through than the embedded Kafka can keep, or anything where Kafka is a real one.
#[derive(Debug, Clone)]
pub(crate) struct Bounded<P> {
    inner: P,
    backlog: Option<Arc<Backlog>>,
}

/// What waits to be archived, by topic.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// The topics that are archived. What others lose, nobody waits for.
    archived: HashSet<Arc<str>>,
    topics: Mutex<HashMap<Arc<str>, Waiting>>,
    /// Something was archived.
    shrunk: Notify,
    /// Somebody waits for that.
    wanted: Notify,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct Waiting {
    /// Admitted, and neither known to be archived nor to have failed.
    bytes: usize,
    /// The size of each written record, by partition and offset.
    written: BTreeMap<(i32, i64), usize>,
    /// The first offset of each partition that is not archived.
    archived_to: HashMap<i32, i64>,
}

impl Backlog {
    /// Nothing waits yet, in the topics that are archived.
    pub(crate) fn of(topics: impl IntoIterator<Item = String>) -> Self {
        Self {
            archived: topics.into_iter().map(Into::into).collect(),
            topics: Mutex::default(),
            shrunk: Notify::default(),
            wanted: Notify::default(),
            closed: AtomicBool::default(),
        }
    }

    /// Waits until somebody cannot write for lack of room.
    pub(crate) async fn wanted(&self) {
        self.wanted.notified().await;
    }

    /// Everything below offset `next` of a partition is archived.
    pub(crate) fn archived(&self, topic: &str, partition: i32, next: i64) {
        let mut topics = self.topics();
        let waiting = topics.entry(topic.into()).or_default();
        waiting.archived_to.insert(partition, next);
        let mut rest = waiting.written.split_off(&(partition, 0));
        let mut beyond = rest.split_off(&(partition, next.max(0)));
        let freed: usize = rest.values().sum();
        waiting.bytes -= freed;
        waiting.written.append(&mut beyond);
        drop(topics);
        if freed > 0 {
            self.shrunk.notify_waiters();
        }
    }

    /// Nothing will be archived any more: who waits for room waits no longer.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.shrunk.notify_waiters();
    }

    /// Takes `bytes` into the account if there is room.
    fn try_admit(&self, topic: &Arc<str>, bytes: usize) -> bool {
        if !self.archived.contains(topic) {
            return true;
        }
        let mut topics = self.topics();
        let waiting = topics.entry(Arc::clone(topic)).or_default();
        let room = waiting.bytes + bytes <= MAX_WAITING_BYTES;
        if room {
            waiting.bytes += bytes;
        }
        room
    }

    /// Takes `bytes` into the account once there is room; `false` when there is none by the deadline.
    async fn admit(&self, topic: &Arc<str>, bytes: usize, deadline: Instant) -> bool {
        loop {
            let shrunk = self.shrunk.notified();
            tokio::pin!(shrunk);
            // From here on no change is missed.
            shrunk.as_mut().enable();
            if self.try_admit(topic, bytes) {
                return true;
            }
            if self.closed.load(Ordering::Relaxed) {
                return false;
            }
            self.wanted.notify_one();
            if timeout_at(deadline, shrunk).await.is_err() {
                return false;
            }
        }
    }

    /// Notes where an admitted record was written, or that it was not.
    fn settle(&self, topic: &Arc<str>, bytes: usize, outcome: &Outcome) {
        if !self.archived.contains(topic) {
            return;
        }
        let mut topics = self.topics();
        let waiting = topics.entry(Arc::clone(topic)).or_default();
        match outcome {
            Ok(Written { partition, offset, .. })
                if waiting.archived_to.get(partition).is_none_or(|next| next <= offset) =>
            {
                waiting.written.insert((*partition, *offset), bytes);
            }
            // Archived before we heard that it was written, or not written.
            Ok(_) | Err(_) => waiting.bytes -= bytes,
        }
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, Waiting>> {
        // Nothing panics while it holds the lock with the account half changed.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<P> Bounded<P> {
    pub(crate) const fn new(inner: P, backlog: Option<Arc<Backlog>>) -> Self {
        Self { inner, backlog }
    }
}

impl<P: Publish> Publish for Bounded<P> {
    async fn publish(&self, records: Vec<Record>, deadline: Instant) -> Vec<Outcome> {
        let Some(backlog) = &self.backlog else { return self.inner.publish(records, deadline).await };
        let mut outcomes = Vec::with_capacity(records.len());
        let mut records = records.into_iter().peekable();
        let size = |record: &Record| record.size_bytes() + OVERHEAD_BYTES;
        let fits = |record: &Record| record.size_bytes() <= MAX_RECORD_BYTES;
        while let Some(first) = records.next() {
            if !fits(&first) {
                outcomes.push(Err(Failure::TooLarge));
                continue;
            }
            if !backlog.admit(&first.topic, size(&first), deadline).await {
                // Neither this one nor what follows is sent.
                outcomes.push(Err(Failure::Unconfirmed));
                outcomes.extend(records.map(|_| Err(Failure::Unconfirmed)));
                break;
            }
            let mut bytes = size(&first);
            let mut admitted = vec![(Arc::clone(&first.topic), bytes)];
            let mut chunk = vec![first];
            // What is admitted is sent before anything waits for room again: it may be what takes the room.
            while bytes < MAX_CHUNK_BYTES
                && let Some(record) =
                    records.next_if(|record| fits(record) && backlog.try_admit(&record.topic, size(record)))
            {
                bytes += size(&record);
                admitted.push((Arc::clone(&record.topic), size(&record)));
                chunk.push(record);
            }
            let published = self.inner.publish(chunk, deadline).await;
            for ((topic, bytes), outcome) in admitted.iter().zip(&published) {
                backlog.settle(topic, *bytes, outcome);
            }
            outcomes.extend(published);
        }
        outcomes
    }
}

impl<P: Describe> Describe for Bounded<P> {
    async fn cluster(&self, within: Duration) -> Result<Description, DescribeError> {
        self.inner.cluster(within).await
    }

    async fn partitions(&self, topic: &str, within: Duration) -> Result<Vec<Partition>, DescribeError> {
        self.inner.partitions(topic, within).await
    }

    async fn offsets(&self, topic: &str, partition: i32, within: Duration) -> Result<Offsets, DescribeError> {
        self.inner.offsets(topic, partition, within).await
    }
}

impl<P: Reach> Reach for Bounded<P> {
    fn reach(&self, within: Duration) -> impl Future<Output = Result<(), Unreachable>> + Send {
        self.inner.reach(within)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    /// Writes everything, one offset after the other.
    #[derive(Debug, Clone, Default)]
    struct Recorder(Arc<Mutex<Vec<usize>>>);

    impl Publish for Recorder {
        async fn publish(&self, records: Vec<Record>, _: Instant) -> Vec<Outcome> {
            let mut sizes = self.0.lock().unwrap();
            let write = |record: Record| {
                sizes.push(record.size_bytes());
                Ok(Written { partition: 0, offset: i64::try_from(sizes.len()).unwrap() - 1, timestamp_ms: None })
            };
            records.into_iter().map(write).collect()
        }
    }

    fn records(count: usize, bytes: usize) -> Vec<Record> {
        let value = Some(Bytes::from(vec![b'x'; bytes]));
        vec![Record { topic: "t".into(), value, ..Record::default() }; count]
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_not_archived_never_passes_the_bound_and_archiving_makes_room() {
        let (recorder, backlog) = (Recorder::default(), Arc::new(Backlog::of(["t".to_owned()])));
        let bounded = Bounded::new(recorder.clone(), Some(Arc::clone(&backlog)));
        let soon = || Instant::now() + Duration::from_secs(1);

        let outcomes = bounded.publish(records(40, 100_000), soon()).await;
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(written, MAX_WAITING_BYTES / (100_000 + OVERHEAD_BYTES));
        assert_eq!(recorder.0.lock().unwrap().len(), written);

        // 20 of them archived leave room for 20 more.
        backlog.archived("t", 0, 20);
        let outcomes = bounded.publish(records(21, 100_000), soon()).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 20);
    }

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_waits_goes_on_when_the_archive_catches_up() {
        let (recorder, backlog) = (Recorder::default(), Arc::new(Backlog::of(["t".to_owned()])));
        let bounded = Bounded::new(recorder.clone(), Some(Arc::clone(&backlog)));
        let archive = tokio::spawn({
            let (recorder, backlog) = (recorder.clone(), Arc::clone(&backlog));
            async move {
                loop {
                    backlog.wanted().await;
                    let next = i64::try_from(recorder.0.lock().unwrap().len()).unwrap();
                    backlog.archived("t", 0, next);
                }
            }
        });
        let outcomes = bounded.publish(records(200, 100_000), Instant::now() + Duration::from_secs(1)).await;
        assert!(outcomes.iter().all(Result::is_ok));
        archive.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_larger_than_kafkas_default_is_refused_and_its_neighbours_are_written() {
        let recorder = Recorder::default();
        let bounded = Bounded::new(recorder.clone(), Some(Arc::new(Backlog::of(["t".to_owned()]))));
        let sizes = [1, MAX_RECORD_BYTES + 1, MAX_RECORD_BYTES, MAX_RECORD_BYTES + 1, 1];
        let records = sizes.into_iter().flat_map(|size| records(1, size)).collect();
        let outcomes = bounded.publish(records, Instant::now() + Duration::from_secs(1)).await;
        let written: Vec<bool> = outcomes.iter().map(Result::is_ok).collect();
        assert_eq!(written, [true, false, true, false, true]);
        assert_eq!(outcomes[1], Err(Failure::TooLarge));
        assert_eq!(*recorder.0.lock().unwrap(), [1, MAX_RECORD_BYTES, 1]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_record_that_is_archived_before_it_is_confirmed_takes_no_room() {
        let backlog = Arc::new(Backlog::of(["t".to_owned()]));
        backlog.archived("t", 0, 5);
        let bounded = Bounded::new(Recorder::default(), Some(Arc::clone(&backlog)));
        bounded.publish(records(5, 600_000), Instant::now() + Duration::from_secs(1)).await;
        assert_eq!(backlog.topics()["t"].bytes, 0);
    }
}

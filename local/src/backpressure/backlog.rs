//! The records that are written to the embedded Kafka and not archived yet. It keeps 5 MiB per partition and drops older records
//! silently, so publishers wait for the archive before that limit.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use shared::publish::{Outcome, Written};
use tokio::{
    sync::Notify,
    time::{Instant, timeout_at},
};

/// The limit of unarchived records per topic, in bytes. It leaves room for the overhead of batches and for requests in flight below
/// the 5 MiB that are kept.
pub(crate) const MAX_UNARCHIVED_BYTES: usize = 3 * 1024 * 1024;

/// The unarchived bytes of each topic.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// The topics that are archived. Publishers to other topics never wait.
    archived: HashSet<Arc<str>>,
    topics: Mutex<HashMap<Arc<str>, TopicBacklog>>,
    /// Notified when bytes become free.
    shrunk: Notify,
    /// Notified when a publisher starts to wait.
    publisher_waiting: Notify,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct TopicBacklog {
    /// The admitted bytes that are neither archived nor failed.
    bytes: usize,
    /// The size of each written record, by partition and offset.
    written: BTreeMap<(i32, i64), usize>,
    /// The offset after the last archived record, by partition.
    archived_to: HashMap<i32, i64>,
}

impl Backlog {
    /// Creates an empty backlog for the archived `topics`.
    pub(crate) fn new(topics: impl IntoIterator<Item = String>) -> Self {
        Self {
            archived: topics.into_iter().map(Into::into).collect(),
            topics: Mutex::default(),
            shrunk: Notify::default(),
            publisher_waiting: Notify::default(),
            closed: AtomicBool::default(),
        }
    }

    /// Waits until a publisher has to wait.
    pub(crate) async fn publisher_waits(&self) {
        self.publisher_waiting.notified().await;
    }

    /// Frees the records of a partition below offset `next`, which are archived.
    pub(crate) fn mark_archived(&self, topic: &str, partition: i32, next: i64) {
        let mut topics = self.topics();
        let topic_backlog = topics.entry(topic.into()).or_default();
        topic_backlog.archived_to.insert(partition, next);
        let mut rest = topic_backlog.written.split_off(&(partition, 0));
        let mut beyond = rest.split_off(&(partition, next.max(0)));
        let freed: usize = rest.values().sum();
        topic_backlog.bytes -= freed;
        topic_backlog.written.append(&mut beyond);
        drop(topics);
        if freed > 0 {
            self.shrunk.notify_waiters();
        }
    }

    /// Fails all waiting publishers, because nothing will be archived any more.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Relaxed);
        self.shrunk.notify_waiters();
    }

    /// Admits `bytes` if they fit. Returns whether they do.
    pub(crate) fn try_admit(&self, topic: &Arc<str>, bytes: usize) -> bool {
        if !self.archived.contains(topic) {
            return true;
        }
        let mut topics = self.topics();
        let topic_backlog = topics.entry(Arc::clone(topic)).or_default();
        let fits = topic_backlog.bytes + bytes <= MAX_UNARCHIVED_BYTES;
        if fits {
            topic_backlog.bytes += bytes;
        }
        fits
    }

    /// Waits until `bytes` fit, and admits them. Returns `false` if they do not fit by the deadline.
    pub(crate) async fn admit(&self, topic: &Arc<str>, bytes: usize, deadline: Instant) -> bool {
        loop {
            let shrunk = self.shrunk.notified();
            tokio::pin!(shrunk);
            // Registered before the check, so no notification is missed.
            shrunk.as_mut().enable();
            if self.try_admit(topic, bytes) {
                return true;
            }
            if self.closed.load(Ordering::Relaxed) {
                return false;
            }
            self.publisher_waiting.notify_one();
            if timeout_at(deadline, shrunk).await.is_err() {
                return false;
            }
        }
    }

    /// Records the outcome of an admitted record.
    pub(crate) fn settle(&self, topic: &Arc<str>, bytes: usize, outcome: &Outcome) {
        if !self.archived.contains(topic) {
            return;
        }
        let mut topics = self.topics();
        let topic_backlog = topics.entry(Arc::clone(topic)).or_default();
        match outcome {
            Ok(Written { partition, offset, .. })
                if topic_backlog.archived_to.get(partition).is_none_or(|next| next <= offset) =>
            {
                topic_backlog.written.insert((*partition, *offset), bytes);
            }
            // Archived before its acknowledgement arrived, or not written.
            Ok(_) | Err(_) => {
                topic_backlog.bytes -= bytes;
                drop(topics);
                self.shrunk.notify_waiters();
            }
        }
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, TopicBacklog>> {
        // Nothing panics while it holds the lock with half a change made.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::publish::Failure;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_waiting_publisher_continues_when_an_earlier_record_fails() {
        let (topic, backlog) = (Arc::<str>::from("t"), Arc::new(Backlog::new(["t".to_owned()])));
        assert!(backlog.try_admit(&topic, MAX_UNARCHIVED_BYTES));
        let waiting = tokio::spawn({
            let (topic, backlog) = (Arc::clone(&topic), Arc::clone(&backlog));
            async move { backlog.admit(&topic, 1, Instant::now() + Duration::from_secs(1)).await }
        });
        tokio::task::yield_now().await;
        backlog.settle(&topic, MAX_UNARCHIVED_BYTES, &Err(Failure::Unconfirmed));
        assert!(waiting.await.unwrap());
    }

    #[test]
    fn a_record_archived_before_its_acknowledgement_counts_for_nothing() {
        let (topic, backlog) = (Arc::<str>::from("t"), Backlog::new(["t".to_owned()]));
        backlog.mark_archived("t", 0, 5);
        assert!(backlog.try_admit(&topic, 600_000));
        backlog.settle(&topic, 600_000, &Ok(Written { partition: 0, offset: 4, timestamp_ms: None }));
        assert_eq!(backlog.topics()["t"].bytes, 0);
    }
}

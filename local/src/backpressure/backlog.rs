//! What is written to the embedded Kafka and not yet archived. It keeps 5 MiB a partition and drops the oldest in
//! silence, so whoever writes waits before that.

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

/// How much of a topic may wait to be archived, in bytes. With the overhead of batches and what is in flight this stays
/// below the 5 MiB that are kept.
pub(crate) const MAX_UNARCHIVED_BYTES: usize = 3 * 1024 * 1024;

/// What waits to be archived, by topic.
#[derive(Debug)]
pub(crate) struct Backlog {
    /// The topics that are archived. What others lose, nobody waits for.
    archived: HashSet<Arc<str>>,
    topics: Mutex<HashMap<Arc<str>, TopicBacklog>>,
    /// Something was archived.
    shrunk: Notify,
    /// Somebody waits for that.
    wanted: Notify,
    closed: AtomicBool,
}

#[derive(Debug, Default)]
struct TopicBacklog {
    /// Admitted, and neither known to be archived nor to have failed.
    bytes: usize,
    /// The size of each written record, by partition and offset.
    written: BTreeMap<(i32, i64), usize>,
    /// The first offset of each partition that is not archived.
    archived_to: HashMap<i32, i64>,
}

impl Backlog {
    /// Nothing waits yet, in the topics that are archived.
    pub(crate) fn new(topics: impl IntoIterator<Item = String>) -> Self {
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
    pub(crate) fn try_admit(&self, topic: &Arc<str>, bytes: usize) -> bool {
        if !self.archived.contains(topic) {
            return true;
        }
        let mut topics = self.topics();
        let waiting = topics.entry(Arc::clone(topic)).or_default();
        let room = waiting.bytes + bytes <= MAX_UNARCHIVED_BYTES;
        if room {
            waiting.bytes += bytes;
        }
        room
    }

    /// Takes `bytes` into the account once there is room; `false` when there is none by the deadline.
    pub(crate) async fn admit(&self, topic: &Arc<str>, bytes: usize, deadline: Instant) -> bool {
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
    pub(crate) fn settle(&self, topic: &Arc<str>, bytes: usize, outcome: &Outcome) {
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
            Ok(_) | Err(_) => {
                waiting.bytes -= bytes;
                drop(topics);
                self.shrunk.notify_waiters();
            }
        }
    }

    fn topics(&self) -> std::sync::MutexGuard<'_, HashMap<Arc<str>, TopicBacklog>> {
        // Nothing panics while it holds the lock with the account half changed.
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::publish::Failure;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_writer_that_waits_goes_on_when_a_record_before_it_fails() {
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
    fn a_record_that_is_archived_before_it_is_confirmed_takes_no_room() {
        let (topic, backlog) = (Arc::<str>::from("t"), Backlog::new(["t".to_owned()]));
        backlog.archived("t", 0, 5);
        assert!(backlog.try_admit(&topic, 600_000));
        backlog.settle(&topic, 600_000, &Ok(Written { partition: 0, offset: 4, timestamp_ms: None }));
        assert_eq!(backlog.topics()["t"].bytes, 0);
    }
}

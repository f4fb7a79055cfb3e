//! What every request shares: the producer, the topics, the counts.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use shared::{
    publish::Outcome,
    shown::shown,
    topic::{Topic, UserIds},
};

use crate::error::Error;

/// What every request shares.
#[derive(Debug, Clone)]
pub struct App<P> {
    /// Writes the records.
    pub producer: P,
    /// What became of the records so far.
    pub counts: Arc<Counts>,
    topics: Arc<[Topic]>,
}

/// Records by what became of them.
#[derive(Debug, Default)]
pub struct Counts {
    written: AtomicU64,
    refused: AtomicU64,
    unconfirmed: AtomicU64,
}

impl Counts {
    /// Records that the in-sync replicas hold.
    #[must_use]
    pub fn records_written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Records of requests that broke a rule: none of them was written.
    #[must_use]
    pub fn records_refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Records that Kafka did not take, or not in time.
    #[must_use]
    pub fn records_unconfirmed(&self) -> u64 {
        self.unconfirmed.load(Ordering::Relaxed)
    }

    pub(crate) fn refused(&self, records: usize) {
        self.refused.fetch_add(records as u64, Ordering::Relaxed);
    }

    pub(crate) fn published(&self, outcomes: &[Outcome]) {
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        self.written.fetch_add(written as u64, Ordering::Relaxed);
        self.unconfirmed.fetch_add((outcomes.len() - written) as u64, Ordering::Relaxed);
    }
}

impl<P> App<P> {
    /// Serves the topics of `user_ids` with `producer`.
    pub fn new(producer: P, user_ids: &UserIds) -> Self {
        Self { producer, counts: Arc::default(), topics: user_ids.topics().into() }
    }

    /// The topic of that name, if it is one of ours.
    pub(crate) fn topic(&self, name: &str) -> Result<&Topic, Error> {
        self.topics
            .iter()
            .find(|topic| topic.name == name)
            .ok_or_else(|| Error::UnknownTopic { topic: shown(name), topics: self.topic_names() })
    }

    pub(crate) fn topic_names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.topics.iter().map(|topic| topic.name.clone()).collect();
        names.sort_unstable();
        names
    }
}

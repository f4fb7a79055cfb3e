//! What every request shares: the producer, the topics, the metrics.

use std::sync::Arc;

use shared::{
    metrics::{
        Metrics,
        ingest::{PRODUCE_TIME, RECORDS_REFUSED, RECORDS_UNCONFIRMED, RECORDS_WRITTEN},
    },
    publish::{Failure, Outcome, Publish, Record},
    shown::shown,
    topic::{PassThroughTopics, UserIds},
};
use tokio::time::Instant;

use crate::{error::Error, failure, limits::Deadline, status_policy::StatusPolicy, topic::Topic};

/// What every request shares.
#[derive(Debug, Clone)]
pub struct App<P> {
    /// Writes the records.
    pub producer: P,
    /// What became of the requests and their records.
    pub metrics: Metrics,
    /// Which status a request has whose records were not all written.
    pub(crate) status_policy: StatusPolicy,
    topics: Arc<[Topic]>,
    /// In alphabetical order.
    topic_names: Arc<[String]>,
}

impl<P> App<P> {
    /// Serves the topics of `user_ids` with `producer`, and tells `metrics` what became of the requests.
    pub fn new(producer: P, user_ids: &UserIds, metrics: Metrics) -> Self {
        let app = Self {
            producer,
            metrics,
            status_policy: StatusPolicy::Strict,
            topics: Arc::default(),
            topic_names: Arc::default(),
        };
        app.serving(user_ids.topics().into_iter().map(Topic::Kind))
    }

    /// Serves these topics as well, without a look at their records.
    #[must_use]
    pub fn passing_through(self, topics: &PassThroughTopics) -> Self {
        self.serving(topics.iter().map(|name| Topic::PassThrough(name.to_owned())))
    }

    fn serving(self, more: impl Iterator<Item = Topic>) -> Self {
        let topics: Arc<[Topic]> = self.topics.iter().cloned().chain(more).collect();
        let mut topic_names: Vec<_> = topics.iter().map(|topic| topic.name().to_owned()).collect();
        topic_names.sort_unstable();
        Self { topics, topic_names: topic_names.into(), ..self }
    }

    /// Answers with these statuses.
    #[must_use]
    pub fn with_status_policy(self, status_policy: StatusPolicy) -> Self {
        Self { status_policy, ..self }
    }

    /// The topic of that name, if it is one of ours.
    pub(crate) fn topic(&self, name: &str) -> Result<&Topic, Error> {
        self.topics
            .iter()
            .find(|topic| topic.name() == name)
            .ok_or_else(|| Error::UnknownTopic { topic: shown(name), topics: self.topic_names() })
    }

    /// The first topic of a kind.
    pub(crate) fn topic_of(&self, kind: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.label() == kind)
    }

    /// The topics that take any record.
    pub(crate) fn passed_through(&self) -> Vec<&str> {
        self.topics.iter().filter(|topic| !topic.takes_json_only()).map(Topic::name).collect()
    }

    /// In alphabetical order.
    pub(crate) fn topic_names(&self) -> Arc<[String]> {
        Arc::clone(&self.topic_names)
    }

    /// Records of a request that is refused with `error`.
    pub(crate) fn refused(&self, records: usize, error: &Error) {
        self.metrics.add_by(&RECORDS_REFUSED, error.code().to_string(), records as u64);
    }

    /// Writes records to `topic`, and counts what became of them.
    pub(crate) async fn publish(&self, topic: &Topic, records: Vec<Record>, deadline: Deadline) -> Vec<Outcome>
    where
        P: Publish,
    {
        let begun = Instant::now();
        let outcomes = self.producer.publish(records, deadline.0).await;
        self.metrics.took(&PRODUCE_TIME, begun.elapsed());
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        // A client's mistake, which nobody has to be woken for.
        let too_large = outcomes.iter().filter(|outcome| **outcome == Err(Failure::TooLarge)).count();
        self.metrics.add_by(&RECORDS_WRITTEN, topic.label(), written as u64);
        self.metrics.add_by(&RECORDS_REFUSED, failure::code(Failure::TooLarge).to_string(), too_large as u64);
        self.metrics.add(&RECORDS_UNCONFIRMED, (outcomes.len() - written - too_large) as u64);
        outcomes
    }
}

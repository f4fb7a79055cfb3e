//! The state that all requests share: the producer, the cluster, the topics, the metrics.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use shared::{
    metrics::{
        Metrics,
        ingest::{PRODUCE_TIME, RECORDS_REFUSED, RECORDS_UNCONFIRMED, RECORDS_WRITTEN},
    },
    publish::{Failure, Outcome, ProducerRecord, Publish},
    redact::excerpt,
    stream::SharedStreams,
    topic::{PassThroughTopics, UserIds},
};
use tokio::time::Instant;

use crate::{error::Error, failure, limits::Deadline, status_policy::StatusPolicy, topic::Topic};

/// The state that all requests share.
#[derive(Debug, Clone)]
pub struct App<P, C> {
    /// Writes the records.
    pub(crate) producer: P,
    /// Describes the cluster.
    pub(crate) cluster: C,
    /// Counts requests and records by outcome.
    pub metrics: Metrics,
    /// The status of partially written requests.
    pub(crate) status_policy: StatusPolicy,
    /// The OpenAPI document, once it is built.
    pub(crate) document: Arc<OnceLock<Bytes>>,
    /// The streams that hold all kinds of a user id.
    pub(crate) shared_streams: SharedStreams,
    /// Set if records may be read back.
    pub(crate) reads_back: bool,
    topics: Arc<[Topic]>,
    /// Sorted.
    topic_names: Arc<[String]>,
}

impl<P, C> App<P, C> {
    /// Serves the topics of `user_ids` with `producer` and the metadata of `cluster`, and counts outcomes in `metrics`.
    pub fn new(producer: P, cluster: C, user_ids: &UserIds, metrics: Metrics) -> Self {
        let app = Self {
            producer,
            cluster,
            metrics,
            status_policy: StatusPolicy::Strict,
            document: Arc::default(),
            shared_streams: SharedStreams::default(),
            reads_back: true,
            topics: Arc::default(),
            topic_names: Arc::default(),
        };
        app.with_topics(user_ids.topics().into_iter().map(Topic::Kind))
    }

    /// Serves these topics as well, without validating their records.
    #[must_use]
    pub fn with_pass_through(self, topics: &PassThroughTopics) -> Self {
        self.with_topics(topics.iter().map(|name| Topic::PassThrough(name.to_owned())))
    }

    fn with_topics(self, more: impl Iterator<Item = Topic>) -> Self {
        let topics: Arc<[Topic]> = self.topics.iter().cloned().chain(more).collect();
        let mut topic_names: Vec<_> = topics.iter().map(|topic| topic.name().to_owned()).collect();
        topic_names.sort_unstable();
        Self { topics, topic_names: topic_names.into(), ..self }
    }

    /// Serves these streams besides those of the topics.
    #[must_use]
    pub fn with_shared_streams(self, shared_streams: SharedStreams) -> Self {
        Self { shared_streams, ..self }
    }

    /// Serves requests that read records back only if `reads_back`.
    #[must_use]
    pub fn with_read_back(self, reads_back: bool) -> Self {
        Self { reads_back, ..self }
    }

    /// Uses `status_policy` for partially written requests.
    #[must_use]
    pub fn with_status_policy(self, status_policy: StatusPolicy) -> Self {
        Self { status_policy, ..self }
    }

    /// Returns the served topic with this name.
    pub(crate) fn topic(&self, name: &str) -> Result<&Topic, Error> {
        self.topics
            .iter()
            .find(|topic| topic.name() == name)
            .ok_or_else(|| Error::UnknownTopic { topic: excerpt(name), topics: self.topic_names() })
    }

    /// The first topic with this label, which a kind's topics share.
    pub(crate) fn first_topic_with_label(&self, label: &str) -> Option<&Topic> {
        self.topics.iter().find(|topic| topic.label() == label)
    }

    /// The topics whose records are not validated.
    pub(crate) fn passed_through(&self) -> Vec<&str> {
        self.topics.iter().filter(|topic| !topic.takes_json_only()).map(Topic::name).collect()
    }

    /// All topics.
    pub(crate) fn topics(&self) -> &[Topic] {
        &self.topics
    }

    /// The names of all topics, sorted.
    pub(crate) fn topic_names(&self) -> Arc<[String]> {
        Arc::clone(&self.topic_names)
    }

    /// Counts the records of a request that `error` rejects.
    pub(crate) fn count_rejected(&self, records: usize, error: &Error) {
        self.metrics.add_by(&RECORDS_REFUSED, error.code().to_string(), records as u64);
    }

    /// Writes records to `topic` and counts their outcomes.
    pub(crate) async fn publish(&self, topic: &Topic, records: Vec<ProducerRecord>, deadline: Deadline) -> Vec<Outcome>
    where
        P: Publish,
    {
        let begun = Instant::now();
        let outcomes = self.producer.publish(records, deadline.0).await;
        self.metrics.record_duration(&PRODUCE_TIME, begun.elapsed());
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        // The client's mistake: not counted as unconfirmed, which raises an alarm.
        let too_large = outcomes.iter().filter(|outcome| **outcome == Err(Failure::TooLarge)).count();
        self.metrics.add_by(&RECORDS_WRITTEN, topic.label(), written as u64);
        self.metrics.add_by(&RECORDS_REFUSED, failure::code(Failure::TooLarge).to_string(), too_large as u64);
        self.metrics.add(&RECORDS_UNCONFIRMED, (outcomes.len() - written - too_large) as u64);
        outcomes
    }
}

//! What the cluster says of itself, asked on connections of its own: a question that a broker leaves unanswered stands in
//! nobody's way.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    metadata::{Metadata, MetadataBroker, MetadataPartition, MetadataTopic},
    types::RDKafkaRespErr,
};
use tokio::time::{Instant, timeout};

use super::{
    Producer,
    connection::{Client, PAUSE},
};
use crate::{
    metadata::{Describe, DescribeError, Offsets, Partition, Replica},
    publish::Unreachable,
};

/// How recent a broker's answer has to be for [`Describe::reach`] to take its word.
const RECENT: Duration = Duration::from_secs(5);

/// How many brokers a question goes to, one after the other: which one, librdkafka chooses at random, and it may be one
/// that does not answer.
const TRIES: u32 = 3;

impl Describe for Producer {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        let start = Instant::now();
        let Ok(connection) = self.0.writing.connection() else {
            return Err(Unreachable::NoResponse { within, source: None });
        };
        if connection.answered_within(RECENT) {
            return Ok(());
        }
        let asking = async {
            tokio::select! {
                answer = connection.ask(None, within) => answer.map(drop).map_err(|()| connection.link.no_answer(within)),
                () = connection.link.denied_since(start) => Err(Unreachable::AuthenticationFailed),
            }
        };
        timeout(within, asking).await.unwrap_or_else(|_| Err(connection.link.no_answer(within)))
    }

    async fn cluster_id(&self, within: Duration) -> Result<String, DescribeError> {
        self.answer(within, None, |client, patience| {
            let no_answer = KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
            client.fetch_cluster_id(patience).ok_or(no_answer)
        })
        .await
    }

    async fn brokers(&self, within: Duration) -> Result<Vec<i32>, DescribeError> {
        self.answer(within, None, |client, patience| {
            let metadata = client.fetch_metadata(None, patience)?;
            let mut brokers: Vec<_> = metadata.brokers().iter().map(MetadataBroker::id).collect();
            brokers.sort_unstable();
            Ok(brokers)
        })
        .await
    }

    async fn partitions(&self, topic: &str, within: Duration) -> Result<Vec<Partition>, DescribeError> {
        let name = topic.to_owned();
        let ask = move |client: &Client, patience| partitions(&client.fetch_metadata(Some(&name), patience)?);
        self.answer(within, Some(topic), ask).await
    }

    async fn offsets(&self, topic: &str, partition: i32, within: Duration) -> Result<Offsets, DescribeError> {
        let name = topic.to_owned();
        self.answer(within, Some(topic), move |client, patience| {
            let (beginning_offset, end_offset) = client.fetch_watermarks(&name, partition, patience)?;
            Ok(Offsets { beginning_offset, end_offset })
        })
        .await
    }
}

impl Producer {
    /// What the cluster answers to `question`, about `topic` if about one. It is asked again where it had no answer for its
    /// part of the time.
    async fn answer<T: Send + 'static>(
        &self,
        within: Duration,
        topic: Option<&str>,
        question: impl Fn(&Client, Duration) -> Result<T, KafkaError> + Clone + Send + 'static,
    ) -> Result<T, DescribeError> {
        let start = Instant::now();
        let slot = &self.0.asking;
        let Ok(connection) = slot.connection() else {
            return Err(Unreachable::NoResponse { within, source: None }.into());
        };
        let no_answer = || Err(DescribeError::from(connection.link.no_answer(within)));
        let asking = async {
            loop {
                // As many as there are, no more: each blocks a thread.
                let Ok(permit) = Arc::clone(&self.0.threads).acquire_owned().await else { return no_answer() };
                let question = question.clone();
                let patience = within / TRIES;
                let answer = connection.blocking(patience, move |client| {
                    let answer = question(client, patience);
                    drop(permit);
                    answer
                });
                match answer.await {
                    Some(Ok(answer)) => return Ok(answer),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "no metadata");
                        if let Some(refusal) = refusal(&error, topic) {
                            return Err(refusal);
                        }
                    }
                    None => {}
                }
                tokio::time::sleep(PAUSE).await;
            }
        };
        let answer = tokio::select! {
            answer = timeout(within, asking) => answer.unwrap_or_else(|_| no_answer()),
            () = connection.link.denied_since(start) => Err(Unreachable::AuthenticationFailed.into()),
        };
        match &answer {
            Err(DescribeError::Unreachable(Unreachable::AuthenticationFailed)) => slot.give_up(&connection),
            Err(DescribeError::Unreachable(_)) if connection.link.silent_since(start) => slot.give_up(&connection),
            _ => {}
        }
        connection.touch();
        answer
    }
}

/// What the cluster says for good. Everything else may be that no broker answered.
fn refusal(error: &KafkaError, topic: Option<&str>) -> Option<DescribeError> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition => {
            Some(DescribeError::NoSuchTopic { topic: topic?.to_owned() })
        }
        RDKafkaErrorCode::TopicAuthorizationFailed => Some(DescribeError::Unauthorized),
        _ => None,
    }
}

/// The partitions of the one topic that was asked for.
fn partitions(metadata: &Metadata) -> Result<Vec<Partition>, KafkaError> {
    let topic = metadata.topics().first();
    if let Some(error) = topic.and_then(MetadataTopic::error) {
        return Err(KafkaError::MetadataFetch(error.into()));
    }
    let mut partitions: Vec<_> =
        topic.map(MetadataTopic::partitions).unwrap_or_default().iter().map(partition).collect();
    if partitions.is_empty() {
        return Err(KafkaError::MetadataFetch(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART.into()));
    }
    partitions.sort_unstable_by_key(|partition| partition.partition);
    Ok(partitions)
}

fn partition(partition: &MetadataPartition) -> Partition {
    let leader = partition.leader();
    let replica = |broker: &i32| Replica {
        broker: *broker,
        leader: *broker == leader,
        in_sync: partition.isr().contains(broker),
    };
    Partition { partition: partition.id(), leader, replicas: partition.replicas().iter().map(replica).collect() }
}

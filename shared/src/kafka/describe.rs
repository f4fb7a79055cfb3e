//! Requests about topics and brokers. They use a connection of their own, so that one without a response delays no record. Only
//! `reach` uses the producer's, because it checks that records can be written.

use std::{sync::Arc, time::Duration};

use rdkafka::{
    error::{KafkaError, RDKafkaErrorCode},
    metadata::{Metadata, MetadataBroker, MetadataPartition, MetadataTopic},
    types::RDKafkaRespErr,
};
use tokio::time::{Instant, timeout};

use super::{
    Producer,
    connection::{Client, RETRY_DELAY},
};
use crate::{
    metadata::{Describe, DescribeError, Offsets, Partition, Replica},
    publish::Unreachable,
};

/// The age up to which a broker's last response counts for [`Describe::reach`].
const RECENT_RESPONSE: Duration = Duration::from_secs(5);

/// The number of attempts for one request. librdkafka chooses the broker at random, and it may choose one that is down.
const ATTEMPTS: u32 = 3;

impl Describe for Producer {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        let start = Instant::now();
        let Ok(connection) = self.0.producer_client.connection() else {
            return Err(Unreachable::NoResponse { within, source: None });
        };
        if connection.responded_within(RECENT_RESPONSE) {
            return Ok(());
        }
        let request = async {
            tokio::select! {
                metadata = connection.fetch_metadata(None, within) => {
                    metadata.map(drop).map_err(|()| connection.health.no_response(within))
                }
                () = connection.health.wait_until_denied(start) => Err(Unreachable::AuthenticationFailed),
            }
        };
        timeout(within, request).await.unwrap_or_else(|_| Err(connection.health.no_response(within)))
    }

    async fn cluster_id(&self, within: Duration) -> Result<String, DescribeError> {
        self.request(within, None, |client, timeout| {
            let timed_out = KafkaError::MetadataFetch(RDKafkaErrorCode::OperationTimedOut);
            client.fetch_cluster_id(timeout).ok_or(timed_out)
        })
        .await
    }

    async fn brokers(&self, within: Duration) -> Result<Vec<i32>, DescribeError> {
        self.request(within, None, |client, timeout| {
            let metadata = client.fetch_metadata(None, timeout)?;
            let mut brokers: Vec<_> = metadata.brokers().iter().map(MetadataBroker::id).collect();
            brokers.sort_unstable();
            Ok(brokers)
        })
        .await
    }

    async fn partitions(&self, topic: &str, within: Duration) -> Result<Vec<Partition>, DescribeError> {
        let name = topic.to_owned();
        let fetch = move |client: &Client, timeout| partitions(&client.fetch_metadata(Some(&name), timeout)?);
        self.request(within, Some(topic), fetch).await
    }

    async fn offsets(&self, topic: &str, partition: i32, within: Duration) -> Result<Offsets, DescribeError> {
        let name = topic.to_owned();
        self.request(within, Some(topic), move |client, timeout| {
            let (beginning_offset, end_offset) = client.fetch_watermarks(&name, partition, timeout)?;
            Ok(Offsets { beginning_offset, end_offset })
        })
        .await
    }
}

impl Producer {
    /// Sends `request`, which concerns `topic` if it concerns one, and repeats it while it gets no response in its share of the
    /// time.
    async fn request<T: Send + 'static>(
        &self,
        within: Duration,
        topic: Option<&str>,
        request: impl Fn(&Client, Duration) -> Result<T, KafkaError> + Clone + Send + 'static,
    ) -> Result<T, DescribeError> {
        let start = Instant::now();
        let client = &self.0.metadata_client;
        let Ok(connection) = client.connection() else {
            return Err(Unreachable::NoResponse { within, source: None }.into());
        };
        let no_response = || Err(DescribeError::from(connection.health.no_response(within)));
        let attempts = async {
            loop {
                // Bounds the blocked threads, one per request.
                let Ok(permit) = Arc::clone(&self.0.permits).acquire_owned().await else { return no_response() };
                let request = request.clone();
                let attempt_timeout = within / ATTEMPTS;
                let attempt = connection.run_blocking(attempt_timeout, move |client| {
                    let response = request(client, attempt_timeout);
                    drop(permit);
                    response
                });
                match attempt.await {
                    Some(Ok(response)) => return Ok(response),
                    Some(Err(error)) => {
                        tracing::debug!(%error, "no metadata");
                        if let Some(rejection) = rejection(&error, topic) {
                            return Err(rejection);
                        }
                    }
                    None => {}
                }
                tokio::time::sleep(RETRY_DELAY).await;
            }
        };
        let result = tokio::select! {
            result = timeout(within, attempts) => result.unwrap_or_else(|_| no_response()),
            () = connection.health.wait_until_denied(start) => Err(Unreachable::AuthenticationFailed.into()),
        };
        match &result {
            Err(DescribeError::Unreachable(Unreachable::AuthenticationFailed)) => client.retire(&connection),
            Err(DescribeError::Unreachable(_)) if connection.health.no_fault_since(start) => client.retire(&connection),
            _ => {}
        }
        connection.mark_used();
        result
    }
}

/// The cluster's permanent rejection of a request; `None` for an error that may be transient.
pub(super) fn rejection(error: &KafkaError, topic: Option<&str>) -> Option<DescribeError> {
    match error.rdkafka_error_code()? {
        RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition => {
            Some(DescribeError::NoSuchTopic { topic: topic?.to_owned() })
        }
        RDKafkaErrorCode::TopicAuthorizationFailed => Some(DescribeError::Unauthorized),
        _ => None,
    }
}

/// The partitions of the requested topic.
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

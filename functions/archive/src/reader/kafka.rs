//! The Kafka client.

use std::{
    collections::HashMap,
    fmt,
    ops::Range,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use rskafka::{
    BackoffConfig,
    client::{
        Client,
        error::{Error, ProtocolError},
        partition::{OffsetAt, PartitionClient, UnknownTopicHandling},
    },
    record::RecordAndOffset,
};

use shared::{client, cluster::Cluster};

use super::{ReadError, Reader};
use crate::{layout::TopicPartition, record::ConsumerRecord};

/// The timeout of connecting, and of a request with its retries: the client has none of its own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The client's retries end before [`REQUEST_TIMEOUT`], so that its error names the cause. By default it retries forever, up
/// to 500 s apart.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(100),
    max_backoff: Duration::from_secs(1),
    base: 3.0,
    deadline: Some(Duration::from_secs(5)),
};

/// The maximum bytes per fetch, as stored in Kafka, so possibly compressed. Kafka returns a larger batch whole. Several
/// fetches fill one object. Four partitions at once, inflated to five times that size, take 20 MiB.
const FETCH_BYTES: i32 = 1024 * 1024;

/// The time a broker waits for a record. Usually there is one: callers read up to the topic's end only.
const FETCH_WAIT_MS: i32 = 500;

/// A connection to Kafka, and one for each partition read so far. The client reconnects them when they break.
pub struct Kafka {
    servers: String,
    client: Client,
    partitions: Mutex<HashMap<TopicPartition, Arc<PartitionClient>>>,
}

impl fmt::Debug for Kafka {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kafka").field("servers", &self.servers).finish_non_exhaustive()
    }
}

impl Kafka {
    /// Connects to one of the cluster's bootstrap servers.
    ///
    /// # Errors
    /// When no server can be used within 10 s.
    pub async fn connect(cluster: &Cluster) -> Result<Self, ReadError> {
        let servers = cluster.to_string();
        let connecting = client::connect(cluster, "archive", BACKOFF).map_err(ReadError::from);
        let client = within(&servers, connecting.boxed()).await?;
        Ok(Self { servers, client, partitions: Mutex::default() })
    }

    async fn partition(&self, partition: &TopicPartition) -> Result<Arc<PartitionClient>, ReadError> {
        let known = || self.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = known().get(partition) {
            return Ok(Arc::clone(client));
        }
        let TopicPartition { topic, partition: number } = partition;
        let client = self.client.partition_client(topic, *number, UnknownTopicHandling::Error);
        let client = Arc::new(client.await.map_err(kafka_error)?);
        known().insert(partition.clone(), Arc::clone(&client));
        Ok(client)
    }
}

impl Reader for Kafka {
    async fn partitions(&self) -> Result<Vec<TopicPartition>, ReadError> {
        let topics = within(&self.servers, self.client.list_topics().map_err(kafka_error).boxed()).await?;
        let of_topic = |topic: rskafka::topic::Topic| {
            topic.partitions.into_iter().map(move |partition| TopicPartition { topic: topic.name.clone(), partition })
        };
        Ok(topics.into_iter().flat_map(of_topic).collect())
    }

    /// With transactions, the end is that of the last committed one.
    async fn bounds(&self, partition: &TopicPartition) -> Result<Range<u64>, ReadError> {
        let work = async {
            let client = self.partition(partition).await?;
            let start = client.get_offset(OffsetAt::Earliest).await.map_err(kafka_error)?;
            let end = client.get_offset(OffsetAt::Latest).await.map_err(kafka_error)?;
            Ok(offset(start)?..offset(end)?)
        };
        within(&self.servers, work.boxed()).await
    }

    async fn read(&self, partition: &TopicPartition, from: u64) -> Result<Vec<ConsumerRecord>, ReadError> {
        let work = async {
            let client = self.partition(partition).await?;
            let at = i64::try_from(from).map_err(|_| ReadError::OutOfRange(from))?;
            match client.fetch_records(at, 1..FETCH_BYTES, FETCH_WAIT_MS).await {
                Ok((records, _)) => records.into_iter().map(record).collect(),
                Err(Error::ServerError { protocol_error: ProtocolError::OffsetOutOfRange, .. }) => {
                    Err(ReadError::OutOfRange(from))
                }
                Err(error) => Err(kafka_error(error)),
            }
        };
        within(&self.servers, work.boxed()).await
    }
}

/// Bounds `work` by [`REQUEST_TIMEOUT`]. Boxed: the client's nested futures are too deep for the compiler.
async fn within<T>(servers: &str, work: BoxFuture<'_, Result<T, ReadError>>) -> Result<T, ReadError> {
    match tokio::time::timeout(REQUEST_TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(ReadError::Timeout { servers: servers.to_owned(), after: REQUEST_TIMEOUT }),
    }
}

fn kafka_error(error: Error) -> ReadError {
    ReadError::Kafka(Box::new(error))
}

fn record(RecordAndOffset { record, offset: at }: RecordAndOffset) -> Result<ConsumerRecord, ReadError> {
    Ok(ConsumerRecord { offset: offset(at)?, value: record.value.map(Into::into) })
}

fn offset(offset: i64) -> Result<u64, ReadError> {
    u64::try_from(offset).map_err(|_| ReadError::Offset(offset))
}

//! The producer on librdkafka.
//!
//! [`Producer`] has two clients, one for records and one for metadata. Each is a `reconnect` client: it replaces its
//! `connection` when that is stale or hangs. librdkafka reconnects by itself, but may hang after the environment was frozen.
//! `broker_health` follows the connections through librdkafka's callbacks in `context`. `write_history` detects
//! acknowledgements of records that were not written. `describe` fetches metadata.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use rdkafka::error::KafkaError;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

use self::{
    connection::Connection,
    deliveries::{Deliveries, DeliveryReport},
    reconnect::ReconnectingClient,
};
use crate::{
    cluster::Cluster,
    metrics::Metrics,
    publish::{Failure, Outcome, ProducerRecord, Publish, Unreachable},
};

mod broker_health;
mod clock;
mod config;
mod connection;
mod context;
mod deliveries;
mod describe;
mod failure;
#[cfg(feature = "mock")]
pub mod mock;
mod read_back;
mod reconnect;
mod write_history;

/// The time that a function's start waits for the cluster. Lambda allows 10 s for the whole start
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).
const START_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that a denied request waits for new metadata of its topic.
const REFRESH_TIMEOUT: Duration = Duration::from_secs(1);

/// The number of requests in flight from which a new one lingers, so that their records share batches. It saves a busy server
/// processor time; with fewer requests it would only delay them.
const LINGER_FROM: usize = 16;

/// The linger time. All requests that wait for the same tick of the timer go on together.
const LINGER: Duration = Duration::from_millis(1);

/// The maximum number of concurrent metadata requests.
const MAX_METADATA_REQUESTS: usize = 8;

/// The maximum number of concurrent reads. Each has a consumer with its own threads and connections.
const MAX_READERS: usize = 16;

/// A producer for one cluster, created once and shared by every request: clones share it.
#[derive(Clone)]
pub struct Producer(Arc<Shared>);

struct Shared {
    cluster: Cluster,
    producer_client: ReconnectingClient,
    /// A client with a connection of its own, which it opens for the first metadata request.
    metadata_client: ReconnectingClient,
    /// The number of requests that are being published.
    in_flight: AtomicUsize,
    /// One permit per metadata request, because each blocks a thread.
    permits: Arc<Semaphore>,
    /// One permit per read, because each has a consumer.
    readers: Arc<Semaphore>,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("cluster", &self.0.cluster).finish_non_exhaustive()
    }
}

/// librdkafka rejected the settings.
#[derive(Debug, thiserror::Error)]
#[error("the Kafka producer cannot be created with bootstrap servers `{bootstrap_servers}`")]
pub struct ProducerError {
    bootstrap_servers: String,
    source: KafkaError,
}

impl Producer {
    /// Creates a producer, which connects in the background: [`Producer::warm_up`] waits for that. `metrics` gets the time that
    /// each connection takes.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub fn new(cluster: &Cluster, metrics: Metrics) -> Result<Self, ProducerError> {
        let producer = Self(Arc::new(Shared {
            cluster: cluster.clone(),
            producer_client: ReconnectingClient::new(cluster, config::producer_config(cluster), metrics.clone()),
            metadata_client: ReconnectingClient::new(cluster, config::metadata_config(cluster), metrics),
            in_flight: AtomicUsize::new(0),
            permits: Arc::new(Semaphore::new(MAX_METADATA_REQUESTS)),
            readers: Arc::new(Semaphore::new(MAX_READERS)),
        }));
        match producer.0.producer_client.connection() {
            Ok(_) => Ok(producer),
            Err(source) => Err(ProducerError { bootstrap_servers: cluster.bootstrap_servers.clone(), source }),
        }
    }

    /// Creates a producer at a function's start and gives it some time to connect. If the cluster is down, the function starts
    /// anyway, and the first request connects.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
    pub async fn start(cluster: &Cluster, topics: Vec<String>, metrics: Metrics) -> Result<Self, ProducerError> {
        let producer = Self::new(cluster, metrics)?;
        if let Err(error) = producer.warm_up(topics, START_TIMEOUT).await {
            tracing::warn!(%error, "starting without Kafka");
        }
        Ok(producer)
    }

    /// Connects and fetches the metadata of `topics` with one request, so that the first record waits for neither.
    ///
    /// # Errors
    /// When no broker responds within the time. The producer keeps retrying and can be used all the same.
    pub async fn warm_up(&self, topics: Vec<String>, within: Duration) -> Result<(), Unreachable> {
        let Ok(connection) = self.0.producer_client.connection() else {
            return Err(Unreachable::NoResponse { within, source: None });
        };
        let topics: Vec<Arc<str>> = topics.into_iter().map(Into::into).collect();
        let start = Instant::now();
        tokio::select! {
            () = connection.prefetch_metadata(&topics) => Ok(()),
            () = connection.health.wait_until_denied(start) => Err(Unreachable::AuthenticationFailed),
            () = tokio::time::sleep(within) => Err(connection.health.no_response(within)),
        }
    }

    /// Refreshes the metadata of topics to which a write was denied. librdkafka caches the denial and would repeat it for up to five
    /// minutes, although the topic may have been created or the permission granted since.
    async fn refresh_denied(
        connection: &Connection,
        records: &[ProducerRecord],
        outcomes: &[Outcome],
        deadline: Instant,
    ) {
        let denied = |outcome: &Outcome| matches!(outcome, Err(Failure::Unauthorized | Failure::NoSuchTopic));
        let topics: BTreeSet<&Arc<str>> = records
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| denied(outcome))
            .map(|(record, _)| &record.topic)
            .collect();
        for topic in topics {
            let left = deadline.saturating_duration_since(Instant::now());
            if connection.fetch_metadata(Some(topic), left.min(REFRESH_TIMEOUT)).await.is_err() {
                tracing::debug!(%topic, "metadata not refreshed");
            }
        }
    }
}

impl Publish for Producer {
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        let start = Instant::now();
        let in_flight = InFlight::enter(&self.0.in_flight);
        if in_flight.others >= LINGER_FROM {
            sleep_until(deadline.min(start + LINGER)).await;
        }
        // One connection for the whole request: its producer id lets the broker recognize duplicates.
        let connection = match self.0.producer_client.connection() {
            Ok(connection) => connection,
            Err(error) => {
                tracing::error!(%error, "the Kafka producer cannot be created");
                return vec![Err(Failure::Unconfirmed); records.len()];
            }
        };
        let (outcomes, end) = send(&connection, &records, start, deadline).await;
        if outcomes.iter().any(Result::is_ok) {
            connection.mark_responded();
        }
        match end {
            // `stale_reason` gives the next request another connection, with metadata of its own.
            End::AllReported if connection.write_history.may_reuse_sequences() => {}
            End::AllReported => Self::refresh_denied(&connection, &records, &outcomes, deadline).await,
            // After a missed deadline, the records would stay queued without an end.
            End::Denied | End::DeadlineExceeded => self.0.producer_client.retire(&connection),
            // librdkafka reports a broker that is down. Without any report the connection may hang forever.
            End::NotEnqueued if connection.health.no_fault_since(start) => {
                tracing::warn!("Kafka did not respond and no fault was reported: replacing the connection");
                self.0.producer_client.retire(&connection);
            }
            End::NotEnqueued => {}
        }
        connection.mark_used();
        outcomes
    }
}

/// A request that is being published. It leaves when dropped.
struct InFlight<'p> {
    count: &'p AtomicUsize,
    /// The number of requests before it.
    others: usize,
}

impl<'p> InFlight<'p> {
    fn enter(count: &'p AtomicUsize) -> Self {
        Self { count, others: count.fetch_add(1, Ordering::Relaxed) }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.count.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The event that ended the wait for a request's records.
enum End {
    /// Every record has its delivery report.
    AllReported,
    /// The deadline passed first.
    DeadlineExceeded,
    /// The deadline passed before any record was enqueued.
    NotEnqueued,
    /// The brokers rejected the authentication first.
    Denied,
}

async fn send(
    connection: &Connection,
    records: &[ProducerRecord],
    start: Instant,
    deadline: Instant,
) -> (Vec<Outcome>, End) {
    let topics: BTreeSet<&Arc<str>> = records.iter().map(|record| &record.topic).collect();
    let stop = async {
        tokio::select! {
            () = sleep_until(deadline) => (Failure::Unconfirmed, End::DeadlineExceeded),
            () = connection.health.wait_until_denied(start) => (Failure::Unauthenticated, End::Denied),
        }
    };
    tokio::pin!(stop);
    tokio::select! {
        () = connection.ensure_metadata(topics) => {}
        (failure, end) = stop.as_mut() => {
            let end = if matches!(end, End::DeadlineExceeded) { End::NotEnqueued } else { end };
            return (vec![Err(failure); records.len()], end);
        }
    }
    // Enqueued before any is awaited, so that they share batches.
    let deliveries = Deliveries::new(records.len());
    for (index, record) in records.iter().enumerate() {
        connection.enqueue(record, deliveries.pending(index), deadline).await;
    }
    let end = tokio::select! {
        biased;
        () = deliveries.all_reported() => End::AllReported,
        (_, end) = stop => end,
    };
    // A record without a report may still be written, also after a rejected authentication: it may have been in flight before.
    let reports = deliveries.take();
    let outcome = |report: &Option<DeliveryReport>| match report {
        Some(report) => report.as_ref().copied().map_err(|undelivered| connection.failure(undelivered)),
        None => Err(Failure::Unconfirmed),
    };
    let outcomes: Vec<_> = reports.iter().map(outcome).collect();
    // The response has no reason for this failure, so the log has it.
    for ((report, outcome), record) in reports.iter().zip(&outcomes).zip(records) {
        if let (Some(Err(undelivered)), Err(Failure::Refused)) = (report, outcome) {
            tracing::warn!(error = %undelivered.error, topic = %record.topic, "Kafka rejected a record permanently");
            break;
        }
    }
    (outcomes, end)
}

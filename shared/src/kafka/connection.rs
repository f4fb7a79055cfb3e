//! One librdkafka producer with its connections, and the conditions under which it is stale.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use event_queue::EventProducer;
use rdkafka::{
    ClientConfig,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{self, OwnedHeaders},
    metadata::{Metadata, MetadataTopic},
    producer::{BaseRecord, Producer as _},
};
use tokio::{
    task,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{
    broker_health::BrokerHealth,
    clock::SuspendAwareInstant,
    context::Context,
    deliveries::{Pending, Undelivered},
    failure::classify,
    write_history::WriteHistory,
};
use crate::{
    cluster::{Cluster, Security},
    metrics::{Metrics, producer::CONNECT_TIME},
    publish::{Failure, Header, ProducerRecord},
};

/// The idle time after which a connection is replaced. Peers drop idle connections later: AWS's networks after 350 s
/// (<https://aws.amazon.com/blogs/networking-and-content-delivery/implementing-long-running-tcp-connections-within-vpc-networking/>),
/// Kafka's brokers after 10 minutes (<https://kafka.apache.org/documentation/#brokerconfigs_connections.max.idle.ms>).
const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// The lifetime of a session that no broker has reported: that of a token.
const DEFAULT_SESSION_LIFETIME: Duration = Duration::from_mins(15);

/// The time for which one metadata request blocks its thread.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);

/// The time to wait for a connection to a broker that the cluster named: as long as librdkafka would.
const BROKER_CONNECTION_TIMEOUT: Duration = Duration::from_secs(1);

/// The delay between metadata requests while only the bootstrap connection responds.
const BOOTSTRAP_RETRY_DELAY: Duration = Duration::from_millis(5);

/// The delay before a failed metadata request is repeated.
pub(super) const RETRY_DELAY: Duration = Duration::from_millis(50);

/// The delay before a record is offered again to a full queue, which empties at the speed of the network.
const QUEUE_FULL_DELAY: Duration = Duration::from_millis(10);

/// librdkafka's client.
pub(super) type Client = rdkafka::client::Client<Context>;

pub(super) struct Connection {
    /// `None` once the connection is being dropped.
    client: Option<Arc<EventProducer<Context>>>,
    pub(super) health: Arc<BrokerHealth>,
    pub(super) write_history: Arc<WriteHistory>,
    /// Set if it authenticates, so that its sessions expire.
    authenticates: bool,
    created: SuspendAwareInstant,
    last_used: Mutex<SuspendAwareInstant>,
    last_response: Mutex<Option<SuspendAwareInstant>>,
    /// Set once a broker has responded to a metadata request.
    connected: AtomicBool,
    /// The topics whose metadata librdkafka has requested.
    topics: Mutex<BTreeSet<Arc<str>>>,
    metrics: Metrics,
}

/// The reason why a connection is replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum StaleReason {
    #[error("it failed permanently: {0}")]
    Fatal(String),
    #[error("it has no token to authenticate with")]
    NoToken,
    #[error("a topic that it wrote to was denied, so that it may reuse sequence numbers")]
    ReusedSequences,
    #[error("it was idle for {} s", .0.as_secs())]
    Idle(Duration),
    #[error("its session is about to expire, {} s after it was created", .0.as_secs())]
    Session(Duration),
}

impl Connection {
    pub(super) fn new(config: &ClientConfig, cluster: &Cluster, metrics: Metrics) -> KafkaResult<Self> {
        let (health, write_history) = (Arc::<BrokerHealth>::default(), Arc::<WriteHistory>::default());
        let signer = match &cluster.security {
            Security::Plaintext => None,
            Security::Iam { signer, .. } => Some(signer.clone()),
        };
        let authenticates = signer.is_some();
        let context = Context::new(signer, Arc::clone(&health), Arc::clone(&write_history));
        let client = EventProducer::spawn(config.create_with_context(context)?)
            .map_err(|error| KafkaError::ClientCreation(error.to_string()))?;
        let created = SuspendAwareInstant::now();
        Ok(Self {
            client: Some(client),
            health,
            write_history,
            authenticates,
            created,
            last_used: Mutex::new(created),
            last_response: Mutex::default(),
            connected: AtomicBool::default(),
            topics: Mutex::default(),
            metrics,
        })
    }

    #[expect(clippy::expect_used, reason = "unwrap safety: only `drop` takes the client")]
    fn client(&self) -> &Arc<EventProducer<Context>> {
        self.client.as_ref().expect("a connection in use")
    }

    /// The reason to replace the connection before a request uses it at `now`, if there is one.
    pub(super) fn stale_reason(&self, now: SuspendAwareInstant) -> Option<StaleReason> {
        if let Some((_, reason)) = self.client().producer().client().fatal_error() {
            return Some(StaleReason::Fatal(reason));
        }
        if self.health.has_no_token() {
            return Some(StaleReason::NoToken);
        }
        if self.write_history.may_reuse_sequences() {
            return Some(StaleReason::ReusedSequences);
        }
        let session = self.authenticates.then(|| self.health.shortest_session().unwrap_or(DEFAULT_SESSION_LIFETIME));
        let idle = now.duration_since(*lock(&self.last_used));
        stale_reason(now.duration_since(self.created), idle, session)
    }

    /// Restarts the idle time. Each request calls it before and after.
    pub(super) fn mark_used(&self) {
        *lock(&self.last_used) = SuspendAwareInstant::now();
    }

    /// Records that a broker responded to a request.
    pub(super) fn mark_responded(&self) {
        *lock(&self.last_response) = Some(SuspendAwareInstant::now());
        self.health.clear_faults();
    }

    /// Returns whether a broker responded in the last `time`.
    pub(super) fn responded_within(&self, time: Duration) -> bool {
        let last_response = *lock(&self.last_response);
        last_response.is_some_and(|response| SuspendAwareInstant::now().duration_since(response) < time)
    }

    /// Fetches the metadata of all topics with one request, however many `topics` there are, and returns once a broker has
    /// responded. The first records of the topics in the response wait for no metadata. A topic that the cluster does not
    /// have, or does not let us describe, is not in the response: [`Connection::ensure_metadata`] requests it again.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn prefetch_metadata(&self, topics: &[Arc<str>]) {
        let unknown = self.unknown(topics);
        if !unknown.is_empty() {
            let metadata = self.metadata(None).await;
            let writable = writable_topics(&metadata);
            lock(&self.topics).extend(unknown.into_iter().filter(|topic| writable.contains(&**topic)));
        }
    }

    /// Fetches the metadata of topics that are not known yet, so that librdkafka knows each before its records are enqueued.
    /// Retries until a broker responds.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn ensure_metadata(&self, topics: impl IntoIterator<Item = &Arc<str>>) {
        let mut unknown = self.unknown(topics);
        if unknown.len() > 1 {
            self.prefetch_metadata(&unknown).await;
            unknown = self.unknown(&unknown);
        }
        for topic in unknown {
            self.metadata(Some(&topic)).await;
            // librdkafka also remembers a response without the topic.
            lock(&self.topics).insert(topic);
        }
    }

    fn unknown<'a>(&self, topics: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
        let known = lock(&self.topics);
        topics.into_iter().filter(|topic| !known.contains(*topic)).map(Arc::clone).collect()
    }

    /// The metadata of one topic or of all. Retries until a broker responds.
    async fn metadata(&self, topic: Option<&Arc<str>>) -> Metadata {
        let start = Instant::now();
        let first = !self.connected.load(Ordering::Relaxed);
        // A response on the bootstrap connection alone leaves an idempotent producer waiting for its id, for up to a second.
        // A response of a broker that can assign the id ends that wait, so the first request is repeated until it comes.
        let bootstrap_deadline = start + if first { BROKER_CONNECTION_TIMEOUT } else { Duration::ZERO };
        let metadata = loop {
            match self.fetch_metadata(topic, METADATA_TIMEOUT).await {
                Ok(metadata) if from_bootstrap(&metadata) && Instant::now() < bootstrap_deadline => {
                    sleep(BOOTSTRAP_RETRY_DELAY).await;
                }
                Ok(metadata) => break metadata,
                Err(()) => sleep(RETRY_DELAY).await,
            }
        };
        if !self.connected.swap(true, Ordering::Relaxed) {
            self.metrics.record_duration(&CONNECT_TIME, start.elapsed());
        }
        metadata
    }

    /// Fetches the metadata of one topic or of all with one request.
    pub(super) async fn fetch_metadata(&self, topic: Option<&Arc<str>>, within: Duration) -> Result<Metadata, ()> {
        let topic = topic.cloned();
        match self.run_blocking(within, move |client| client.fetch_metadata(topic.as_deref(), within)).await {
            Some(Ok(metadata)) => Ok(metadata),
            Some(Err(error)) => {
                tracing::debug!(%error, "no metadata");
                Err(())
            }
            None => Err(()),
        }
    }

    /// Runs a blocking request of librdkafka on a thread of its own; `None` when the time is over first. `request` has to end
    /// by itself at about that time, because its thread cannot be stopped.
    pub(super) async fn run_blocking<T: Send + 'static>(
        &self,
        within: Duration,
        request: impl FnOnce(&Client) -> KafkaResult<T> + Send + 'static,
    ) -> Option<KafkaResult<T>> {
        let client = Arc::clone(self.client());
        let thread = task::spawn_blocking(move || request(client.producer().client()));
        let response = timeout(within, thread).await.ok()?.ok()?;
        if response.is_ok() {
            self.mark_responded();
        }
        Some(response)
    }

    /// Puts a record into librdkafka's queue. Its delivery report completes `pending`.
    pub(super) async fn enqueue(&self, record: &ProducerRecord, pending: Pending, deadline: Instant) {
        let mut queued = BaseRecord {
            topic: &record.topic,
            partition: record.partition,
            payload: record.value.as_deref(),
            key: record.key.as_deref(),
            timestamp: record.timestamp_ms,
            headers: headers(&record.headers),
            delivery_opaque: Box::new(pending),
        };
        loop {
            match self.client().producer().send(queued) {
                Ok(()) => return,
                Err((error, unqueued)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || Instant::now() >= deadline {
                        return unqueued.delivery_opaque.rejected(error);
                    }
                    queued = unqueued;
                }
            }
            sleep_until(deadline.min(Instant::now() + QUEUE_FULL_DELAY)).await;
        }
    }

    /// The failure of a record that was not delivered. After a permanent failure every unsent record fails with a
    /// generic code, so the cause comes from the producer.
    pub(super) fn failure(&self, Undelivered { error, may_be_written }: &Undelivered) -> Failure {
        if *may_be_written {
            tracing::debug!(%error, "record not confirmed");
            return Failure::Unconfirmed;
        }
        let Some(code) = error.rdkafka_error_code() else { return Failure::Unconfirmed };
        let cause = self.client().producer().client().fatal_error().map_or(code, |(cause, _)| cause);
        let unsent = matches!(code, RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue);
        let failure = classify(if unsent { cause } else { code });
        tracing::debug!(%code, %cause, ?failure, "delivery failed");
        failure
    }
}

/// Discards queued records, which are never written then. Records in flight stay unconfirmed.
impl Drop for Connection {
    fn drop(&mut self) {
        // librdkafka waits up to half a second for its threads: too long for the path of a request.
        let client = self.client.take();
        thread::spawn(move || drop(client));
    }
}

/// The reason to replace a connection of this age.
///
/// librdkafka 2.12.1 may hang forever when it re-authenticates on a connection that broke meanwhile, during a freeze or while
/// idle. It re-authenticates at nine tenths of a session, so no connection is used for longer than eight tenths. Replacing it
/// costs no more than re-authenticating.
fn stale_reason(age: Duration, idle: Duration, session: Option<Duration>) -> Option<StaleReason> {
    if idle >= IDLE_TIMEOUT {
        return Some(StaleReason::Idle(idle));
    }
    (session.is_some_and(|session| age >= session * 8 / 10)).then_some(StaleReason::Session(age))
}

/// Returns whether the metadata came on the connection to a bootstrap server, and not on one to a broker that the cluster
/// named.
fn from_bootstrap(metadata: &Metadata) -> bool {
    metadata.orig_broker_id() < 0
}

/// The topics of the metadata that have no error.
fn writable_topics(metadata: &Metadata) -> BTreeSet<&str> {
    metadata.topics().iter().filter(|topic| topic.error().is_none()).map(MetadataTopic::name).collect()
}

/// The headers in librdkafka's form.
fn headers(headers: &[Header]) -> Option<OwnedHeaders> {
    let add = |all: OwnedHeaders, Header { name, value }: &Header| {
        all.insert(message::Header { key: name, value: value.as_deref() })
    };
    (!headers.is_empty()).then(|| headers.iter().fold(OwnedHeaders::new_with_capacity(headers.len()), add))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    #[test]
    fn a_connection_is_replaced_before_its_session_expires_and_after_it_was_idle() {
        for (age, idle, session, replaced) in [
            (0, 0, Some(900), None),
            (719, 299, Some(900), None),
            (720, 0, Some(900), Some(StaleReason::Session(secs(720)))),
            (8, 1, Some(10), Some(StaleReason::Session(secs(8)))),
            (301, 300, Some(900), Some(StaleReason::Idle(secs(300)))),
            (100_000, 299, None, None),
            (100_000, 300, None, Some(StaleReason::Idle(secs(300)))),
        ] {
            let session = session.map(secs);
            assert_eq!(stale_reason(secs(age), secs(idle), session), replaced, "{age} {idle} {session:?}");
        }
    }
}

//! One librdkafka producer with its connections, and when it is too old to be used.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use rdkafka::{
    ClientConfig,
    error::{KafkaError, KafkaResult, RDKafkaErrorCode},
    message::{self, OwnedHeaders},
    metadata::{Metadata, MetadataTopic},
    producer::{BaseRecord, Producer as _, ThreadedProducer},
};
use tokio::{
    task,
    time::{Instant, sleep, sleep_until, timeout},
};

use super::{context::Context, deliveries::Pending, failure::sort, link::Link, moment::Moment};
use crate::{
    cluster::{Cluster, Security},
    metrics::{Metrics, producer::CONNECT_TIME},
    publish::{Failure, Header, ProducerRecord},
};

/// An unused connection is given up sooner than others may drop it: AWS's networks after 350 s
/// (<https://aws.amazon.com/blogs/networking-and-content-delivery/implementing-long-running-tcp-connections-within-vpc-networking/>),
/// Kafka's brokers after 10 minutes (<https://kafka.apache.org/documentation/#brokerconfigs_connections.max.idle.ms>).
const IDLE: Duration = Duration::from_mins(5);

/// For how long a broker admits a connection when it did not say: for a token's life.
const USUAL_SESSION: Duration = Duration::from_mins(15);

/// How long one question for metadata blocks its thread.
const TIME_TO_ASK: Duration = Duration::from_secs(1);

/// How long to wait for a broker's own connection: as long as librdkafka would.
const TIME_TO_BE_KNOWN: Duration = Duration::from_secs(1);

/// Between two questions that are answered at once.
const SHORT_PAUSE: Duration = Duration::from_millis(5);

/// Between two questions, where the first one failed at once.
pub(super) const PAUSE: Duration = Duration::from_millis(50);

/// How long a record waits before it is offered again to a full queue. It empties at the speed of the network.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(10);

/// librdkafka's client.
pub(super) type Client = rdkafka::client::Client<Context>;

pub(super) struct Connection {
    /// `None` once it is being dropped.
    client: Option<Arc<ThreadedProducer<Context>>>,
    pub(super) link: Arc<Link>,
    /// Whether it logs in, so that its sessions end.
    logs_in: bool,
    made: Moment,
    used: Mutex<Moment>,
    answered: Mutex<Option<Moment>>,
    /// Whether a broker has answered on it.
    connected: AtomicBool,
    /// The topics whose metadata librdkafka has asked for.
    topics: Mutex<BTreeSet<Arc<str>>>,
    metrics: Metrics,
}

/// Why a connection is not used any more.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum WornOut {
    #[error("it failed for good: {0}")]
    Fatal(String),
    #[error("it has no token to log in with")]
    NoToken,
    #[error("it was not used for {} s", .0.as_secs())]
    Idle(Duration),
    #[error("its session is near its end, {} s after it was made", .0.as_secs())]
    Session(Duration),
}

impl Connection {
    pub(super) fn new(config: &ClientConfig, cluster: &Cluster, metrics: Metrics) -> KafkaResult<Self> {
        let link = Arc::<Link>::default();
        let signer = match &cluster.security {
            Security::Plaintext => None,
            Security::Iam { signer, .. } => Some(signer.clone()),
        };
        let logs_in = signer.is_some();
        let client = Arc::new(config.create_with_context(Context::new(signer, Arc::clone(&link)))?);
        let made = Moment::now();
        Ok(Self {
            client: Some(client),
            link,
            logs_in,
            made,
            used: Mutex::new(made),
            answered: Mutex::default(),
            connected: AtomicBool::default(),
            topics: Mutex::default(),
            metrics,
        })
    }

    #[expect(clippy::expect_used, reason = "unwrap safety: it is taken when this is dropped, and not before")]
    fn client(&self) -> &Arc<ThreadedProducer<Context>> {
        self.client.as_ref().expect("a connection in use")
    }

    /// Why it has to be replaced before a request uses it at `now`, if it has to be.
    pub(super) fn worn_out(&self, now: Moment) -> Option<WornOut> {
        if let Some((_, reason)) = self.client().client().fatal_error() {
            return Some(WornOut::Fatal(reason));
        }
        if self.link.has_no_token() {
            return Some(WornOut::NoToken);
        }
        let session = self.logs_in.then(|| self.link.session().unwrap_or(USUAL_SESSION));
        let unused = now.since(*lock(&self.used));
        worn_out(now.since(self.made), unused, session)
    }

    /// Whoever uses it says so before and after.
    pub(super) fn touch(&self) {
        *lock(&self.used) = Moment::now();
    }

    /// A broker did what was asked.
    pub(super) fn note_answer(&self) {
        *lock(&self.answered) = Some(Moment::now());
        self.link.answered();
    }

    pub(super) fn answered_within(&self, time: Duration) -> bool {
        let answered = *lock(&self.answered);
        answered.is_some_and(|answered| Moment::now().since(answered) < time)
    }

    /// Fetches the metadata of all topics with one request and returns once a broker has answered, however many `topics` there
    /// are. Those that the answer lists are known from then on: their first records wait for no metadata. A topic that the
    /// cluster does not have, or does not let us describe, is not listed, and is asked for with its first record.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn prefetch_metadata(&self, topics: &[Arc<str>]) {
        let unknown = self.unknown(topics);
        if !unknown.is_empty() {
            let metadata = self.metadata(None).await;
            let listed = listed(&metadata);
            lock(&self.topics).extend(unknown.into_iter().filter(|topic| listed.contains(&**topic)));
        }
    }

    /// Fetches the metadata of the topics that are not known yet, so that librdkafka has an answer for each before its records
    /// are enqueued; tries until a broker answers.
    ///
    /// # Cancellation
    /// Loses nothing.
    pub(super) async fn learn(&self, topics: impl IntoIterator<Item = &Arc<str>>) {
        let mut unknown = self.unknown(topics);
        if unknown.len() > 1 {
            self.prefetch_metadata(&unknown).await;
            unknown = self.unknown(&unknown);
        }
        for topic in unknown {
            self.metadata(Some(&topic)).await;
            // Its answer may be that there is no such topic: librdkafka remembers that as well.
            lock(&self.topics).insert(topic);
        }
    }

    fn unknown<'a>(&self, topics: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<Arc<str>> {
        let known = lock(&self.topics);
        topics.into_iter().filter(|topic| !known.contains(*topic)).map(Arc::clone).collect()
    }

    /// The metadata of a topic or of all; asks until a broker answers.
    async fn metadata(&self, topic: Option<&Arc<str>>) -> Metadata {
        let begun = Instant::now();
        let first = !self.connected.load(Ordering::Relaxed);
        // An answer of the bootstrap connection alone leaves an idempotent producer waiting for its id, for up to a second.
        // One of a broker that it can ask for the id ends that at once: so the first question is asked until it has come.
        let patience = begun + if first { TIME_TO_BE_KNOWN } else { Duration::ZERO };
        let metadata = loop {
            match self.ask(topic, TIME_TO_ASK).await {
                Ok(metadata) if from_bootstrap(&metadata) && Instant::now() < patience => sleep(SHORT_PAUSE).await,
                Ok(metadata) => break metadata,
                Err(()) => sleep(PAUSE).await,
            }
        };
        if !self.connected.swap(true, Ordering::Relaxed) {
            self.metrics.took(&CONNECT_TIME, begun.elapsed());
        }
        metadata
    }

    /// Asks a broker for metadata, of a topic or of all.
    pub(super) async fn ask(&self, topic: Option<&Arc<str>>, within: Duration) -> Result<Metadata, ()> {
        let topic = topic.cloned();
        match self.blocking(within, move |client| client.fetch_metadata(topic.as_deref(), within)).await {
            Some(Ok(metadata)) => Ok(metadata),
            Some(Err(error)) => {
                tracing::debug!(%error, "no metadata");
                Err(())
            }
            None => Err(()),
        }
    }

    /// Asks a broker something on a thread of its own, since librdkafka blocks; `None` when it has no answer by then.
    /// `question` has to end by itself about then: its thread cannot be stopped.
    pub(super) async fn blocking<T: Send + 'static>(
        &self,
        within: Duration,
        question: impl FnOnce(&Client) -> KafkaResult<T> + Send + 'static,
    ) -> Option<KafkaResult<T>> {
        let client = Arc::clone(self.client());
        let asking = task::spawn_blocking(move || question(client.client()));
        let answer = timeout(within, asking).await.ok()?.ok()?;
        if answer.is_ok() {
            self.note_answer();
        }
        Some(answer)
    }

    /// Puts a record into librdkafka's queue, which tells `pending` what becomes of it.
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
            match self.client().send(queued) {
                Ok(()) => return,
                Err((error, unqueued)) => {
                    let full = error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull);
                    if !full || Instant::now() >= deadline {
                        return unqueued.delivery_opaque.refused(error);
                    }
                    queued = unqueued;
                }
            }
            sleep_until(deadline.min(Instant::now() + QUEUE_FULL_PAUSE)).await;
        }
    }

    /// What an error says of its record. After a failure for good every record that was not sent fails with a code that
    /// only says so, and the producer has the cause.
    pub(super) fn failure(&self, error: &KafkaError) -> Failure {
        let Some(code) = error.rdkafka_error_code() else { return Failure::Unconfirmed };
        let cause = self.client().client().fatal_error().map_or(code, |(cause, _)| cause);
        let not_sent = matches!(code, RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue);
        let failure = sort(if not_sent { cause } else { code });
        tracing::debug!(%code, %cause, ?failure, "record not written");
        failure
    }
}

/// Records that were not sent are never written then; what is in flight stays unconfirmed.
impl Drop for Connection {
    fn drop(&mut self) {
        // librdkafka's threads are waited for, up to half a second: not on the path of a request.
        let client = self.client.take();
        thread::spawn(move || drop(client));
    }
}

/// librdkafka 2.12.1 may stay stuck for ever when it logs in again on a connection that broke meanwhile, in a freeze or by
/// being idle. It does so at nine tenths of a session, so no connection is used for longer than eight: it is replaced,
/// which costs no more than logging in again.
fn worn_out(age: Duration, unused: Duration, session: Option<Duration>) -> Option<WornOut> {
    if unused >= IDLE {
        return Some(WornOut::Idle(unused));
    }
    (session.is_some_and(|session| age >= session * 8 / 10)).then_some(WornOut::Session(age))
}

/// Returns whether the connection to an address of the settings brought the answer, and not one to a broker that the cluster
/// named.
fn from_bootstrap(metadata: &Metadata) -> bool {
    metadata.orig_broker_id() < 0
}

/// The topics that records can be written to, by the cluster's answer.
fn listed(metadata: &Metadata) -> BTreeSet<&str> {
    metadata.topics().iter().filter(|topic| topic.error().is_none()).map(MetadataTopic::name).collect()
}

/// librdkafka's form of them.
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
    fn a_connection_is_replaced_before_its_session_ends_and_when_it_was_idle() {
        for (age, unused, session, replaced) in [
            (0, 0, Some(900), None),
            (719, 299, Some(900), None),
            (720, 0, Some(900), Some(WornOut::Session(secs(720)))),
            (8, 1, Some(10), Some(WornOut::Session(secs(8)))),
            (301, 300, Some(900), Some(WornOut::Idle(secs(300)))),
            (100_000, 299, None, None),
            (100_000, 300, None, Some(WornOut::Idle(secs(300)))),
        ] {
            let session = session.map(secs);
            assert_eq!(worn_out(secs(age), secs(unused), session), replaced, "{age} {unused} {session:?}");
        }
    }
}

//! The producer: the one module that knows librdkafka.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future;
use rdkafka::{
    ClientConfig, ClientContext,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer as _},
};
use tokio::{
    task,
    time::{Instant, sleep_until, timeout},
};

use crate::publish::{Failure, Outcome, Publish, Reach, Record, Unreachable, Written};

/// How recent a broker's answer has to be for [`Reach::reach`] to take its word.
const RECENT: Duration = Duration::from_secs(5);

/// How long a record waits before it is offered again to a full queue. It empties at the speed of the network.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(10);

/// How long a function's start waits for the cluster. Lambda gives it 10 s.
const TIME_TO_START: Duration = Duration::from_secs(5);

/// How long a request that was refused waits for a second look at its topic.
const TIME_TO_LOOK: Duration = Duration::from_secs(1);

/// librdkafka's settings, each with its reason. `bootstrap.servers` comes with the deployment.
const CONFIG: &[(&str, &str)] = &[
    // 200 means written to the in-sync replicas, and once: a retry inside librdkafka is no duplicate.
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // A request waits for its own records: nothing is gained by waiting for others'.
    ("linger.ms", "0"),
    // The Java client's. librdkafka's own (CRC32) would send keyed records to other partitions than the REST Proxy did.
    ("partitioner", "murmur2_random"),
    // Bytes. Above Lambda's 6 MB event, so that the topic's own limit decides and not librdkafka's 1 MB.
    ("message.max.bytes", "8000000"),
    // Milliseconds. Behind every request's deadline (29 s at the gateway): a backstop that frees the queue.
    ("message.timeout.ms", "30000"),
    // Milliseconds. A topic is made at deployment, so one that is unknown will not appear soon (default: 30 s).
    ("topic.metadata.propagation.max.ms", "5000"),
    // A connection that died while the environment was frozen shows sooner, and is made again soon.
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.ms", "20"),
    ("reconnect.backoff.max.ms", "1000"),
];

/// A connection to the cluster, made once and shared by every request: a clone is the same connection.
#[derive(Clone)]
pub struct Producer {
    config: ClientConfig,
    client: Arc<Mutex<FutureProducer<Log>>>,
    made: Instant,
    /// Milliseconds after `made` at which a broker last answered, and 0 when none did.
    answered_ms: Arc<AtomicU64>,
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer").finish_non_exhaustive()
    }
}

/// librdkafka did not take the settings.
#[derive(Debug, thiserror::Error)]
#[error("the Kafka producer cannot be made with bootstrap servers `{bootstrap_servers}`")]
pub struct ProducerError {
    bootstrap_servers: String,
    source: KafkaError,
}

impl Producer {
    /// Makes a producer. It connects in the background; [`Producer::warm_up`] waits for that.
    ///
    /// # Errors
    /// When librdkafka does not take the bootstrap servers.
    pub fn new(bootstrap_servers: &str) -> Result<Self, ProducerError> {
        let mut config = ClientConfig::new();
        config.extend(CONFIG.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
        config.set("bootstrap.servers", bootstrap_servers);
        // Warnings and worse: below that librdkafka tells of its own workings.
        config.set_log_level(RDKafkaLogLevel::Warning);
        let client = config
            .create_with_context(Log)
            .map_err(|source| ProducerError { bootstrap_servers: bootstrap_servers.to_owned(), source })?;
        let client = Arc::new(Mutex::new(client));
        Ok(Self { config, client, made: Instant::now(), answered_ms: Arc::default() })
    }

    /// Makes a producer while a function starts, and gives it a while to connect. A cluster that is away then is connected
    /// to by the first request: it must not keep the environment from starting.
    ///
    /// # Errors
    /// When librdkafka does not take the bootstrap servers.
    pub async fn start(bootstrap_servers: &str, topics: Vec<String>) -> Result<Self, ProducerError> {
        let producer = Self::new(bootstrap_servers)?;
        if let Err(error) = producer.warm_up(topics, TIME_TO_START).await {
            tracing::warn!(%error, "starting without Kafka");
        }
        Ok(producer)
    }

    /// Connects and learns of `topics`, so that the first record waits for neither.
    ///
    /// # Errors
    /// When no broker answers within the time. The producer goes on trying and can be used all the same.
    pub async fn warm_up(&self, topics: Vec<String>, within: Duration) -> Result<(), Unreachable> {
        let deadline = Instant::now() + within;
        // Twice: the answer of the bootstrap connection alone leaves an idempotent producer waiting for its id, for up to
        // 500 ms; the second one comes from a broker that it can ask.
        for _ in 0..2 {
            self.ask(None, deadline, within).await?;
        }
        // A first message would wait 50 ms or more for its topic's metadata.
        for topic in topics {
            self.ask(Some(topic), deadline, within).await?;
        }
        Ok(())
    }

    /// The client to use. One that failed for good, such as for an id that it was denied, never recovers: it is replaced.
    fn client(&self) -> FutureProducer<Log> {
        // The lock is held for no more than an exchange.
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((code, reason)) = client.client().fatal_error() {
            tracing::error!(%code, reason, "the Kafka producer failed for good: it is replaced");
            match self.config.create_with_context(Log) {
                Ok(new) => {
                    let failed = std::mem::replace(&mut *client, new);
                    // Dropping waits for its threads.
                    drop(task::spawn_blocking(move || drop(failed)));
                }
                Err(error) => tracing::error!(%error, "it could not be replaced"),
            }
        }
        client.clone()
    }

    /// Asks a broker for metadata.
    async fn ask(&self, topic: Option<String>, deadline: Instant, within: Duration) -> Result<(), Unreachable> {
        let client = self.client();
        let left = deadline.saturating_duration_since(Instant::now());
        // It blocks. Its own timeout ends the thread's work, the outer one our waiting.
        let asking = task::spawn_blocking(move || client.client().fetch_metadata(topic.as_deref(), left));
        match timeout(left, asking).await {
            Ok(Ok(Ok(_))) => {
                self.note_answer();
                Ok(())
            }
            Ok(Ok(Err(error))) => {
                tracing::debug!(%error, "no metadata");
                Err(Unreachable { within })
            }
            Ok(Err(_)) | Err(_) => Err(Unreachable { within }),
        }
    }

    fn note_answer(&self) {
        let elapsed = u64::try_from(self.made.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.answered_ms.store(elapsed.max(1), Ordering::Relaxed);
    }

    fn answered_recently(&self) -> bool {
        let answered = self.answered_ms.load(Ordering::Relaxed);
        answered > 0 && self.made.elapsed() < Duration::from_millis(answered) + RECENT
    }

    /// Asks about a topic that could not be written to. librdkafka remembers the refusal and would repeat it unasked until
    /// it next looks, up to five minutes later, when the topic may long have been made or the right given.
    async fn look_again(&self, records: &[Record], outcomes: &[Outcome], deadline: Instant) {
        let refused = |outcome: &Outcome| matches!(outcome, Err(Failure::Unauthorized | Failure::NoSuchTopic));
        let mut topics: Vec<&str> = records
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| refused(outcome))
            .map(|(record, _)| &*record.topic)
            .collect();
        topics.sort_unstable();
        topics.dedup();
        for topic in topics {
            let asked =
                self.ask(Some(topic.to_owned()), deadline.min(Instant::now() + TIME_TO_LOOK), TIME_TO_LOOK).await;
            if let Err(error) = asked {
                tracing::debug!(%error, topic, "not looked at again");
            }
        }
    }

    /// Puts a record into librdkafka's queue.
    async fn enqueue(
        client: &FutureProducer<Log>,
        record: &Record,
        deadline: Instant,
    ) -> Result<DeliveryFuture, Failure> {
        loop {
            let result = client.send_result(FutureRecord {
                topic: &record.topic,
                partition: record.partition,
                payload: record.value.as_deref(),
                key: record.key.as_deref(),
                timestamp: None,
                headers: None,
            });
            match result {
                Ok(delivery) => return Ok(delivery),
                Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                    if Instant::now() >= deadline {
                        return Err(Failure::Unconfirmed);
                    }
                    tokio::time::sleep(QUEUE_FULL_PAUSE).await;
                }
                Err((error, _)) => return Err(failure(client, &error)),
            }
        }
    }
}

impl Publish for Producer {
    async fn publish(&self, records: Vec<Record>, deadline: Instant) -> Vec<Outcome> {
        // The same for the whole request: another one could not tell the broker which records are duplicates.
        let client = self.client();
        // All of them first, so that they share batches; then all their answers.
        let mut deliveries = Vec::with_capacity(records.len());
        for record in &records {
            deliveries.push(Self::enqueue(&client, record, deadline).await);
        }
        let late = sleep_until(deadline);
        tokio::pin!(late);
        let mut outcomes = Vec::with_capacity(records.len());
        for delivery in deliveries {
            outcomes.push(match delivery {
                Err(failure) => Err(failure),
                Ok(delivery) => match future::select(delivery, late.as_mut()).await {
                    future::Either::Left((Ok(Ok(written)), _)) => {
                        Ok(Written { partition: written.partition, offset: written.offset })
                    }
                    future::Either::Left((Ok(Err((error, _))), _)) => Err(failure(&client, &error)),
                    // The producer went away, or the deadline came.
                    future::Either::Left((Err(_), _)) | future::Either::Right(_) => Err(Failure::Unconfirmed),
                },
            });
        }
        if outcomes.iter().any(Result::is_ok) {
            self.note_answer();
        }
        self.look_again(&records, &outcomes, deadline).await;
        outcomes
    }
}

impl Reach for Producer {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        if self.answered_recently() {
            return Ok(());
        }
        self.ask(None, Instant::now() + within, within).await
    }
}

/// What an error says of its record. After a failure for good every record that was not sent fails with a code that only
/// says so, and the producer has the cause.
fn failure(client: &FutureProducer<Log>, error: &KafkaError) -> Failure {
    let Some(code) = error.rdkafka_error_code() else { return Failure::Unconfirmed };
    let cause = client.client().fatal_error().map_or(code, |(cause, _)| cause);
    let not_sent = matches!(code, RDKafkaErrorCode::Fatal | RDKafkaErrorCode::PurgeQueue);
    let failure = sort(if not_sent { cause } else { code });
    tracing::debug!(%code, %cause, ?failure, "record not written");
    failure
}

/// Sorts librdkafka's codes by what they say of the record. What is not listed is [`Failure::Unconfirmed`]: we never claim
/// that a record is lost, or safe, without knowing.
fn sort(code: RDKafkaErrorCode) -> Failure {
    use RDKafkaErrorCode as Code;
    match code {
        Code::MessageSizeTooLarge | Code::InvalidMessageSize => Failure::TooLarge,
        Code::UnknownTopic | Code::UnknownTopicOrPartition | Code::InvalidTopic => Failure::NoSuchTopic,
        Code::UnknownPartition => Failure::NoSuchPartition,
        Code::InvalidMessage
        | Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat
        | Code::UnsupportedCompressionType => Failure::Refused,
        Code::Authentication | Code::SaslAuthenticationFailed | Code::IllegalSASLState => Failure::Unauthenticated,
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed => Failure::Unauthorized,
        _ => Failure::Unconfirmed,
    }
}

/// librdkafka's own lines, in the log's format.
struct Log;

impl ClientContext for Log {
    fn error(&self, error: KafkaError, reason: &str) {
        tracing::warn!(%error, reason, "Kafka client");
    }
}

//! The producer: the one module that knows librdkafka.
//!
//! [`Producer`] keeps a `connection` in a `slot`, and replaces it when it is worn out, or when it stayed silent: librdkafka
//! mends a connection that broke, and may still get stuck where an environment was frozen. `link` knows how the connections
//! are doing, from what librdkafka calls back to `context`. `describe` asks about the cluster, on a connection of its own.

use std::{collections::BTreeSet, fmt, sync::Arc, time::Duration};

use rdkafka::error::KafkaError;
use tokio::{
    sync::Semaphore,
    time::{Instant, sleep_until},
};

use self::{
    connection::Connection,
    deliveries::{Deliveries, Delivery},
    slot::Slot,
};
use crate::{
    cluster::Cluster,
    metrics::Metrics,
    publish::{Failure, Outcome, ProducerRecord, Publish, Unreachable},
};

mod config;
mod connection;
mod context;
mod deliveries;
mod describe;
mod failure;
mod link;
#[cfg(feature = "mock")]
pub mod mock;
mod moment;
mod slot;

pub use config::Batching;

/// How long a function's start waits for the cluster. Lambda gives it 10 s
/// (<https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html>).
const TIME_TO_START: Duration = Duration::from_secs(5);

/// How long a request that was refused waits for a second look at its topic.
const TIME_TO_LOOK: Duration = Duration::from_secs(1);

/// How many questions about the cluster are asked at once.
const MAX_QUESTIONS: usize = 8;

/// Writes to a cluster. Made once and shared by every request: a clone is the same producer.
#[derive(Clone)]
pub struct Producer(Arc<Shared>);

struct Shared {
    cluster: Cluster,
    /// Of what is written.
    writing: Slot,
    /// Of what is asked about the cluster. It logs in for itself, with the first question.
    asking: Slot,
    /// For questions, which block one each.
    threads: Arc<Semaphore>,
}

impl fmt::Debug for Producer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Producer").field("cluster", &self.0.cluster).finish_non_exhaustive()
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
    /// Makes a producer. It connects in the background; [`Producer::warm_up`] waits for that. How long each connection takes
    /// is noted in `metrics`.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub fn new(cluster: &Cluster, batching: Batching, metrics: Metrics) -> Result<Self, ProducerError> {
        let producer = Self(Arc::new(Shared {
            cluster: cluster.clone(),
            writing: Slot::new(cluster, config::config_to_write(cluster, batching), metrics.clone()),
            asking: Slot::new(cluster, config::config_to_ask(cluster), metrics),
            threads: Arc::new(Semaphore::new(MAX_QUESTIONS)),
        }));
        match producer.0.writing.connection() {
            Ok(_) => Ok(producer),
            Err(source) => Err(ProducerError { bootstrap_servers: cluster.bootstrap_servers.clone(), source }),
        }
    }

    /// Makes a producer while a function starts, and gives it a while to connect. A cluster that is away then is connected
    /// to by the first request: it must not keep the environment from starting.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub async fn start(cluster: &Cluster, topics: Vec<String>, metrics: Metrics) -> Result<Self, ProducerError> {
        let producer = Self::new(cluster, Batching::OneRequest, metrics)?;
        if let Err(error) = producer.warm_up(topics, TIME_TO_START).await {
            tracing::warn!(%error, "starting without Kafka");
        }
        Ok(producer)
    }

    /// Connects, and fetches the metadata of `topics` with one request, so that the first record waits for neither.
    ///
    /// # Errors
    /// When no broker answers within the time. The producer goes on trying and can be used all the same.
    pub async fn warm_up(&self, topics: Vec<String>, within: Duration) -> Result<(), Unreachable> {
        let Ok(connection) = self.0.writing.connection() else {
            return Err(Unreachable::NoResponse { within, source: None });
        };
        let topics: Vec<Arc<str>> = topics.into_iter().map(Into::into).collect();
        let start = Instant::now();
        tokio::select! {
            () = connection.prefetch_metadata(&topics) => Ok(()),
            () = connection.link.denied_since(start) => Err(Unreachable::AuthenticationFailed),
            () = tokio::time::sleep(within) => Err(connection.link.no_answer(within)),
        }
    }

    /// Asks about a topic that could not be written to. librdkafka remembers the refusal and would repeat it unasked until
    /// it next looks, up to five minutes later, when the topic may long have been made or the right given.
    async fn look_again(connection: &Connection, records: &[ProducerRecord], outcomes: &[Outcome], deadline: Instant) {
        let refused = |outcome: &Outcome| matches!(outcome, Err(Failure::Unauthorized | Failure::NoSuchTopic));
        let topics: BTreeSet<&Arc<str>> = records
            .iter()
            .zip(outcomes)
            .filter(|(_, outcome)| refused(outcome))
            .map(|(record, _)| &record.topic)
            .collect();
        for topic in topics {
            let left = deadline.saturating_duration_since(Instant::now());
            if connection.ask(Some(topic), left.min(TIME_TO_LOOK)).await.is_err() {
                tracing::debug!(%topic, "not looked at again");
            }
        }
    }
}

impl Publish for Producer {
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        let start = Instant::now();
        // The same for the whole request: another one could not tell the broker which records are duplicates.
        let connection = match self.0.writing.connection() {
            Ok(connection) => connection,
            Err(error) => {
                tracing::error!(%error, "the Kafka producer cannot be made");
                return vec![Err(Failure::Unconfirmed); records.len()];
            }
        };
        let (outcomes, end) = send(&connection, &records, start, deadline).await;
        if outcomes.iter().any(Result::is_ok) {
            connection.note_answer();
        }
        match end {
            End::Answered => Self::look_again(&connection, &records, &outcomes, deadline).await,
            End::Denied => self.0.writing.give_up(&connection),
            // A broker that is away is told of. In silence the connection may be stuck for ever.
            End::Late if connection.link.silent_since(start) => {
                tracing::warn!("Kafka did not answer, and nothing says why: the connection is replaced");
                self.0.writing.give_up(&connection);
            }
            End::Late => {}
        }
        connection.touch();
        outcomes
    }
}

/// How a request's records came to an end.
enum End {
    /// Each has an answer.
    Answered,
    /// Some had none when the deadline came.
    Late,
    /// Some had none when the log-in was refused.
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
            () = sleep_until(deadline) => (Failure::Unconfirmed, End::Late),
            () = connection.link.denied_since(start) => (Failure::Unauthenticated, End::Denied),
        }
    };
    tokio::pin!(stop);
    tokio::select! {
        () = connection.learn(topics) => {}
        (failure, end) = stop.as_mut() => return (vec![Err(failure); records.len()], end),
    }
    // All of them first, so that they share batches.
    let deliveries = Deliveries::of(records.len());
    for (at, record) in records.iter().enumerate() {
        connection.enqueue(record, deliveries.pending(at), deadline).await;
    }
    let end = tokio::select! {
        biased;
        () = deliveries.all_told() => End::Answered,
        (_, end) = stop => end,
    };
    // The answers that came in time count. What has none may be written, also where the log-in was refused since: it may have
    // been on its way before.
    let told = deliveries.take();
    let outcome = |told: &Option<Delivery>| match told {
        Some(delivery) => delivery.as_ref().copied().map_err(|error| connection.failure(error)),
        None => Err(Failure::Unconfirmed),
    };
    let outcomes: Vec<_> = told.iter().map(outcome).collect();
    // The client is not told why, and whoever runs this has to be.
    for ((told, outcome), record) in told.iter().zip(&outcomes).zip(records) {
        if let (Some(Err(error)), Err(Failure::Refused)) = (told, outcome) {
            tracing::warn!(%error, topic = %record.topic, "Kafka refuses a record for good");
            break;
        }
    }
    (outcomes, end)
}

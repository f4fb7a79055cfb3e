//! Kafka's protocol, as far as topics are made with it.

use std::{collections::BTreeMap, time::Duration};

use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use rskafka::{
    BackoffConfig,
    client::{
        Client,
        controller::ControllerClient,
        error::{Error, ProtocolError, RequestContext},
    },
};
use shared::{
    client::{self, ConnectError},
    cluster::Cluster,
    retry::{Retryability, Retryable},
};
use tokio::time::timeout;

/// For a request with its retries, or for connecting: the client has no such bound of its own.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What the controller is given to make one topic, in milliseconds. It answers after 70 ms.
const CREATE_TIMEOUT_MS: i32 = 10_000;

/// The client's own retries end early, as [`shared::retry`] repeats the whole attempt. It repeats a log-in that was
/// refused too, by default forever and up to 500 s apart.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(200),
    max_backoff: Duration::from_secs(1),
    base: 3.0,
    deadline: Some(Duration::from_secs(1)),
};

/// What a client says that could not verify whom it speaks to, in words only, among those of each broker that it tried.
const UNTRUSTED: &str = "invalid peer certificate";

const RIGHTS: &str = "Kafka refuses the function's role: allow kafka-cluster:Connect on the cluster, kafka-cluster:CreateTopic and kafka-cluster:DescribeTopic on the topics";

/// An error with which Kafka, or the way to it, kept a topic from being made.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct KafkaError {
    retryability: Retryability,
    /// The failure and its remedy.
    message: String,
    /// The client's error.
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl KafkaError {
    fn new(retryability: Retryability, message: impl Into<String>) -> Self {
        Self { retryability, message: message.into(), source: None }
    }
}

impl Retryable for KafkaError {
    fn retryability(&self) -> Retryability {
        self.retryability
    }
}

/// Whether a topic was there before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Created,
    Existing,
}

pub(crate) struct Kafka {
    servers: String,
    client: Client,
    controller: ControllerClient,
}

impl Kafka {
    pub(crate) async fn connect(cluster: &Cluster) -> Result<Self, KafkaError> {
        let servers = cluster.to_string();
        let connecting = client::connect(cluster, "topics", BACKOFF).map_err(|error| match error {
            ConnectError::Connect { source, .. } => classify(&servers, *source),
            ConnectError::Tls(error) => untrusted(error),
        });
        let client = within(&servers, connecting.boxed()).await?;
        let controller = client.controller_client().map_err(|error| classify(&servers, error))?;
        Ok(Self { servers, client, controller })
    }

    /// How many partitions each topic has. A topic that may not be described is not among them.
    pub(crate) async fn partitions(&self) -> Result<BTreeMap<String, usize>, KafkaError> {
        let listing = self.client.list_topics().map_err(|error| classify(&self.servers, error));
        let topics = within(&self.servers, listing.boxed()).await?;
        Ok(topics.into_iter().map(|topic| (topic.name, topic.partitions.len())).collect())
    }

    /// Makes one topic. Who makes it meanwhile is as welcome.
    pub(crate) async fn create(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
    ) -> Result<Outcome, KafkaError> {
        let creating = self.controller.create_topic(name, partitions, replication_factor, CREATE_TIMEOUT_MS);
        let creating = creating.map(|result| match result {
            Ok(()) => Ok(Outcome::Created),
            Err(Error::ServerError { protocol_error: ProtocolError::TopicAlreadyExists, .. }) => Ok(Outcome::Existing),
            Err(error) => Err(classify(&self.servers, error)),
        });
        within(&self.servers, creating.boxed()).await
    }
}

/// Boxed, since the client's own futures are nested too deep for the compiler inside of ours.
async fn within<T>(servers: &str, work: BoxFuture<'_, Result<T, KafkaError>>) -> Result<T, KafkaError> {
    match timeout(TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(no_response(servers)),
    }
}

/// The error of brokers that do not respond.
pub(crate) fn no_response(servers: &str) -> KafkaError {
    let what = format!(
        "Kafka at {servers} does not answer: the function must be in the cluster's VPC, and the cluster's security group must let it in at port 9098"
    );
    KafkaError::new(Retryability::Transient, what)
}

/// Classifies an error of the client.
fn classify(servers: &str, error: Error) -> KafkaError {
    use ProtocolError as P;
    match &error {
        Error::ServerError { protocol_error, error_message, request, .. } => {
            let asked = match request {
                RequestContext::Topic(topic) => format!("make the topic {topic}"),
                _ => "do what was asked".to_owned(),
            };
            let message = error_message.as_deref().unwrap_or("without a word");
            let said = format!("{asked}: {protocol_error:?}: {message}");
            match protocol_error {
                P::TopicAuthorizationFailed | P::ClusterAuthorizationFailed | P::SaslAuthenticationFailed => {
                    KafkaError::new(Retryability::Denied, format!("{RIGHTS} (it will not {said})"))
                }
                P::BrokerNotAvailable
                | P::LeaderNotAvailable
                | P::NetworkException
                | P::NotController
                | P::RequestTimedOut
                | P::ThrottlingQuotaExceeded => {
                    KafkaError::new(Retryability::Transient, format!("Kafka did not {said}"))
                }
                _ => KafkaError::new(Retryability::Permanent, format!("Kafka will not {said}")),
            }
        }
        // The client tells a refused log-in in words only, among those of each broker that it tried.
        _ if error.to_string().contains("Sasl handshake failed") => {
            KafkaError { source: Some(Box::new(error)), ..KafkaError::new(Retryability::Denied, RIGHTS) }
        }
        _ if error.to_string().contains(UNTRUSTED) => untrusted(error),
        _ => KafkaError { source: Some(Box::new(error)), ..no_response(servers) },
    }
}

/// The error of brokers whose certificate cannot be verified.
fn untrusted(source: impl std::error::Error + Send + Sync + 'static) -> KafkaError {
    let message = "the brokers' certificate cannot be trusted: set SSL_CA_LOCATION";
    KafkaError { source: Some(Box::new(source)), ..KafkaError::new(Retryability::Permanent, message) }
}

#[cfg(test)]
mod tests {
    use shared::causes::in_one_line;

    use super::*;

    fn refused(protocol_error: ProtocolError, request: RequestContext) -> Error {
        Error::ServerError {
            protocol_error,
            error_message: Some("why".to_owned()),
            request,
            response: None,
            is_virtual: false,
        }
    }

    #[test]
    fn each_error_of_kafka_names_the_request_and_is_retried_when_it_may_pass() {
        let topic = || RequestContext::Topic("a.pin".to_owned());
        let another = RequestContext::Partition("a.pin".to_owned(), 0);
        let certificate = "connecting: invalid peer certificate: UnknownIssuer";
        for (error, class, said) in [
            (
                refused(ProtocolError::InvalidPartitions, topic()),
                Retryability::Permanent,
                "Kafka will not make the topic a.pin: InvalidPartitions: why",
            ),
            (
                refused(ProtocolError::NotController, topic()),
                Retryability::Transient,
                "Kafka did not make the topic a.pin: NotController: why",
            ),
            (
                refused(ProtocolError::InvalidRequest, another),
                Retryability::Permanent,
                "Kafka will not do what was asked: InvalidRequest: why",
            ),
            (refused(ProtocolError::TopicAuthorizationFailed, topic()), Retryability::Denied, RIGHTS),
            (Error::InvalidResponse("Sasl handshake failed".to_owned()), Retryability::Denied, RIGHTS),
            (
                Error::InvalidResponse(certificate.to_owned()),
                Retryability::Permanent,
                "the brokers' certificate cannot be trusted: set SSL_CA_LOCATION: ",
            ),
            (
                Error::Timeout,
                Retryability::Transient,
                "Kafka at b:1 does not answer: the function must be in the cluster's VPC",
            ),
        ] {
            let error = classify("b:1", error);
            let text = in_one_line(&error);
            assert!(error.retryability() == class && text.starts_with(said), "{class:?}: {text}");
        }
    }
}

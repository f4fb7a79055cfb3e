//! The Kafka client for creating topics.

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

/// The timeout of connecting, and of a request with its retries: the client has none of its own.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The controller's timeout for creating one topic, in milliseconds. It usually takes 70 ms.
const CREATE_TIMEOUT_MS: i32 = 10_000;

/// The client's retries end early, since [`shared::retry`] repeats the whole attempt. By default the client retries forever,
/// up to 500 s apart, even a refused login.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(200),
    max_backoff: Duration::from_secs(1),
    base: 3.0,
    deadline: Some(Duration::from_secs(1)),
};

/// The text, among the errors of each broker, by which the client reports a certificate that it cannot verify.
const UNTRUSTED: &str = "invalid peer certificate";

const PERMISSIONS: &str = "Kafka refuses the function's role: allow kafka-cluster:Connect on the cluster, kafka-cluster:CreateTopic and kafka-cluster:DescribeTopic on the topics";

/// The error of creating a topic.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct KafkaError {
    retryability: Retryability,
    /// The problem and its remedy.
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

/// The outcome for a topic.
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

    /// The number of partitions of each topic, except for topics that the role may not describe.
    pub(crate) async fn partitions(&self) -> Result<BTreeMap<String, usize>, KafkaError> {
        let listing = self.client.list_topics().map_err(|error| classify(&self.servers, error));
        let topics = within(&self.servers, listing.boxed()).await?;
        Ok(topics.into_iter().map(|topic| (topic.name, topic.partitions.len())).collect())
    }

    /// Creates a topic. `TopicAlreadyExists` counts as success.
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

/// Bounds `work` by [`REQUEST_TIMEOUT`]. Boxed: the client's nested futures are too deep for the compiler.
async fn within<T>(servers: &str, work: BoxFuture<'_, Result<T, KafkaError>>) -> Result<T, KafkaError> {
    match timeout(REQUEST_TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(no_response(servers)),
    }
}

/// The error of brokers that do not respond.
pub(crate) fn no_response(servers: &str) -> KafkaError {
    let message = format!(
        "Kafka at {servers} does not respond: the function must be in the cluster's VPC, and the cluster's security group must let it in at port 9098"
    );
    KafkaError::new(Retryability::Transient, message)
}

/// Classifies an error of the client.
fn classify(servers: &str, error: Error) -> KafkaError {
    use ProtocolError as P;
    match &error {
        Error::ServerError { protocol_error, error_message, request, .. } => {
            let operation = match request {
                RequestContext::Topic(topic) => format!("create the topic {topic}"),
                _ => "serve the request".to_owned(),
            };
            let message = error_message.as_deref().unwrap_or("no message");
            let failure = format!("{operation}: {protocol_error:?}: {message}");
            match protocol_error {
                P::TopicAuthorizationFailed | P::ClusterAuthorizationFailed | P::SaslAuthenticationFailed => {
                    KafkaError::new(Retryability::Denied, format!("{PERMISSIONS} (it refused to {failure})"))
                }
                P::BrokerNotAvailable
                | P::LeaderNotAvailable
                | P::NetworkException
                | P::NotController
                | P::RequestTimedOut
                | P::ThrottlingQuotaExceeded => {
                    KafkaError::new(Retryability::Transient, format!("Kafka failed to {failure}"))
                }
                _ => KafkaError::new(Retryability::Permanent, format!("Kafka refused to {failure}")),
            }
        }
        // The client reports a refused login only as text, among the errors of each broker.
        _ if error.to_string().contains("Sasl handshake failed") => {
            KafkaError { source: Some(Box::new(error)), ..KafkaError::new(Retryability::Denied, PERMISSIONS) }
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
    use shared::error_chain::one_line;

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
    fn each_kafka_error_names_the_request_and_is_retried_if_transient() {
        let topic = || RequestContext::Topic("a.pin".to_owned());
        let another = RequestContext::Partition("a.pin".to_owned(), 0);
        let certificate = "connecting: invalid peer certificate: UnknownIssuer";
        for (error, class, expected) in [
            (
                refused(ProtocolError::InvalidPartitions, topic()),
                Retryability::Permanent,
                "Kafka refused to create the topic a.pin: InvalidPartitions: why",
            ),
            (
                refused(ProtocolError::NotController, topic()),
                Retryability::Transient,
                "Kafka failed to create the topic a.pin: NotController: why",
            ),
            (
                refused(ProtocolError::InvalidRequest, another),
                Retryability::Permanent,
                "Kafka refused to serve the request: InvalidRequest: why",
            ),
            (refused(ProtocolError::TopicAuthorizationFailed, topic()), Retryability::Denied, PERMISSIONS),
            (Error::InvalidResponse("Sasl handshake failed".to_owned()), Retryability::Denied, PERMISSIONS),
            (
                Error::InvalidResponse(certificate.to_owned()),
                Retryability::Permanent,
                "the brokers' certificate cannot be trusted: set SSL_CA_LOCATION: ",
            ),
            (
                Error::Timeout,
                Retryability::Transient,
                "Kafka at b:1 does not respond: the function must be in the cluster's VPC",
            ),
        ] {
            let error = classify("b:1", error);
            let text = one_line(&error);
            assert!(error.retryability() == class && text.starts_with(expected), "{class:?}: {text}");
        }
    }
}

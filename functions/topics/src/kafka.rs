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
};
use tokio::time::timeout;

use crate::patience::{Class, Trouble};

/// For a request with its retries, or for connecting: the client has no such bound of its own.
const TIMEOUT: Duration = Duration::from_secs(15);

/// What the controller is given to make one topic, in milliseconds. It answers after 70 ms.
const CREATE_TIMEOUT_MS: i32 = 10_000;

/// The client's own retries end early, as [`crate::patience`] repeats the whole round. It repeats a log-in that was refused
/// too, at its default for ever and up to 500 s apart.
const BACKOFF: BackoffConfig = BackoffConfig {
    init_backoff: Duration::from_millis(200),
    max_backoff: Duration::from_secs(1),
    base: 3.0,
    deadline: Some(Duration::from_secs(1)),
};

/// What a client says that could not verify whom it speaks to, in words only, among those of each broker that it tried.
const UNTRUSTED: &str = "invalid peer certificate";

const RIGHTS: &str = "Kafka refuses the function's role: allow kafka-cluster:Connect on the cluster, kafka-cluster:CreateTopic and kafka-cluster:DescribeTopic on the topics";

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
    pub(crate) async fn connect(cluster: &Cluster) -> Result<Self, Trouble> {
        let servers = cluster.to_string();
        let connecting = client::connect(cluster, "topics", BACKOFF).map_err(|error| match error {
            ConnectError::Connect { source, .. } => trouble(&servers, *source),
            ConnectError::Tls(error) => untrusted(error),
        });
        let client = within(&servers, connecting.boxed()).await?;
        let controller = client.controller_client().map_err(|error| trouble(&servers, error))?;
        Ok(Self { servers, client, controller })
    }

    /// How many partitions each topic has. A topic that may not be described is not among them.
    pub(crate) async fn partitions(&self) -> Result<BTreeMap<String, usize>, Trouble> {
        let listing = self.client.list_topics().map_err(|error| trouble(&self.servers, error));
        let topics = within(&self.servers, listing.boxed()).await?;
        Ok(topics.into_iter().map(|topic| (topic.name, topic.partitions.len())).collect())
    }

    /// Makes one topic. Who makes it meanwhile is as welcome.
    pub(crate) async fn create(
        &self,
        name: &str,
        partitions: i32,
        replication_factor: i16,
    ) -> Result<Outcome, Trouble> {
        let creating = self.controller.create_topic(name, partitions, replication_factor, CREATE_TIMEOUT_MS);
        let creating = creating.map(|result| match result {
            Ok(()) => Ok(Outcome::Created),
            Err(Error::ServerError { protocol_error: ProtocolError::TopicAlreadyExists, .. }) => Ok(Outcome::Existing),
            Err(error) => Err(trouble(&self.servers, error)),
        });
        within(&self.servers, creating.boxed()).await
    }
}

/// Boxed, since the client's own futures are nested too deep for the compiler inside of ours.
async fn within<T>(servers: &str, work: BoxFuture<'_, Result<T, Trouble>>) -> Result<T, Trouble> {
    match timeout(TIMEOUT, work).await {
        Ok(done) => done,
        Err(_) => Err(silence(servers)),
    }
}

/// Nobody answered.
pub(crate) fn silence(servers: &str) -> Trouble {
    let what = format!(
        "Kafka at {servers} does not answer: the function must be in the cluster's VPC, and the cluster's security group must let it in at port 9098"
    );
    Trouble::new(Class::Away, what)
}

/// What an error of the client means for us.
fn trouble(servers: &str, error: Error) -> Trouble {
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
                    Trouble::new(Class::Refused, format!("{RIGHTS} (it will not {said})"))
                }
                P::BrokerNotAvailable
                | P::LeaderNotAvailable
                | P::NetworkException
                | P::NotController
                | P::RequestTimedOut
                | P::ThrottlingQuotaExceeded => Trouble::new(Class::Away, format!("Kafka did not {said}")),
                _ => Trouble::new(Class::Final, format!("Kafka will not {said}")),
            }
        }
        // The client tells a refused log-in in words only, among those of each broker that it tried.
        _ if error.to_string().contains("Sasl handshake failed") => {
            Trouble { class: Class::Refused, what: RIGHTS.to_owned(), source: Some(Box::new(error)) }
        }
        _ if error.to_string().contains(UNTRUSTED) => untrusted(error),
        _ => Trouble { source: Some(Box::new(error)), ..silence(servers) },
    }
}

/// Nobody could vouch for the brokers.
fn untrusted(source: impl std::error::Error + Send + Sync + 'static) -> Trouble {
    let what = "the brokers' certificate cannot be trusted: set SSL_CA_LOCATION".to_owned();
    Trouble { class: Class::Final, what, source: Some(Box::new(source)) }
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
    fn what_kafka_says_is_told_with_what_it_was_asked_and_sorted_by_whether_it_may_pass() {
        let topic = || RequestContext::Topic("a.pin".to_owned());
        let another = RequestContext::Partition("a.pin".to_owned(), 0);
        let certificate = "connecting: invalid peer certificate: UnknownIssuer";
        for (error, class, said) in [
            (
                refused(ProtocolError::InvalidPartitions, topic()),
                Class::Final,
                "Kafka will not make the topic a.pin: InvalidPartitions: why",
            ),
            (
                refused(ProtocolError::NotController, topic()),
                Class::Away,
                "Kafka did not make the topic a.pin: NotController: why",
            ),
            (
                refused(ProtocolError::InvalidRequest, another),
                Class::Final,
                "Kafka will not do what was asked: InvalidRequest: why",
            ),
            (refused(ProtocolError::TopicAuthorizationFailed, topic()), Class::Refused, RIGHTS),
            (Error::InvalidResponse("Sasl handshake failed".to_owned()), Class::Refused, RIGHTS),
            (
                Error::InvalidResponse(certificate.to_owned()),
                Class::Final,
                "the brokers' certificate cannot be trusted: set SSL_CA_LOCATION: ",
            ),
            (Error::Timeout, Class::Away, "Kafka at b:1 does not answer: the function must be in the cluster's VPC"),
        ] {
            let trouble = trouble("b:1", error);
            let text = in_one_line(&trouble);
            assert!(trouble.class == class && text.starts_with(said), "{class:?}: {text}");
        }
    }
}

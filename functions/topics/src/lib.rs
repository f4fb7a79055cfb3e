//! Makes the topics, for CloudFormation: over Kafka's own protocol, which Provisioned and Serverless clusters both speak.
//!
//! What a topic is set to comes from the cluster's configuration. A topic that is there is left as it is, and none is ever
//! deleted.
//!
//! `kafka` is the one module that knows the client and classifies its errors for [`shared::retry`].

use std::collections::BTreeMap;

use shared::{
    cluster::{Cluster, SECURITY_PROTOCOL, SSL_CA_LOCATION, Security},
    custom_resource::{Request, Success},
    retry,
    settings::{Reader, SettingsError, Variable},
};

mod kafka;
mod properties;

pub use kafka::KafkaError;
use kafka::{Kafka, Outcome};
pub use properties::Properties;

/// What of a list is answered, in bytes: an output that a stack exports takes 1,024
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/685>), and the whole answer 4,096.
const MAX_LIST_BYTES: usize = 1_000;

/// Every variable that `topics` reads, but for AWS's own.
pub const VARIABLES: &[&Variable] = &[&SECURITY_PROTOCOL, &SSL_CA_LOCATION];

/// Why the topics are not there.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum MakeError {
    #[error("the function's settings are wrong")]
    Settings(#[from] SettingsError),
    #[error("{made} of {wanted} topics are there")]
    Kafka { made: usize, wanted: usize, source: KafkaError },
}

/// Makes the topics that are missing.
///
/// # Errors
/// When one is not there in the end. Those that are made stay.
///
/// # Cancellation
/// What is made stays made, and making it again changes nothing.
pub async fn make(request: Request<Properties>, lookup: impl Fn(&str) -> Option<String>) -> Result<Success, MakeError> {
    let Request { properties, deadline } = request;
    let mut reader = Reader::new(lookup);
    let security = Security::read(&mut reader);
    let security = reader.finish(security)?;
    let cluster = Cluster { bootstrap_servers: properties.bootstrap_servers.clone(), security };
    let mut topics = Topics::default();
    let done = retry::until_deadline(
        deadline,
        || kafka::no_response(&cluster.bootstrap_servers),
        async || topics.complete(&cluster, &properties).await,
    )
    .await;
    match done {
        Ok(()) => Ok(topics.told(&properties)),
        Err(source) => Err(MakeError::Kafka { made: topics.outcomes.len(), wanted: properties.topics.len(), source }),
    }
}

/// What was done so far.
#[derive(Debug, Default)]
struct Topics {
    outcomes: BTreeMap<String, Outcome>,
    /// How many partitions a topic has, where it was seen before it was made.
    partitions: BTreeMap<String, usize>,
}

impl Topics {
    /// Makes what is missing, over a new connection: one that was refused is not told that its rights have come.
    async fn complete(&mut self, cluster: &Cluster, properties: &Properties) -> Result<(), KafkaError> {
        let kafka = Kafka::connect(cluster).await?;
        self.partitions.extend(kafka.partitions().await?);
        for name in &properties.topics {
            if self.outcomes.contains_key(name) {
                continue;
            }
            let outcome = if self.partitions.contains_key(name) {
                Outcome::Existing
            } else {
                kafka.create(name, properties.partitions, properties.replication_factor).await?
            };
            tracing::info!(topic = name, ?outcome, "the topic is there");
            self.outcomes.insert(name.clone(), outcome);
        }
        Ok(())
    }

    fn told(&self, properties: &Properties) -> Success {
        let count = |wanted| self.outcomes.values().filter(|outcome| **outcome == wanted).count().to_string();
        let differing: Vec<_> = self.outcomes.keys().filter_map(|name| self.differing(name, properties)).collect();
        for difference in &differing {
            tracing::warn!(wanted = properties.partitions, "left as it is: {difference}");
        }
        Success::default()
            .with("Topics", list(&properties.topics))
            .with("Created", count(Outcome::Created))
            .with("Existing", count(Outcome::Existing))
            .with("Differing", list(&differing))
    }

    fn differing(&self, name: &str, properties: &Properties) -> Option<String> {
        let found = *self.partitions.get(name)?;
        let same = usize::try_from(properties.partitions).is_ok_and(|wanted| wanted == found);
        (!same).then(|| format!("{name} has {found} partitions"))
    }
}

/// Comma separated, and cut at a name where it would be too long.
fn list(names: &[String]) -> String {
    let whole = names.join(",");
    if whole.len() <= MAX_LIST_BYTES {
        return whole;
    }
    let mut shown = String::new();
    let mut left = names.len();
    for name in names {
        if shown.len() + name.len() + ", and 1000 more".len() > MAX_LIST_BYTES {
            break;
        }
        shown.push_str(name);
        shown.push(',');
        left -= 1;
    }
    format!("{shown} and {left} more")
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[test]
    fn a_long_list_is_cut_at_a_name_and_says_how_many_are_left_out() {
        let names: Vec<_> = (0..100).map(|at| format!("0a1b2c3d4e{at:02}.pin")).collect();
        let list = super::list(&names);
        assert!(list.len() <= MAX_LIST_BYTES, "{}", list.len());
        assert!(list.ends_with(".pin, and 42 more"), "{list}");
        assert_eq!(super::list(&names[..2]), "0a1b2c3d4e00.pin,0a1b2c3d4e01.pin");
    }

    #[tokio::test]
    async fn wrong_settings_are_an_answer() {
        let properties = serde_json::json!({"BootstrapServers": "127.0.0.1:1", "UserIds": ["a"]});
        let properties = serde_json::from_value(properties).unwrap();
        let error = make(Request { properties, deadline: Instant::now() }, |_| None).await.unwrap_err();
        let error = shared::causes::in_one_line(&error);
        assert!(error.starts_with("the function's settings are wrong: AWS_REGION is not set"), "{error}");
    }
}

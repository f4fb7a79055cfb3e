//! Creates the topics, for CloudFormation, over Kafka's own protocol, which Provisioned and Serverless clusters both speak.
//!
//! A topic's settings come from the cluster's configuration. Existing topics are neither changed nor deleted.
//!
//! Only `kafka` knows the client. It classifies the client's errors for [`shared::retry`].

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

/// The maximum size of a list in the response, in bytes: an exported output of a stack is limited to 1,024
/// (<https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/685>), and the whole response to 4,096.
const MAX_LIST_BYTES: usize = 1_000;

/// Every variable that `topics` reads, except for AWS's own.
pub const VARIABLES: &[&Variable] = &[&SECURITY_PROTOCOL, &SSL_CA_LOCATION];

/// The error of creating the topics.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum CreateError {
    #[error("the function's settings are wrong")]
    Settings(#[from] SettingsError),
    #[error("{existing} of {requested} topics exist")]
    Kafka { existing: usize, requested: usize, source: KafkaError },
}

/// Creates the missing topics.
///
/// # Errors
/// When a topic does not exist in the end. Topics already created stay.
///
/// # Cancellation
/// Topics already created stay. Repeating the request is safe.
pub async fn create(
    request: Request<Properties>,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Success, CreateError> {
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
        Ok(()) => Ok(topics.attributes(&properties)),
        Err(source) => {
            Err(CreateError::Kafka { existing: topics.outcomes.len(), requested: properties.topics.len(), source })
        }
    }
}

/// The progress over all attempts.
#[derive(Debug, Default)]
struct Topics {
    outcomes: BTreeMap<String, Outcome>,
    /// The number of partitions of each topic that existed before.
    partitions: BTreeMap<String, usize>,
}

impl Topics {
    /// Creates the missing topics over a new connection: a refused one does not learn of permissions granted later.
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
            tracing::info!(topic = name, ?outcome, "the topic exists");
            self.outcomes.insert(name.clone(), outcome);
        }
        Ok(())
    }

    /// The resource's attributes.
    fn attributes(&self, properties: &Properties) -> Success {
        let count = |expected| self.outcomes.values().filter(|outcome| **outcome == expected).count().to_string();
        let differing: Vec<_> = self.outcomes.keys().filter_map(|name| self.differing(name, properties)).collect();
        for difference in &differing {
            tracing::warn!(requested = properties.partitions, "left unchanged: {difference}");
        }
        Success::default()
            .with("Topics", list(&properties.topics))
            .with("Created", count(Outcome::Created))
            .with("Existing", count(Outcome::Existing))
            .with("Differing", list(&differing))
    }

    fn differing(&self, name: &str, properties: &Properties) -> Option<String> {
        let found = *self.partitions.get(name)?;
        let same = usize::try_from(properties.partitions).is_ok_and(|requested| requested == found);
        (!same).then(|| format!("{name} has {found} partitions"))
    }
}

/// Joins the names by commas, and truncates the list between two names where it would be too long.
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
    fn a_long_list_is_truncated_between_names_and_counts_the_rest() {
        let names: Vec<_> = (0..100).map(|at| format!("0a1b2c3d4e{at:02}.pin")).collect();
        let list = super::list(&names);
        assert!(list.len() <= MAX_LIST_BYTES, "{}", list.len());
        assert!(list.ends_with(".pin, and 42 more"), "{list}");
        assert_eq!(super::list(&names[..2]), "0a1b2c3d4e00.pin,0a1b2c3d4e01.pin");
    }

    #[tokio::test]
    async fn wrong_settings_are_reported() {
        let properties = serde_json::json!({"BootstrapServers": "127.0.0.1:1", "UserIds": ["a"]});
        let properties = serde_json::from_value(properties).unwrap();
        let error = create(Request { properties, deadline: Instant::now() }, |_| None).await.unwrap_err();
        let error = shared::error_chain::one_line(&error);
        assert!(error.starts_with("the function's settings are wrong: AWS_REGION is not set"), "{error}");
    }
}

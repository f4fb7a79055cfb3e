//! The Lambda function: a scheduler's tick starts a run, a Kafka event is stored.

use std::time::Duration;

use lambda_runtime::LambdaEvent;
use serde::{Deserialize, Deserializer, de};
use serde_json::{Map, Value};
use shared::{cluster::Cluster, deadline, error_chain::Failures, metrics::Metrics};

use crate::{
    bucket::{Bucket, OpenError},
    event::{self, KafkaEvent},
    reader::OnDemand,
    report::Report,
    run,
    settings::Settings,
    store::{Archiver, Limits},
};

/// The part of the invocation's time that is reserved for the response.
const RESPONSE_RESERVE: Duration = Duration::from_secs(2);

/// The invocation's event.
#[derive(Debug)]
pub enum Trigger {
    /// A batch of an event source mapping, from MSK or a self-managed cluster.
    Kafka(KafkaEvent),
    /// Any other JSON object, such as the scheduler's.
    Tick,
}

impl<'de> Deserialize<'de> for Trigger {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = Map::deserialize(deserializer)?;
        match event.get("eventSource").and_then(Value::as_str) {
            Some("aws:kafka" | "SelfManagedKafka") => {
                serde_json::from_value(Value::Object(event)).map(Self::Kafka).map_err(de::Error::custom)
            }
            Some(_) | None => Ok(Self::Tick),
        }
    }
}

/// The function of one execution environment.
#[derive(Debug)]
pub struct Function {
    cluster: Cluster,
    topics: Vec<String>,
    archiver: Archiver,
    metrics: Metrics,
}

impl Function {
    /// Opens the archive.
    ///
    /// # Errors
    /// When the archive cannot be used.
    pub async fn new(settings: Settings) -> Result<Self, OpenError> {
        let bucket = Bucket::open(&settings.archive_url).await?;
        Ok(Self {
            cluster: settings.cluster,
            topics: settings.user_ids.topic_names(),
            archiver: Archiver::new(bucket, Limits::default()),
            metrics: Metrics::default(),
        })
    }

    /// Stores the event's records or, on a tick, the topics' new records, and prints the metrics.
    ///
    /// Each invocation that reads Kafka opens a new connection: after a freeze of the environment an old one may be dead
    /// without a sign.
    ///
    /// # Errors
    /// When anything failed. Other partitions may be stored nonetheless.
    pub async fn handle(&self, event: LambdaEvent<Trigger>) -> Result<Report, Failures> {
        let deadline = deadline::before(event.context.deadline(), RESPONSE_RESERVE);
        let kafka = OnDemand::new(&self.cluster);
        let report = match event.payload {
            Trigger::Kafka(event) => event::store(&kafka, &self.archiver, &self.topics, event, deadline).await,
            Trigger::Tick => run::run(&kafka, &self.archiver, &self.topics, deadline).await,
        };
        report.record(&self.metrics);
        self.metrics.flush(&event.context.env_config.function_name);
        report.into_result()
    }
}

#[cfg(test)]
mod tests {
    use lambda_runtime::Context;

    use super::*;

    /// Invokes the function with the default timeout, a new folder, and no Kafka.
    async fn invoke(event: &str) -> Result<Report, Failures> {
        let folder = tempfile::tempdir().unwrap();
        let lookup = |name: &str| {
            let value = match name {
                "BOOTSTRAP_SERVERS" => "127.0.0.1:1",
                "SECURITY_PROTOCOL" => "PLAINTEXT",
                "USER_IDS" => "0a1b",
                _ => folder.path().to_str().unwrap(),
            };
            Some(value.to_owned())
        };
        let function = Function::new(Settings::from_lookup(lookup).unwrap()).await.unwrap();
        // A deadline in the past counts as none.
        function.handle(LambdaEvent::new(serde_json::from_str(event).unwrap(), Context::default())).await
    }

    #[tokio::test]
    async fn an_event_is_stored_without_kafka() {
        let event = r#"{"eventSource":"aws:kafka","records":{"0a1b.pin-0":[{"topic":"0a1b.pin","partition":0,
            "offset":0,"timestamp":1595035749700,"timestampType":"CREATE_TIME","value":"e30=","headers":[]}]}}"#;
        let report = serde_json::to_value(invoke(event).await.unwrap()).unwrap();
        let counts = serde_json::json!({"records": 1, "objects": 1, "quarantined": 0, "lost": 0, "value_bytes": 2});
        assert_eq!(report["topics"]["0a1b.pin"], counts);
    }

    #[tokio::test(start_paused = true)]
    async fn a_tick_without_kafka_fails_and_names_it() {
        let error = invoke("{}").await.unwrap_err().to_string();
        assert!(error.starts_with("the topics cannot be listed: cannot connect to Kafka at 127.0.0.1:1: "), "{error}");
    }

    #[test]
    fn a_kafka_event_is_distinguished_from_a_tick() {
        let kafka = |text| matches!(serde_json::from_str(text), Ok(Trigger::Kafka(_)));
        let tick = |text| matches!(serde_json::from_str(text), Ok(Trigger::Tick));
        assert!(kafka(r#"{"eventSource":"aws:kafka","records":{}}"#));
        assert!(kafka(r#"{"eventSource":"SelfManagedKafka","records":{}}"#));
        assert!(tick("{}"));
        assert!(tick(r#"{"source":"aws.events","detail-type":"Scheduled Event","detail":{}}"#));
        assert!(serde_json::from_str::<Trigger>("[]").is_err());
        assert!(serde_json::from_str::<Trigger>(r#"{"eventSource":"aws:kafka","records":{"a.pin-0":[{}]}}"#).is_err());
    }
}

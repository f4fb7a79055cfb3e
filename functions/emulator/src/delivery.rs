//! How records get to Kafka: by a producer or, from where Kafka cannot be reached, by an invocation of `ingest`.
//!
//! A function reaches the cluster from inside of its VPC and a database that is public from outside, and not both without a
//! NAT gateway. Lambda's own interface is reached from outside.

use std::{fmt, str::FromStr};

use shared::{
    cluster::Cluster,
    kafka::{Producer, ProducerError},
    metrics::Metrics,
    publish::{Outcome, Publish, Record},
};
use tokio::time::Instant;

use crate::aws::Aws;

mod answer;
mod batch;
mod ingest;

pub use batch::{MAX_EVENT_BYTES, MAX_RECORDS};
pub use ingest::Ingest;

/// Where records are handed in.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A cluster.
    Kafka(Cluster),
    /// The function that writes to one.
    Ingest(FunctionName),
}

/// A function's name or ARN, with or without an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionName(String);

/// A text that names no function.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a function's name nor its ARN")]
pub struct NoFunction;

impl FromStr for FunctionName {
    type Err = NoFunction;

    fn from_str(text: &str) -> Result<Self, NoFunction> {
        // Of Lambda's pattern what matters for the path that the name is put into.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '$');
        if !text.is_empty() && text.chars().all(plain) { Ok(Self(text.to_owned())) } else { Err(NoFunction) }
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Writes records the one way or the other.
#[derive(Debug)]
pub enum Publisher {
    /// Straight to the cluster.
    Kafka(Producer),
    /// By the function.
    Ingest(Ingest),
}

impl Publisher {
    /// Opens what `delivery` says; of the two only the producer connects now.
    ///
    /// # Errors
    /// When librdkafka does not take the settings.
    pub async fn start(
        delivery: &Delivery,
        topics: Vec<String>,
        aws: &Aws,
        metrics: Metrics,
    ) -> Result<Self, ProducerError> {
        Ok(match delivery {
            Delivery::Kafka(cluster) => Self::Kafka(Producer::start(cluster, topics, metrics).await?),
            Delivery::Ingest(function) => Self::Ingest(Ingest::new(function.clone(), aws.clone())),
        })
    }
}

impl Publish for Publisher {
    async fn publish(&self, records: Vec<Record>, deadline: Instant) -> Vec<Outcome> {
        match self {
            Self::Kafka(producer) => producer.publish(records, deadline).await,
            // Boxed: the SDK's futures are large, and the other way does not need them.
            Self::Ingest(ingest) => Box::pin(ingest.publish(records, deadline)).await,
        }
    }
}

//! Delivers records to Kafka: by a producer, or by invoking `ingest` where Kafka cannot be reached.
//!
//! Without a NAT gateway a function reaches either the cluster (inside the VPC) or a public database (outside), but not
//! both. From outside it reaches Lambda's API, and so `ingest`.

use std::{fmt, str::FromStr};

use shared::{
    cluster::Cluster,
    kafka::{Producer, ProducerError},
    metrics::Metrics,
    publish::{Outcome, ProducerRecord, Publish},
};
use tokio::time::Instant;

use crate::aws::Aws;

mod batch;
mod ingest;
mod response;

pub use batch::{MAX_EVENT_BYTES, MAX_RECORDS};
pub use ingest::Ingest;

/// The destination of records.
#[derive(Debug, Clone)]
pub enum Delivery {
    /// A Kafka cluster.
    Kafka(Cluster),
    /// The function `ingest`, which writes to one.
    Ingest(FunctionName),
}

/// A function's name or ARN, with or without an alias.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionName(String);

/// The error of parsing a [`FunctionName`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither a function's name nor its ARN")]
pub struct FunctionNameError;

impl FromStr for FunctionName {
    type Err = FunctionNameError;

    fn from_str(text: &str) -> Result<Self, FunctionNameError> {
        // The part of Lambda's pattern that keeps the name from changing the request's path.
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ':' | '$');
        if !text.is_empty() && text.chars().all(plain) { Ok(Self(text.to_owned())) } else { Err(FunctionNameError) }
    }
}

impl fmt::Display for FunctionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A publisher to either destination.
#[derive(Debug)]
pub enum Publisher {
    /// Writes to the cluster.
    Kafka(Producer),
    /// Invokes the function.
    Ingest(Ingest),
}

impl Publisher {
    /// Opens the publisher for `delivery`. Only the producer connects at once.
    ///
    /// # Errors
    /// When librdkafka rejects the settings.
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
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        match self {
            Self::Kafka(producer) => producer.publish(records, deadline).await,
            // Boxed: the SDK's futures are large, and the producer does not need them.
            Self::Ingest(ingest) => Box::pin(ingest.publish(records, deadline)).await,
        }
    }
}

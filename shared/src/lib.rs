//! Code that at least two functions need, one module per concern.
//!
//! Dependencies go one way. [`kind`] validates rows and depends on neither HTTP nor Kafka. [`publish`] defines the outcome of a
//! record and names no client library; `kafka` is the only module here that uses librdkafka. Concerns that are slow to build
//! are features, none of them on by default.

#[cfg(feature = "aws")]
pub mod aws;
#[cfg(feature = "client")]
pub mod client;
#[cfg(feature = "iam")]
pub mod cluster;
#[cfg(any(feature = "database", feature = "iam"))]
pub mod credentials;
#[cfg(feature = "custom-resource")]
pub mod custom_resource;
#[cfg(feature = "database")]
pub mod database;
pub mod deadline;
pub mod error_chain;
#[cfg(feature = "iam")]
pub mod iam;
pub mod json;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod kind;
#[cfg(feature = "log")]
pub mod log;
pub mod metadata;
pub mod metrics;
pub mod publish;
pub mod read_back;
pub mod redact;
pub mod retry;
#[cfg(feature = "sample")]
pub mod sample;
pub mod settings;
pub mod stream;
#[cfg(test)]
mod testing;
#[cfg(feature = "tls")]
pub mod tls;
pub mod topic;

//! What two functions need, one module a concern.
//!
//! Arrows go one way. [`kind`] knows what a valid row is and neither HTTP nor Kafka. [`publish`] says what
//! becomes of a record and names no client library; `kafka` is the one module that knows librdkafka.
//! A concern that is heavy to build is a feature, none of them on by default.

pub mod causes;
pub mod deadline;
pub mod json;
#[cfg(feature = "kafka")]
pub mod kafka;
pub mod kind;
pub mod publish;
#[cfg(feature = "sample")]
pub mod sample;
pub mod settings;
pub mod shown;
pub mod topic;

//! Backpressure for the embedded Kafka, which drops its oldest records silently: writers wait until the archive has caught up.

mod backlog;
mod publisher;

pub(crate) use backlog::Backlog;
pub(crate) use publisher::BoundedPublisher;

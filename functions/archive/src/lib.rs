//! Archives each topic's new records, each exactly once.
//!
//! There is no consumer group, no committed offset, no database and no lock: the archive's own objects are its
//! checkpoint. The rules in [`store`] make this safe with any number of writers, each of which may stop at any moment.
//! [`run`] feeds it from Kafka. [`event`] feeds it from the batches of an event source mapping, and from Kafka where the
//! mapping skipped records.
//!
//! Dependencies go one way: [`layout`], [`record`], [`bucket`] and [`store`] know neither Kafka nor Lambda. [`run`] and
//! [`event`] connect them and return a [`report`]. Only [`reader`] calls the Kafka client, only [`bucket`] the object
//! store.

pub mod bucket;
mod catch_up;
pub mod event;
pub mod failure;
pub mod function;
pub mod layout;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod partitions;
pub mod reader;
pub mod record;
pub mod report;
pub mod run;
pub mod settings;
pub mod store;
#[cfg(test)]
mod testing;

pub use function::Function;

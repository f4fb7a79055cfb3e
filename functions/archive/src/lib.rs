//! Stores what is new in each topic, each record exactly once.
//!
//! There is no consumer group, no committed offset, no database and no lock: the archive itself says where it stands.
//! [`store`] holds the rules that make this safe with any number of writers, each of which may be stopped at any
//! moment. [`run`] feeds it from Kafka, [`event`] from what an event source mapping delivers, and from Kafka where the
//! mapping left something out.
//!
//! Arrows go one way: [`layout`], [`record`], [`bucket`] and [`store`] know neither Kafka nor Lambda. [`run`] and
//! [`event`] bring them together, and [`report`] says what came of it. [`reader`] is the one module that knows the Kafka
//! client, [`bucket`] the one that knows the object store's.

pub mod bucket;
mod catch_up;
pub mod event;
pub mod function;
pub mod layout;
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

//! Writes the archive's records to Delta tables of cleaned rows: one for each user id and kind, each record once.
//!
//! A table's own log is its checkpoint. The rules in [`append`] make this safe with any number of writers, each of which may stop
//! at any moment.
//!
//! Dependencies go one way: [`layout`] and the columns know neither the archive's objects nor Lambda. [`run`] goes over all tables and
//! returns a [`report`]. [`follow`] reads the rows of a table. Only the archive's bucket calls the object store.

pub mod append;
mod compact;
mod data_file;
pub mod follow;
pub mod function;
pub mod layout;
mod log;
pub mod report;
pub mod run;
mod schema;
pub mod settings;
mod source;
#[cfg(test)]
mod testing;

pub use function::Function;

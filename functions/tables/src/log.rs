//! A table's log: the actions, the state that they add up to, and its checkpoints.
//!
//! This is the part of Delta's protocol that a table without partitions, deletion vectors and column mapping needs: reader version 1,
//! writer version 2. A table of a higher one is refused. The libraries that implement the protocol commit from synchronous code, on
//! threads of their own: no test could stop such a writer at each step.

mod action;
mod checkpoint;
mod snapshot;

pub(crate) use action::{Action, Add, Format, Metadata, Protocol, Remove, Transaction};
pub(crate) use snapshot::{LogError, Snapshot};

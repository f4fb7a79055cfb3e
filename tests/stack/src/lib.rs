//! Local stand-ins for MSK, RDS, S3 and Lambda, for tests and for exploring by hand.
//!
//! Each component is a process on free ports of the loopback address, with its files below `target/stack`. It is
//! stopped on drop, and when this process ends in any way. `make test` fetches the programs into `.tools`.

mod error;
mod folder;
pub mod gateway;
pub mod kafka;
pub mod lambda;
pub mod mysql;
pub mod pki;
pub mod ports;
pub mod process;
pub mod proxy;
pub mod s3;
mod tools;

pub use error::StackError;

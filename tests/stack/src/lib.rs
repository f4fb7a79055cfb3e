//! The real parts on this machine: what stands in for MSK, RDS, S3 and Lambda in tests, and for people who want to look.
//!
//! Each part is a process of its own on free ports of the loopback address, with its files below `target/stack`. It ends
//! when its value is dropped, and when this process ends in whatever way. `make test` fetches the programs into `.tools`.

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

//! The programs that a developer or an operator runs: `conformance` and `smoke` on any API, `chaos` and `local-stack` on
//! services of this machine, which [`deployment`] starts. [`table_check`] reads what they write.

pub mod deployment;
pub mod table_check;

//! The programs that a developer or an operator runs: `conformance` and `smoke` on any API, `chaos` and `local-stack` on
//! services of this machine, which [`deployment`] starts.

pub mod deployment;

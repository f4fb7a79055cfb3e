//! What reads what strangers send, given bytes that nobody thought of, and held to how a simpler reader understands them.
//!
//! `cargo test` gives each target what is in `__fuzz__` and some bytes by chance; `make fuzz` searches for minutes, led by
//! which code is reached.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod archive;
mod compact;
mod envelope;
mod event;
mod front;
mod json;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "../support/recorder.rs"]
mod recorder;
mod row;
mod streamed;

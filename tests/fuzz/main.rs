//! Fuzz targets for the code that reads clients' bytes, each compared with a simpler reader.
//!
//! `cargo test` runs each target on the inputs in `__fuzz__` and on some random bytes; `make fuzz` searches for minutes,
//! guided by coverage.

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
mod streams;

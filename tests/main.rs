//! What the parts do together, one file a promise. One binary: it links once.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod support;

mod broker;
mod docs;
mod emulator;
mod events;
mod http;
mod keys;
mod lambda;
mod local;
mod properties;
mod validation;

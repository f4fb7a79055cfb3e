//! The cost of a record in `ingest` between event and Kafka: requests from [`payload`], records into [`Discard`].
//!
//! `cargo bench --package hot-path` measures the time, `make instructions` checks the number of instructions,
//! and `tests/allocations.rs` the allocations.

pub mod payload;

mod discard;

pub use discard::Discard;

use ingest::App;
use shared::metrics::Metrics;

/// The user id of the topics that [`app`] serves.
pub const USER_ID: &str = "u";

/// Returns `ingest` in front of [`Discard`].
///
/// # Panics
/// Never: [`USER_ID`] is valid.
#[must_use]
#[expect(clippy::expect_used, reason = "unwrap safety: a constant")]
pub fn app() -> App<Discard, Discard> {
    App::new(Discard, Discard, &USER_ID.parse().expect("a user id"), Metrics::default())
}

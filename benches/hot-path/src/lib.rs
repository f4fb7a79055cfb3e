//! The cost of a record in `ingest` between event and Kafka: requests from [`payload`], records into [`Discard`].
//!
//! `cargo bench --package hot-path` measures the time, `make instructions` checks the number of instructions.

pub mod payload;

mod discard;

pub use discard::Discard;

use axum::Router;
use ingest::App;
use shared::metrics::Metrics;

/// The user id of the topics that [`router`] serves.
pub const USER_ID: &str = "u";

/// Returns `ingest`'s routes, in front of [`Discard`].
///
/// # Panics
/// Never: [`USER_ID`] is valid.
#[expect(clippy::expect_used, reason = "unwrap safety: a constant")]
pub fn router(metrics: Metrics) -> Router {
    ingest::router(App::new(Discard, Discard, &USER_ID.parse().expect("a user id"), metrics))
}

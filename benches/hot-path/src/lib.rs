//! What a record costs `ingest` between event and Kafka: [`payload`] is sent, [`Discard`] takes it.
//!
//! `cargo bench --package hot-path` tells the time, `make instructions` holds the instructions.

pub mod payload;

mod discard;

pub use discard::Discard;

use axum::Router;
use ingest::App;
use shared::metrics::Metrics;

/// The user id of the topics that [`router`] serves.
pub const USER_ID: &str = "u";

/// `ingest`'s routes, in front of [`Discard`].
///
/// # Panics
/// Never: [`USER_ID`] is one.
#[expect(clippy::expect_used, reason = "unwrap safety: a constant")]
pub fn router(metrics: Metrics) -> Router {
    ingest::router(App::new(Discard, &USER_ID.parse().expect("a user id"), metrics))
}

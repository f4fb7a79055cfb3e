//! The time of day.

use chrono::Utc;

/// Returns the time in milliseconds since 1970.
#[expect(clippy::disallowed_methods, reason = "dates records and what the dashboard shows, decides nothing")]
pub(crate) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

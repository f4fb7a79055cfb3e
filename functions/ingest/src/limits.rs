//! How much a request may hold, and how long it may take.

use std::time::Duration;

use http::request::Parts;
use shared::{deadline::USUAL_TIME, kind::MAX_LISTED};
use tokio::time::Instant;

/// The largest body, before and after inflation, in bytes: what Lambda's 6 MB for a whole event can hold, everywhere.
pub const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// How much of a body that is too large is read and thrown away, in bytes. A client that is still sending does not read
/// its answer: it would see a broken pipe instead of the reason.
pub(crate) const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// The most records of one request. The answer has to fit into Lambda's 6 MB as well, and an entry of it takes up to
/// 150 bytes.
pub const MAX_RECORDS: usize = 40_000;

/// The most records of one v3 request, whose results take up to 600 bytes each.
pub const MAX_STREAMED_RECORDS: usize = 10_000;

/// The most headers of a record, which take more memory than room in a body.
pub const MAX_HEADERS: usize = 1_000;

/// The longest v3 cluster id that results echo, in characters; Kafka's own have 22.
pub const MAX_CLUSTER_ID: usize = 64;

/// The most entries of a v3 batch.
pub(crate) const MAX_BATCH_ENTRIES: usize = 10;

/// The longest id of a v3 batch entry, in characters.
pub(crate) const MAX_ENTRY_ID: usize = 80;

/// The time the cluster has to answer a metadata request. Many clients time out after 5 s.
pub(crate) const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// From which size on an answer is compressed for a client that takes it so, in bytes. The gateway does it on AWS.
pub const MIN_COMPRESSED_BYTES: u64 = 1024;

/// The most violations that an answer lists: those of one value may be all of them.
pub(crate) const MAX_VIOLATIONS: usize = MAX_LISTED;

/// When a request has to be answered. An extension of the request, set by whatever feeds the router.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// That of a request.
    pub(crate) fn of(parts: &Parts) -> Self {
        parts.extensions.get().copied().unwrap_or_else(Self::usual)
    }

    /// For a request that came by another way than an event.
    pub(crate) fn usual() -> Self {
        Self(Instant::now() + USUAL_TIME)
    }
}

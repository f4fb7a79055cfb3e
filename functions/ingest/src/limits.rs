//! Limits of size and time.

use std::time::Duration;

use shared::kind::MAX_LISTED;
use tokio::time::Instant;

/// The largest body in bytes, before and after inflation: Lambda's limit of 6 MB per event, applied everywhere.
pub const MAX_BODY_BYTES: usize = 6 * 1024 * 1024;

/// The most records per request. The response has to fit into Lambda's 6 MB too, and an entry takes up to 150 bytes.
pub const MAX_RECORDS: usize = 40_000;

/// The most records per v3 request, whose results take up to 600 bytes each.
pub const MAX_V3_RECORDS: usize = 10_000;

/// The most records per request to a stream, as in Kinesis.
pub const MAX_STREAM_RECORDS: usize = 500;

/// The most headers per record. They take more memory than bytes in the body.
pub const MAX_HEADERS: usize = 1_000;

/// The longest v3 cluster id that results echo, in characters; Kafka's own have 22.
pub const MAX_CLUSTER_ID_CHARS: usize = 64;

/// The most entries of a v3 batch.
pub(crate) const MAX_BATCH_ENTRIES: usize = 10;

/// The longest id of a v3 batch entry, in characters.
pub(crate) const MAX_ENTRY_ID_CHARS: usize = 80;

/// The time the cluster has to answer a metadata request. Many clients time out after 5 s.
pub(crate) const METADATA_TIMEOUT: Duration = Duration::from_secs(2);

/// The smallest response in bytes that `local` compresses. On AWS the gateway compresses.
pub const MIN_COMPRESSED_BYTES: u64 = 1024;

/// The most violations that a response lists; one value may have that many.
pub(crate) const MAX_VIOLATIONS: usize = MAX_LISTED;

/// The time by which a request needs its response. An extension of the request, which the caller of the router sets.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(pub Instant);

impl Deadline {
    /// [`REQUEST_TIMEOUT`](shared::deadline::REQUEST_TIMEOUT) from now: for requests whose caller set none.
    #[cfg(feature = "server")]
    pub(crate) fn default_for_request() -> Self {
        Self(Instant::now() + shared::deadline::REQUEST_TIMEOUT)
    }
}

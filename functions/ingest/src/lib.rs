//! The HTTP front: validates pin, geo and user records and writes them to Kafka.
//!
//! The path of a record, in the order to read the modules:
//!
//! 1. [`event`] reads the request in an API Gateway event. `local`, which serves HTTP, has the [`router()`] in its place;
//! 2. `dispatch` finds the endpoint in the table of `routes`, ignoring a stage in front of the path and extra slashes;
//! 3. `request` reads a produce request and inflates its `body` within limits;
//! 4. `produce` handles it: `media` negotiates types, `envelope` finds the records, `records` validates each and keeps its
//!    bytes, a [`Publish`] writes them;
//! 5. `response` reports the outcome of each record, [`error`] every failure of a request, and [`error_codes`] lists their codes.
//!
//! `streams` reads Kinesis' requests for the same topics, `read_back` returns records that were written.
//!
//! `openapi` describes the API to clients, and `page` shows it in a browser.
//!
//! [`Publish`]: shared::publish::Publish

mod advice;
mod app;
mod binary;
mod body;
mod cursor;
mod dispatch;
mod envelope;
pub mod error;
pub mod error_codes;
pub mod event;
mod failure;
mod headers;
mod limits;
mod media;
mod members;
mod metadata;
mod openapi;
mod page;
mod produce;
pub mod read_back;
mod records;
mod request;
mod response;
#[cfg(feature = "server")]
pub mod router;
mod routes;
#[cfg(feature = "function")]
pub mod settings;
pub mod status_policy;
mod streams;
mod topic;
mod v3;
pub mod violations;

pub use app::App;
pub use body::is_gzip;
pub use limits::{
    Deadline, MAX_BODY_BYTES, MAX_CLUSTER_ID_CHARS, MAX_HEADERS, MAX_RECORDS, MAX_STREAM_RECORDS, MAX_V3_RECORDS,
    MIN_COMPRESSED_BYTES,
};
#[cfg(feature = "server")]
pub use router::{discard, router};
#[cfg(feature = "function")]
pub use settings::Settings;
pub use status_policy::StatusPolicy;

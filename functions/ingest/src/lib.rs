//! The HTTP front: validates pin, geo and user records and writes them to Kafka.
//!
//! The path of a record, in the order to read the modules:
//!
//! 1. [`event`] turns an API Gateway event into an HTTP request (`local` serves HTTP and skips this step);
//! 2. [`router()`] finds the route, ignoring a stage in front of it and extra slashes;
//! 3. `request` reads a produce request and inflates its `body` within limits;
//! 4. `produce` handles it: `media` negotiates types, `envelope` finds the records, `records` validates each and keeps its
//!    bytes, a [`Publish`] writes them;
//! 5. `response` reports the outcome of each record, [`error`] every failure of a request, and [`status`] lists their codes.
//!
//! `openapi` describes the API to clients, and `page` shows it in a browser.
//!
//! [`Publish`]: shared::publish::Publish

mod advice;
mod app;
mod binary;
mod body;
mod envelope;
pub mod error;
pub mod event;
mod failure;
mod headers;
mod limits;
mod media;
mod members;
mod metadata;
mod openapi;
mod page;
mod path;
mod produce;
mod records;
mod request;
mod response;
pub mod router;
#[cfg(feature = "function")]
pub mod settings;
pub mod status;
pub mod status_policy;
mod target;
mod topic;
mod v3;
pub mod violations;

pub use app::App;
pub use body::{discard, is_gzip};
pub use limits::{
    Deadline, MAX_BODY_BYTES, MAX_CLUSTER_ID_CHARS, MAX_HEADERS, MAX_RECORDS, MAX_V3_RECORDS, MIN_COMPRESSED_BYTES,
};
pub use router::router;
#[cfg(feature = "function")]
pub use settings::Settings;
pub use status_policy::StatusPolicy;

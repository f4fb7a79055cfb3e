//! The page at `/`, which shows the running pipeline.
//!
//! [`state`] is what it shows. The counters are the functions' own metrics, sampled each second. Everything else is reported by the
//! components: [`recording`] sees the records that are written, which become [`posts`], [`intercept`] the requests that are
//! rejected, which become [`refusals`]; the archiver reports its [`objects`]. While a browser is connected, [`state`] builds one
//! event a second, the same for all of them; a slow browser skips events. [`mod@routes`] serves the events and the page's [`files`].

mod files;
mod intercept;
mod objects;
mod posts;
mod recording;
mod refusals;
mod routes;
mod setup;
mod state;

pub(crate) use intercept::record_rejection;
pub(crate) use recording::RecordingPublisher;
pub(crate) use routes::routes;
pub(crate) use setup::{Setup, rows};
pub(crate) use state::Dashboard;

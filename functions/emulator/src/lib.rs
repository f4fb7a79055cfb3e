//! Sends posts, as the course's script does: for each post, the three rows that share a join key, in the order pin, geo, user.
//!
//! [`source`] reads the rows, [`run`] validates them with `ingest`'s code, [`delivery`] writes them. Unlike the script, which
//! sends the same rows after each start, it has no fixed seed, unless [`order`] is the script's.

#[cfg(feature = "function")]
pub mod aws;
#[cfg(feature = "function")]
pub mod delivery;
pub mod order;
pub mod run;
#[cfg(feature = "function")]
pub mod secret;
#[cfg(feature = "function")]
pub mod settings;
pub mod source;
#[cfg(feature = "function")]
pub mod tick;

#[cfg(feature = "function")]
pub use aws::Aws;
#[cfg(feature = "function")]
pub use delivery::{Delivery, Publisher};
pub use order::Order;
pub use run::{Emulator, Report};
#[cfg(feature = "function")]
pub use settings::Settings;
pub use source::{DatabaseUrl, Source};

//! Sends random posts, as the course's script does: for each post, the three rows that share a join key, in the order pin,
//! geo, user.
//!
//! [`source`] draws the rows, [`run`] validates them with `ingest`'s code, [`delivery`] writes them. Unlike the script, which
//! sends the same rows after each start, it has no fixed seed.

pub mod aws;
pub mod delivery;
pub mod run;
pub mod settings;
pub mod source;
pub mod tick;

pub use aws::Aws;
pub use delivery::{Delivery, Publisher};
pub use run::{Emulator, Report};
pub use settings::Settings;
pub use source::{DatabaseUrl, Source};

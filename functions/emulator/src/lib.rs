//! Sends posts, as the course's script does: for each post, the three rows that share a join key, in the order pin, geo, user.
//!
//! [`source`] reads the rows, [`run`] validates them with `ingest`'s code, [`delivery`] writes them. Unlike the script, which
//! sends the same rows after each start, it has no fixed seed, unless [`order`] is the script's.

pub mod aws;
pub mod delivery;
pub mod order;
pub mod run;
pub mod settings;
pub mod source;
pub mod tick;

pub use aws::Aws;
pub use delivery::{Delivery, Publisher};
pub use order::Order;
pub use run::{Emulator, Report};
pub use settings::Settings;
pub use source::{DatabaseUrl, Source};

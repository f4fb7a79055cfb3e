//! Connections to MySQL, over verified TLS, with a password or an IAM token.
//!
//! A session uses the server's time zone, like a client without settings, so a `TIMESTAMP` reads the same in both.
//!
//! Each run opens a connection and closes it afterwards. A pooled connection would be dead after a freeze without any notice.
//! A token lives for 15 minutes, so each connection gets a new one.

mod authorities;
mod connection;
mod location;
mod token;

pub use authorities::{PrivateAuthorities, PrivateAuthoritiesError};
pub use connection::{Address, ConnectError, Database};
pub use location::{Location, LocationError};
pub use token::TokenError;

//! How MySQL is reached: over TLS that is verified, with a password or with a token of IAM's in its place.
//!
//! A session has the server's time zone, as that of a client without settings has: a `TIMESTAMP` reads the same in both.
//!
//! A connection is made for each run and closed after it. A kept one would be dead after a freeze without anybody noticing,
//! and a token lives for 15 minutes: each connection gets a new one.

use std::{
    borrow::Cow,
    error::Error,
    fmt, io,
    time::{Duration, SystemTime},
};

use sqlx::{
    ConnectOptions, MySqlConnection,
    mysql::{MySqlConnectOptions, MySqlDatabaseError, MySqlSslMode},
};
use tokio::time::timeout;

use crate::credentials::Signer;

mod authorities;
mod location;
mod token;

pub use authorities::{Authorities, AuthoritiesError};
pub use location::{Location, LocationError};
pub use token::TokenError;

/// How long a connection may take before the database counts as away.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A database, and who logs in to it.
#[derive(Clone)]
pub struct Database {
    options: MySqlConnectOptions,
    /// Signs a token in place of the password.
    signer: Option<Signer>,
}

/// The options hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.to_string()).finish()
    }
}

/// `user@host:port`
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.options.get_username(), self.address())
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum ConnectError {
    #[error("no database answered at {address} within {} s", within.as_secs())]
    NoResponse { address: String, within: Duration },
    #[error("the database at {address} cannot be reached")]
    Unreachable { address: String, source: sqlx::Error },
    #[error(
        "the TLS of the database at {address} cannot be trusted: `ssl-ca` names the authorities of a database that is not on \
         Amazon RDS, `ssl-mode` goes without"
    )]
    Tls { address: String, source: sqlx::Error },
    #[error("the database refuses {login}: check the user's name and password")]
    PasswordDenied { login: String, source: sqlx::Error },
    #[error(
        "the database refuses {login}: check that the user was made for IAM (AWSAuthenticationPlugin), that the role may \
         `rds-db:connect` as this user, and that the database is in {region}"
    )]
    TokenDenied { login: String, region: String, source: sqlx::Error },
    #[error("the database refuses {login}")]
    Refused { login: String, source: sqlx::Error },
    #[error("there is no token for {login}")]
    Token { login: String, source: TokenError },
}

impl ConnectError {
    /// Whether the database may only be away for now: it starts, or its name is not known yet.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::NoResponse { .. } | Self::Unreachable { .. })
    }
}

/// Where a database listens.
#[derive(Debug, Clone)]
pub struct Address {
    /// A name or an IP address. TLS is verified against it.
    pub host: String,
    /// 3306 as a rule.
    pub port: u16,
}

impl Database {
    /// A server of databases that `user` logs in to by `password`, over TLS that `authorities` vouch for.
    #[must_use]
    pub fn with_password(address: &Address, user: &str, password: &str, authorities: Authorities) -> Self {
        let options = MySqlConnectOptions::new()
            .host(plain_host(&address.host))
            .port(address.port)
            .username(user)
            .password(password);
        let options = options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca_from_pem(authorities.into_pem());
        Self { options, signer: None }
    }

    /// The same database, and another user who logs in to it by `password`.
    #[must_use]
    pub fn with_login(&self, user: &str, password: &str) -> Self {
        Self { options: self.options.clone().username(user).password(password), signer: None }
    }

    /// Connects. A token is made for this connection alone.
    ///
    /// # Errors
    /// When the database is away, cannot prove who it is, or refuses the user.
    pub async fn connect(&self) -> Result<MySqlConnection, ConnectError> {
        // sqlx would set UTC.
        let mut options = self.options.clone().timezone(None);
        if let Some(signer) = &self.signer {
            let (host, port, user) = (url_host(options.get_host()), options.get_port(), options.get_username());
            #[expect(clippy::disallowed_methods, reason = "a token holds the time of day at which it was signed")]
            let token = token::sign(signer, &host, port, user, SystemTime::now())
                .map_err(|source| ConnectError::Token { login: self.to_string(), source })?;
            // The server asks for it in clear text: `Location` sees to TLS that is verified.
            options = options.password(&token).enable_cleartext_plugin(true);
        }
        match timeout(CONNECT_TIMEOUT, options.connect()).await {
            Ok(connected) => connected.map_err(|error| self.explain(error)),
            Err(_) => Err(ConnectError::NoResponse { address: self.address(), within: CONNECT_TIMEOUT }),
        }
    }

    fn address(&self) -> String {
        match self.options.get_socket() {
            Some(socket) => socket.display().to_string(),
            None => format!("{}:{}", url_host(self.options.get_host()), self.options.get_port()),
        }
    }

    fn explain(&self, source: sqlx::Error) -> ConnectError {
        let (address, login) = (self.address(), self.to_string());
        match &source {
            sqlx::Error::Tls(_) => ConnectError::Tls { address, source },
            sqlx::Error::Io(error) if is_tls(error) => ConnectError::Tls { address, source },
            sqlx::Error::Io(error) if error.kind() != io::ErrorKind::InvalidData => {
                ConnectError::Unreachable { address, source }
            }
            sqlx::Error::Database(error) => match error
                .try_downcast_ref::<MySqlDatabaseError>()
                .map(MySqlDatabaseError::number)
            {
                Some(ER_ACCESS_DENIED | ER_ACCESS_DENIED_NO_PASSWORD) => match &self.signer {
                    Some(Signer { region, .. }) => ConnectError::TokenDenied { login, region: region.clone(), source },
                    None => ConnectError::PasswordDenied { login, source },
                },
                Some(ER_SERVER_SHUTDOWN) => ConnectError::Unreachable { address, source },
                _ => ConnectError::Refused { login, source },
            },
            _ => ConnectError::Refused { login, source },
        }
    }
}

/// A host as sockets and certificates take it: an IPv6 address without the brackets that it has in a URL.
fn plain_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// A host as it stands before a port.
fn url_host(host: &str) -> Cow<'_, str> {
    if host.contains(':') { format!("[{host}]").into() } else { host.into() }
}

/// rustls's reason arrives in an I/O error.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

// Of MySQL's and MariaDB's list of server errors.
const ER_ACCESS_DENIED: u16 = 1045;
const ER_SERVER_SHUTDOWN: u16 = 1053;
const ER_ACCESS_DENIED_NO_PASSWORD: u16 = 1698;

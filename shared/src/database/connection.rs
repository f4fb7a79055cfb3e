//! Connecting, and the reasons why it fails.

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

use super::{
    authorities::PrivateAuthorities,
    token::{self, TokenError},
};
use crate::credentials::Signer;

/// The time for connecting, after which the database counts as unavailable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A database and the user who logs in to it.
#[derive(Clone)]
pub struct Database {
    pub(super) options: MySqlConnectOptions,
    /// Signs a token that replaces the password.
    pub(super) signer: Option<Signer>,
}

/// Omits the options, which hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Database").field(&self.to_string()).finish()
    }
}

/// Formats as `user@host:port`.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.options.get_username(), self.address())
    }
}

/// The reason why there is no connection.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum ConnectError {
    #[error("no database responded at {address} within {} s", within.as_secs())]
    NoResponse { address: String, within: Duration },
    #[error("the database at {address} cannot be reached")]
    Unreachable { address: String, source: sqlx::Error },
    #[error(
        "the TLS of the database at {address} cannot be trusted: `ssl-ca` names the authorities of a database outside of \
         Amazon RDS, `ssl-mode` turns verification off"
    )]
    Tls { address: String, source: sqlx::Error },
    #[error("the database refuses {login}: check the user's name and password")]
    PasswordDenied { login: String, source: sqlx::Error },
    #[error(
        "the database refuses {login}: check that the user was created for IAM (AWSAuthenticationPlugin), that the role may \
         `rds-db:connect` as this user, and that the database is in {region}"
    )]
    TokenDenied { login: String, region: String, source: sqlx::Error },
    #[error("the database refuses {login}")]
    Refused { login: String, source: sqlx::Error },
    #[error("there is no token for {login}")]
    Token { login: String, source: TokenError },
}

impl ConnectError {
    /// Returns whether the database may only be unavailable for now: it starts, or its name does not resolve yet.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::NoResponse { .. } | Self::Unreachable { .. })
    }
}

/// The address of a database.
#[derive(Debug, Clone)]
pub struct Address {
    /// The name or IP address, which TLS verifies.
    pub host: String,
    /// The port, usually 3306.
    pub port: u16,
}

impl Database {
    /// Creates a database that `user` logs in to with `password`, over TLS that `authorities` verify.
    #[must_use]
    pub fn with_password(address: &Address, user: &str, password: &str, authorities: PrivateAuthorities) -> Self {
        let options = MySqlConnectOptions::new()
            .host(plain_host(&address.host))
            .port(address.port)
            .username(user)
            .password(password);
        let options = options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca_from_pem(authorities.into_pem());
        Self { options, signer: None }
    }

    /// The same database with another user, who logs in with `password`.
    #[must_use]
    pub fn with_login(&self, user: &str, password: &str) -> Self {
        Self { options: self.options.clone().username(user).password(password), signer: None }
    }

    /// Connects. IAM logins use a new token each time.
    ///
    /// # Errors
    /// When the database is unavailable, fails TLS verification, or rejects the user.
    pub async fn connect(&self) -> Result<MySqlConnection, ConnectError> {
        // sqlx sets UTC by default.
        let mut options = self.options.clone().timezone(None);
        if let Some(signer) = &self.signer {
            let (host, port, user) = (url_host(options.get_host()), options.get_port(), options.get_username());
            #[expect(clippy::disallowed_methods, reason = "a token contains the time of day of its signature")]
            let token = token::sign(signer, &host, port, user, SystemTime::now())
                .map_err(|source| ConnectError::Token { login: self.to_string(), source })?;
            // The server requests the token in clear text: `Location` ensures verified TLS.
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

/// The host for sockets and certificates: an IPv6 address without the brackets of a URL.
pub(super) fn plain_host(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

/// The host for a URL: an IPv6 address with brackets.
fn url_host(host: &str) -> Cow<'_, str> {
    if host.contains(':') { format!("[{host}]").into() } else { host.into() }
}

/// Returns whether the error is rustls's, which sqlx wraps in an I/O error.
fn is_tls(error: &io::Error) -> bool {
    error.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
}

// Server error numbers of MySQL and MariaDB.
const ER_ACCESS_DENIED: u16 = 1045;
const ER_SERVER_SHUTDOWN: u16 = 1053;
const ER_ACCESS_DENIED_NO_PASSWORD: u16 = 1698;

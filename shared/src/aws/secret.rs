//! Database logins in Secrets Manager.

use std::{fmt, time::Duration};

use aws_sdk_secretsmanager::Client;
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

use super::AwsError;

/// The time for reading a secret. The SDK has no timeout for a whole request.
const READ_TIMEOUT: Duration = Duration::from_secs(10);

/// A text that `Debug` hides. It serializes as plain text, because a function sends it to another one.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The text itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A database user, in the form in which RDS stores its own in Secrets Manager.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The user's name.
    pub username: String,
    /// The user's password.
    pub password: Secret,
}

/// The reason why there is no login. No variant holds a password.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum SecretError {
    #[error("the secret {arn} cannot be read")]
    Refused { arn: String, source: AwsError },
    #[error("Secrets Manager did not respond for {arn}: a function in a VPC cannot reach it, so run this one outside")]
    NoResponse { arn: String },
    #[error("the secret {arn} holds no text")]
    NoText { arn: String },
    #[error("the secret {arn} is not one with a `username` and a `password`, as RDS stores it for a user")]
    NotALogin { arn: String, source: Unreadable },
}

/// Reads the login in the secret `arn`.
///
/// # Errors
/// When AWS does not return it, or the secret has another form.
pub async fn read(client: &Client, arn: &str) -> Result<Login, SecretError> {
    let arn = || arn.to_owned();
    let secret = timeout(READ_TIMEOUT, client.get_secret_value().secret_id(arn()).send()).await;
    let secret = secret.map_err(|_| SecretError::NoResponse { arn: arn() })?;
    let secret = secret.map_err(|error| SecretError::Refused { arn: arn(), source: AwsError::of(&error) })?;
    let text = secret.secret_string().ok_or_else(|| SecretError::NoText { arn: arn() })?;
    serde_json::from_str(text)
        .map_err(|error| SecretError::NotALogin { arn: arn(), source: Unreadable::new("the secret", &error) })
}

/// The position of an error in JSON that may hold a password, without any of its text.
#[derive(Debug)]
pub struct Unreadable {
    what: &'static str,
    line: usize,
    column: usize,
}

impl Unreadable {
    /// The position of `error` in `what`.
    #[must_use]
    pub fn new(what: &'static str, error: &serde_json::Error) -> Self {
        Self { what, line: error.line(), column: error.column() }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, line, column } = self;
        write!(f, "{what} is not as expected")?;
        // serde_json has no position for a value that was parsed before.
        if *line > 0 { write!(f, ", at line {line}, column {column}") } else { Ok(()) }
    }
}

impl std::error::Error for Unreadable {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_a_login_nor_its_error_shows_the_password() {
        let login: Login =
            serde_json::from_str(r#"{"username":"admin","password":"s3cret","engine":"mysql"}"#).unwrap();
        assert_eq!(format!("{login:?}"), r#"Login { username: "admin", password: … }"#);
        assert_eq!(login.password.reveal(), "s3cret");
        for wrong in [r#""s3cret""#, r#"{"username":"admin","password":["s3cret"]}"#, r#"{"s3cret":1}"#, "s3cret"] {
            let error = serde_json::from_str::<Login>(wrong).unwrap_err();
            let error = Unreadable::new("the secret", &error);
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
        }
    }
}

//! A log-in that Secrets Manager keeps: read when it is first needed, and again when the database refuses it.

use std::{fmt, str::FromStr};

use aws_sdk_secretsmanager::Client;
use shared::{
    aws::secret::{self, Login, SecretError},
    database::{ConnectError, Database},
};
use sqlx::MySqlConnection;
use tokio::sync::{Mutex, OnceCell};

use super::SourceError;
use crate::aws::Aws;

/// The ARN of a secret that holds a `username` and a `password`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretArn(String);

/// A text that is no ARN of a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an ARN of Secrets Manager: `arn:aws:secretsmanager:…:secret:…`")]
pub struct NoSecret;

impl FromStr for SecretArn {
    type Err = NoSecret;

    fn from_str(text: &str) -> Result<Self, NoSecret> {
        let is_one = text.starts_with("arn:") && text.contains(":secretsmanager:") && text.contains(":secret:");
        if is_one { Ok(Self(text.to_owned())) } else { Err(NoSecret) }
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The log-in of a secret.
#[derive(Debug)]
pub(super) struct KeptLogin {
    arn: SecretArn,
    aws: Aws,
    client: OnceCell<Client>,
    /// The last one that the database took.
    login: Mutex<Option<Login>>,
}

impl KeptLogin {
    pub(super) fn new(arn: SecretArn, aws: Aws) -> Self {
        Self { arn, aws, client: OnceCell::new(), login: Mutex::default() }
    }

    /// Connects to `database` with it. A secret that was rotated is read again: the database refuses the old one.
    pub(super) async fn connect(&self, database: &Database) -> Result<MySqlConnection, SourceError> {
        let with = |login: &Login| database.with_login(&login.username, login.password.reveal());
        let mut kept = self.login.lock().await;
        if let Some(login) = &*kept {
            match with(login).connect().await {
                Err(ConnectError::PasswordDenied { .. }) => tracing::info!("the secret is read again: it was rotated"),
                connection => return Ok(connection?),
            }
        }
        // Boxed: the SDK's futures are large.
        let login = Box::pin(self.read()).await?;
        let connection = with(&login).connect().await?;
        *kept = Some(login);
        Ok(connection)
    }

    async fn read(&self) -> Result<Login, SecretError> {
        let client = self.client.get_or_init(async || Client::new(self.aws.config().await)).await;
        secret::read(client, &self.arn.0).await
    }
}

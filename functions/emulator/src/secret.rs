//! A database's login in Secrets Manager. It is cached until the database refuses it.

use std::{fmt, str::FromStr};

use aws_sdk_secretsmanager::Client;
use futures::{FutureExt, future::BoxFuture};
use shared::{
    aws::secret::{self, Login, SecretError},
    database::{ConnectError, Database},
};
use sqlx::MySqlConnection;
use tokio::sync::{Mutex, OnceCell};

use crate::{
    aws::Aws,
    source::{Connect, Source, SourceError},
};

/// The ARN of a secret that holds a `username` and a `password`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretArn(String);

/// The error of parsing a [`SecretArn`]. It does not quote the text, which may be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a secret in Secrets Manager: `arn:aws:secretsmanager:…:secret:…`")]
pub struct SecretArnError;

impl FromStr for SecretArn {
    type Err = SecretArnError;

    fn from_str(text: &str) -> Result<Self, SecretArnError> {
        let is_secret = text.starts_with("arn:") && text.contains(":secretsmanager:") && text.contains(":secret:");
        if is_secret { Ok(Self(text.to_owned())) } else { Err(SecretArnError) }
    }
}

impl fmt::Display for SecretArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A secret's login.
#[derive(Debug)]
struct SecretLogin {
    arn: SecretArn,
    aws: Aws,
    client: OnceCell<Client>,
    /// The last login that the database accepted.
    accepted: Mutex<Option<Login>>,
}

impl Source {
    /// Logs in to the database with `secret`, if there is one. The first draw reads it through `aws`.
    #[must_use]
    pub fn with_secret(self, secret: Option<SecretArn>, aws: &Aws) -> Self {
        let Some(arn) = secret else { return self };
        self.with_login(SecretLogin { arn, aws: aws.clone(), client: OnceCell::new(), accepted: Mutex::default() })
    }
}

impl Connect for SecretLogin {
    /// Reads the secret again when the database refuses the cached login, as after a rotation.
    fn connect<'a>(&'a self, database: &'a Database) -> BoxFuture<'a, Result<MySqlConnection, SourceError>> {
        let with = |login: &Login| database.with_login(&login.username, login.password.reveal());
        async move {
            let mut accepted = self.accepted.lock().await;
            if let Some(login) = &*accepted {
                match with(login).connect().await {
                    Err(ConnectError::PasswordDenied { .. }) => {
                        tracing::info!("login refused: reading the secret again");
                    }
                    connection => return Ok(connection?),
                }
            }
            let login = self.read().await.map_err(|error| SourceError::Login(error.into()))?;
            let connection = with(&login).connect().await?;
            *accepted = Some(login);
            Ok(connection)
        }
        .boxed()
    }
}

impl SecretLogin {
    async fn read(&self) -> Result<Login, SecretError> {
        let client = self.client.get_or_init(async || Client::new(self.aws.config().await)).await;
        secret::read(client, &self.arn.0).await
    }
}

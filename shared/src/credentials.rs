//! AWS credentials, read from the environment like any setting. Lambda sets those of the function's role.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use chrono::{DateTime, Utc};

use crate::settings::{Reader, Variable};

// Lambda and the AWS CLI's `export-credentials` use these names.
static AWS_REGION: Variable = Variable { name: "AWS_REGION", default: None, meaning: "the region" };
static AWS_ACCESS_KEY_ID: Variable =
    Variable { name: "AWS_ACCESS_KEY_ID", default: None, meaning: "the access key that signs" };
static AWS_SECRET_ACCESS_KEY: Variable =
    Variable { name: "AWS_SECRET_ACCESS_KEY", default: None, meaning: "the access key's secret" };
static AWS_SESSION_TOKEN: Variable =
    Variable { name: "AWS_SESSION_TOKEN", default: Some(""), meaning: "the session token of temporary credentials" };
static AWS_CREDENTIAL_EXPIRATION: Variable = Variable {
    name: "AWS_CREDENTIAL_EXPIRATION",
    default: Some(""),
    meaning: "the expiry of temporary credentials, as in 2026-01-31T12:00:00Z",
};

/// The variables that Lambda sets, and those that `export-credentials` adds.
pub const VARIABLES: &[&Variable] =
    &[&AWS_REGION, &AWS_ACCESS_KEY_ID, &AWS_SECRET_ACCESS_KEY, &AWS_SESSION_TOKEN, &AWS_CREDENTIAL_EXPIRATION];

/// Credentials that sign, and the region they sign for.
#[derive(Clone)]
pub struct Signer {
    /// The region, as in `eu-west-1`.
    pub region: String,
    /// The credentials, with their expiry if they have one.
    pub credentials: Credentials,
}

/// The credentials have expired: AWS would reject what they sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the AWS credentials expired {} s ago", ago.as_secs())]
pub struct Expired {
    /// The time since the expiry.
    pub ago: Duration,
}

/// Omits key and secret.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads the AWS variables; `None` means that the reader recorded a problem.
    pub fn read<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Self> {
        let region = reader.read::<String>(&AWS_REGION);
        let access_key = reader.read::<String>(&AWS_ACCESS_KEY_ID);
        let secret = reader.read::<String>(&AWS_SECRET_ACCESS_KEY);
        let session_token = reader.read::<String>(&AWS_SESSION_TOKEN)?;
        let Expiration(expiration) = reader.read(&AWS_CREDENTIAL_EXPIRATION)?;
        let session_token = Some(session_token).filter(|token| !token.is_empty());
        let credentials = Credentials::new(access_key?, secret?, session_token, expiration, "environment");
        Some(Self { region: region?, credentials })
    }

    /// The credentials, if they are valid at `now`.
    ///
    /// # Errors
    /// When they have expired.
    pub fn credentials_at(&self, now: SystemTime) -> Result<&Credentials, Expired> {
        match self.credentials.expiry().and_then(|expiry| now.duration_since(expiry).ok()) {
            Some(ago) => Err(Expired { ago }),
            None => Ok(&self.credentials),
        }
    }
}

struct Expiration(Option<SystemTime>);

impl FromStr for Expiration {
    type Err = chrono::ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self(None));
        }
        Ok(Self(Some(text.parse::<DateTime<Utc>>()?.into())))
    }
}

//! AWS credentials, read from the environment like any setting: Lambda puts its role's there.

use std::{
    fmt,
    str::FromStr,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use chrono::{DateTime, Utc};

use crate::settings::{Reader, Variable};

// The names are Lambda's, and those of the AWS command line's `export-credentials`.
static AWS_REGION: Variable = Variable { name: "AWS_REGION", default: None, meaning: "the region" };
static AWS_ACCESS_KEY_ID: Variable =
    Variable { name: "AWS_ACCESS_KEY_ID", default: None, meaning: "the access key that logs in" };
static AWS_SECRET_ACCESS_KEY: Variable =
    Variable { name: "AWS_SECRET_ACCESS_KEY", default: None, meaning: "the access key's secret" };
static AWS_SESSION_TOKEN: Variable =
    Variable { name: "AWS_SESSION_TOKEN", default: Some(""), meaning: "the session token of temporary credentials" };
static AWS_CREDENTIAL_EXPIRATION: Variable = Variable {
    name: "AWS_CREDENTIAL_EXPIRATION",
    default: Some(""),
    meaning: "when temporary credentials end, as in 2026-01-31T12:00:00Z",
};

/// What Lambda sets, and what `export-credentials` adds to it.
pub const VARIABLES: &[&Variable] =
    &[&AWS_REGION, &AWS_ACCESS_KEY_ID, &AWS_SECRET_ACCESS_KEY, &AWS_SESSION_TOKEN, &AWS_CREDENTIAL_EXPIRATION];

/// Who signs, and for which region.
#[derive(Clone)]
pub struct Signer {
    /// The region, as in `eu-west-1`.
    pub region: String,
    /// The key. It may hold the time of its end.
    pub credentials: Credentials,
}

/// The credentials have ended: what they sign would be refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the AWS credentials ended {} s ago", ago.as_secs())]
pub struct Expired {
    /// How long ago.
    pub ago: Duration,
}

/// Shows neither key nor secret.
impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("region", &self.region).finish_non_exhaustive()
    }
}

impl Signer {
    /// Reads AWS's variables; `None` means that the reader noted a problem.
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

    /// The credentials, to sign with at `now`.
    ///
    /// # Errors
    /// When they ended before.
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

//! IAM authentication to Kafka: a token in place of a password.

use std::{fmt, time::SystemTime};

use crate::credentials::{Expired, Signer};

#[cfg(feature = "msk-iam")]
mod msk;
#[cfg(not(feature = "msk-iam"))]
mod msk {
    use aws_credential_types::Credentials;

    use super::{SystemTime, TokenError};

    pub(super) fn sign(_: &str, _: &Credentials) -> Result<(String, SystemTime), TokenError> {
        Err(TokenError::Signer("this program was built without the feature `msk-iam`".into()))
    }
}

/// A token for a broker: a signed URL, valid for 15 minutes.
#[derive(Clone)]
pub struct Token {
    /// The token as the broker expects it.
    pub value: String,
    /// The expiry: 15 minutes after the signature, or that of the credentials if it is sooner.
    pub expiry: SystemTime,
}

/// Omits the token, because anyone who has it can authenticate.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expiry", &self.expiry).finish_non_exhaustive()
    }
}

/// The reason why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The credentials have expired, so brokers would reject their token.
    #[error(transparent)]
    Expired(#[from] Expired),
    /// The signing library failed.
    #[error("the authentication token cannot be signed")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Signs a token for the clusters of the signer's region, in a tenth of a millisecond and without a request.
///
/// # Errors
/// When the credentials have expired at `now`, or cannot sign.
pub fn token(signer: &Signer, now: SystemTime) -> Result<Token, TokenError> {
    let credentials = signer.credentials_at(now)?;
    let credentials_expiry = credentials.expiry();
    let (value, expiry) = msk::sign(&signer.region, credentials)?;
    Ok(Token { value, expiry: credentials_expiry.map_or(expiry, |credentials_expiry| credentials_expiry.min(expiry)) })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_credential_types::Credentials;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;
    use crate::testing::everything_logged;

    const SECRET: &str = "s3cret";

    fn signer(expiry: Option<SystemTime>) -> Signer {
        let credentials = Credentials::new("AKIA", SECRET, Some("t0/ken+".to_owned()), expiry, "test");
        Signer { region: "eu-west-1".to_owned(), credentials }
    }

    #[expect(clippy::disallowed_methods, reason = "the library reads the clock itself")]
    fn now() -> SystemTime {
        SystemTime::now()
    }

    #[test]
    fn a_token_is_a_signed_url_for_the_regions_clusters() {
        let token = token(&signer(None), now()).unwrap();
        let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(&token.value).unwrap()).unwrap();
        assert!(url.starts_with("https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&"), "{url}");
        assert!(url.contains("X-Amz-Security-Token=t0%2Fken%2B"), "{url}");
        let left = token.expiry.duration_since(now()).unwrap();
        assert!(left <= Duration::from_mins(15) && left > Duration::from_secs(890), "{left:?}");
    }

    #[test]
    fn a_token_expires_with_the_credentials_that_signed_it() {
        let end = now() + Duration::from_mins(1);
        assert_eq!(token(&signer(Some(end)), now()).unwrap().expiry, end);
        let error = token(&signer(Some(end)), end + Duration::from_secs(5)).unwrap_err();
        assert_eq!(error.to_string(), "the AWS credentials expired 5 s ago");
    }

    #[test]
    fn no_log_level_reveals_a_token() {
        let mut signed = None;
        let log = everything_logged(|| signed = Some(token(&signer(None), now()).unwrap()));
        for secret in ["X-Amz-Signature=", &signed.unwrap().value, "t0/ken+", "t0%2Fken%2B", SECRET] {
            assert!(!log.contains(secret), "{secret}: {log}");
        }
    }
}

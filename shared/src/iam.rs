//! Logging in to Kafka by IAM: a token in place of a password.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_msk_iam_sasl_signer::generate_auth_token_from_credentials_provider;
use aws_types::region::Region;
use futures::FutureExt;
use tracing::subscriber::{NoSubscriber, with_default};

/// Who logs in.
#[derive(Clone)]
pub struct Identity {
    region: Region,
    credentials: SharedCredentialsProvider,
}

/// Shows neither key nor secret.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("region", &self.region).finish_non_exhaustive()
    }
}

/// What is shown to a broker: a URL that is signed for 15 minutes.
#[derive(Clone)]
pub struct Token {
    /// As it goes to the broker.
    pub value: String,
    /// When it ends: 15 minutes after it was made, or with the credentials if that is sooner.
    pub expiry: SystemTime,
}

/// Hides the token: who has it can log in.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("expiry", &self.expiry).finish_non_exhaustive()
    }
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The credentials have ended: a token of theirs would be refused.
    #[error("the AWS credentials ended {} s ago", ago.as_secs())]
    Expired {
        /// How long ago.
        ago: Duration,
    },
    /// The signer's own reason.
    #[error("the log-in token cannot be signed")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Identity {
    /// Logs in to the clusters of `region` with `credentials` that are at hand: nobody is asked for them.
    #[must_use]
    pub fn new(region: &str, credentials: impl ProvideCredentials + 'static) -> Self {
        Self { region: Region::new(region.to_owned()), credentials: SharedCredentialsProvider::new(credentials) }
    }

    /// Makes a token, in a tenth of a millisecond.
    ///
    /// # Errors
    /// When the credentials ended before `now`, or cannot sign.
    pub fn token(&self, now: SystemTime) -> Result<Token, TokenError> {
        let credentials = at_once(self.credentials.provide_credentials())?;
        let end = credentials.expiry();
        if let Some(ago) = end.and_then(|end| now.duration_since(end).ok()) {
            return Err(TokenError::Expired { ago });
        }
        let credentials = SharedCredentialsProvider::new(credentials);
        let signing = generate_auth_token_from_credentials_provider(self.region.clone(), credentials);
        // The signer logs what it signs, the session token included.
        let (value, expiry_ms) = with_default(NoSubscriber::default(), || at_once(signing))?;
        let expiry = UNIX_EPOCH + Duration::from_millis(expiry_ms.try_into().unwrap_or(0));
        Ok(Token { value, expiry: end.map_or(expiry, |end| end.min(expiry)) })
    }
}

/// There is nothing to wait for, and librdkafka's thread could not.
fn at_once<T, E>(work: impl Future<Output = Result<T, E>>) -> Result<T, TokenError>
where
    E: std::error::Error + Send + Sync + 'static,
{
    match work.now_or_never() {
        Some(done) => done.map_err(|error| TokenError::Signer(error.into())),
        None => Err(TokenError::Signer("the credentials are not at hand".into())),
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;
    use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

    use super::*;

    fn identity(expiry: Option<SystemTime>) -> Identity {
        Identity::new("eu-west-1", Credentials::new("AKIA", "s3cret", Some("t0/ken+".to_owned()), expiry, "test"))
    }

    #[expect(clippy::disallowed_methods, reason = "the signer reads the clock itself")]
    fn now() -> SystemTime {
        SystemTime::now()
    }

    #[test]
    fn a_token_is_a_signed_url_for_the_regions_clusters() {
        let token = identity(None).token(now()).unwrap();
        let url = String::from_utf8(BASE64_URL_SAFE_NO_PAD.decode(&token.value).unwrap()).unwrap();
        assert!(url.starts_with("https://kafka.eu-west-1.amazonaws.com/?Action=kafka-cluster%3AConnect&"), "{url}");
        assert!(url.contains("X-Amz-Security-Token=t0%2Fken%2B"), "{url}");
        let left = token.expiry.duration_since(now()).unwrap();
        assert!(left <= Duration::from_mins(15) && left > Duration::from_secs(890), "{left:?}");
    }

    #[test]
    fn a_token_ends_with_the_credentials_that_signed_it() {
        let end = now() + Duration::from_mins(1);
        assert_eq!(identity(Some(end)).token(now()).unwrap().expiry, end);
        let error = identity(Some(end)).token(end + Duration::from_secs(5)).unwrap_err();
        assert_eq!(error.to_string(), "the AWS credentials ended 5 s ago");
    }
}

//! Signs tokens with AWS's library.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::{Credentials, provider::SharedCredentialsProvider};
use aws_msk_iam_sasl_signer::generate_auth_token_from_credentials_provider;
use aws_types::region::Region;
use futures::FutureExt;
use tracing::subscriber::{NoSubscriber, with_default};

use super::TokenError;

/// Returns a token and its expiry.
pub(super) fn sign(region: &str, credentials: &Credentials) -> Result<(String, SystemTime), TokenError> {
    let region = Region::new(region.to_owned());
    let signing =
        generate_auth_token_from_credentials_provider(region, SharedCredentialsProvider::new(credentials.clone()));
    // The library logs its input, the session token included. Its future is ready at once; librdkafka's thread could not wait.
    let signed = with_default(NoSubscriber::default(), || signing.now_or_never());
    let (value, expiry_ms) = signed
        .ok_or_else(|| TokenError::Signer("the signature is not ready at once".into()))?
        .map_err(|error| TokenError::Signer(error.into()))?;
    let expiry_ms = u64::try_from(expiry_ms).map_err(|error| TokenError::Signer(error.into()))?;
    Ok((value, UNIX_EPOCH + Duration::from_millis(expiry_ms)))
}

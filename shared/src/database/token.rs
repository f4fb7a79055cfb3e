//! The token that RDS accepts in place of a password: a signed request that is never sent.
//! See [Connecting with IAM authentication](https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.Connecting.html).

use std::time::{Duration, SystemTime};

use aws_sigv4::{
    http_request::{
        SignableBody, SignableRequest, SignatureLocation, SigningError, SigningSettings, sign as sign_request,
    },
    sign::v4,
};
use http::{Request, Uri};
use tracing::subscriber::{NoSubscriber, with_default};

use crate::credentials::{Expired, Signer};

/// The longest lifetime that RDS allows. It limits the login, not the connection.
const LIFETIME: Duration = Duration::from_mins(15);

/// The reason why there is no token.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum TokenError {
    #[error(transparent)]
    Expired(#[from] Expired),
    #[error("{host} cannot be part of a URL")]
    Host { host: String, source: http::Error },
    #[error("the token cannot be signed")]
    Signer(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl From<SigningError> for TokenError {
    fn from(error: SigningError) -> Self {
        Self::Signer(error.into())
    }
}

/// Signs a token for one login of `user`, without a request to AWS.
pub(super) fn sign(signer: &Signer, host: &str, port: u16, user: &str, now: SystemTime) -> Result<String, TokenError> {
    let identity = signer.credentials_at(now)?.clone().into();
    // The user's name needs no escaping: `Location` ensures that.
    let url = format!("https://{host}:{port}/?Action=connect&DBUser={user}");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(LIFETIME);
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&signer.region)
        .name("rds-db")
        .time(now)
        .settings(settings)
        .build()
        .map_err(|error| TokenError::Signer(error.into()))?;
    let mut request =
        Request::get(&url).body(()).map_err(|source| TokenError::Host { host: host.to_owned(), source })?;
    let signable = SignableRequest::new("GET", &url, [].into_iter(), SignableBody::Bytes(&[]))?;
    // At TRACE the library logs its input, the session token included.
    let signed = with_default(NoSubscriber::default(), || sign_request(signable, &params.into()));
    let (instructions, _) = signed?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Ok(without_scheme(request.uri()))
}

fn without_scheme(url: &Uri) -> String {
    url.to_string().replacen("https://", "", 1)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    /// 2026-01-31T12:00:00Z
    fn now() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(491_628)
    }

    fn signer(session_token: Option<&str>, expiry: Option<SystemTime>) -> Signer {
        let session_token = session_token.map(str::to_owned);
        let credentials = Credentials::new("AKIDEXAMPLE", "s3cret/key+", session_token, expiry, "test");
        Signer { region: "eu-west-1".to_owned(), credentials }
    }

    /// Sorts the parameters by name: signers put the session token before the signature or after it.
    fn sorted(token: &str) -> (String, Vec<String>) {
        let (address, query) = token.split_once('?').unwrap();
        let mut parameters: Vec<String> = query.split('&').map(str::to_owned).collect();
        parameters.sort_unstable();
        (address.to_owned(), parameters)
    }

    // The output of `generate_db_auth_token` of botocore 1.43.11 with a fixed clock.
    const BEGIN: &str = "db.abc.eu-west-1.rds.amazonaws.com:3306/?Action=connect&DBUser=emulator\
        &X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20260131%2Feu-west-1%2Frds-db%2Faws4_request\
        &X-Amz-Date=20260131T120000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host";
    const SIGNATURE: &str = "&X-Amz-Signature=d9f4a872660064ef7323a0870b6601d9440d321cc5e68e6db7667542c4bf8a02";
    const WITH_SESSION: &str = "&X-Amz-Security-Token=t0%2Fken%2B%3D%3D\
        &X-Amz-Signature=60cbe516910c443c73a82b5712a4a4cfa4dcd9a2c213a75ec73f9c53aa15c9d9";

    #[test]
    fn a_token_equals_that_of_amazons_own_client() {
        for (session_token, end) in [(None, SIGNATURE), (Some("t0/ken+=="), WITH_SESSION)] {
            let signer = signer(session_token, None);
            let token = sign(&signer, "db.abc.eu-west-1.rds.amazonaws.com", 3306, "emulator", now()).unwrap();
            assert_eq!(sorted(&token), sorted(&format!("{BEGIN}{end}")));
        }
    }

    #[test]
    fn expired_credentials_sign_nothing() {
        let error = sign(&signer(None, Some(now() - Duration::from_secs(9))), "db", 1, "u", now()).unwrap_err();
        assert_eq!(error.to_string(), "the AWS credentials expired 9 s ago");
    }

    #[test]
    fn an_error_names_the_host_that_no_url_can_contain() {
        let error = sign(&signer(None, None), "a b", 1, "u", now()).unwrap_err();
        assert_eq!(error.to_string(), "a b cannot be part of a URL");
    }
}

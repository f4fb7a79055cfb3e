//! The token that RDS accepts in place of a password: a URL without its scheme, signed for 15 minutes.
//!
//! Verified without AWS's signer, which creates the token in the tests.

use std::{
    collections::BTreeMap,
    time::{Duration, SystemTime},
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    hmac,
};
use chrono::NaiveDateTime;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::Identity;

/// The maximum lifetime that RDS accepts.
const MAX_LIFETIME: Duration = Duration::from_mins(15);

/// The tolerated clock skew of the signer, as everywhere on AWS.
const MAX_CLOCK_SKEW: Duration = Duration::from_mins(5);

/// The characters that `SigV4` does not encode.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The reason for refusing a token. RDS does not disclose it to clients.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Refusal {
    #[error("not a signed URL: {0}")]
    NotSigned(&'static str),
    #[error("signed for the host {0}")]
    Host(String),
    #[error("unexpected value of {0}")]
    Parameter(&'static str),
    #[error("signed for another user")]
    User,
    #[error("signed for the scope {0}")]
    Scope(String),
    #[error("unknown access key")]
    AccessKey,
    #[error("the session token does not belong to the access key")]
    SessionToken,
    #[error("not valid yet")]
    NotYet,
    #[error("expired")]
    Expired,
    #[error("wrong signature")]
    Signature,
}

/// Verifies that `identity` signed the token for `user` at `host`, which includes the port, and that it is valid `now`.
pub(super) fn check(token: &str, host: &str, user: &str, identity: &Identity, now: SystemTime) -> Result<(), Refusal> {
    let (said_host, query) = token.split_once("/?").ok_or(Refusal::NotSigned("no query"))?;
    if said_host != host {
        return Err(Refusal::Host(said_host.to_owned()));
    }
    let mut parameters = parse(query)?;
    let signature = parameters.remove("X-Amz-Signature").ok_or(Refusal::NotSigned("no signature"))?;
    let value = |name: &'static str| parameters.get(name).map(String::as_str).ok_or(Refusal::Parameter(name));
    for (name, expected) in
        [("Action", "connect"), ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"), ("X-Amz-SignedHeaders", "host")]
    {
        if value(name)? != expected {
            return Err(Refusal::Parameter(name));
        }
    }
    if value("DBUser")? != user {
        return Err(Refusal::User);
    }

    let date = value("X-Amz-Date")?;
    let (access_key, scope) =
        value("X-Amz-Credential")?.split_once('/').ok_or(Refusal::Parameter("X-Amz-Credential"))?;
    let day = date.get(..8).ok_or(Refusal::Parameter("X-Amz-Date"))?;
    if scope != format!("{day}/{}/rds-db/aws4_request", identity.region) {
        return Err(Refusal::Scope(scope.to_owned()));
    }
    if access_key != identity.access_key {
        return Err(Refusal::AccessKey);
    }
    if parameters.get("X-Amz-Security-Token") != identity.session_token.as_ref() {
        return Err(Refusal::SessionToken);
    }
    check_time(date, value("X-Amz-Expires")?, now)?;
    if !signed(&parameters, host, date, scope, &identity.secret_key, &signature) {
        return Err(Refusal::Signature);
    }
    Ok(())
}

fn parse(query: &str) -> Result<BTreeMap<String, String>, Refusal> {
    let mut parameters = BTreeMap::new();
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').ok_or(Refusal::NotSigned("a parameter has no value"))?;
        let decode = |text| percent_decode_str(text).decode_utf8().map(std::borrow::Cow::into_owned);
        let (Ok(name), Ok(value)) = (decode(name), decode(value)) else {
            return Err(Refusal::NotSigned("a parameter is not UTF-8"));
        };
        if parameters.insert(name, value).is_some() {
            return Err(Refusal::NotSigned("a parameter occurs twice"));
        }
    }
    Ok(parameters)
}

fn check_time(date: &str, expires: &str, now: SystemTime) -> Result<(), Refusal> {
    let signed = NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").map_err(|_| Refusal::Parameter("X-Amz-Date"))?;
    let signed = SystemTime::from(signed.and_utc());
    let valid =
        expires.parse().map(Duration::from_secs).ok().filter(|valid| !valid.is_zero() && *valid <= MAX_LIFETIME);
    let valid = valid.ok_or(Refusal::Parameter("X-Amz-Expires"))?;
    if signed > now + MAX_CLOCK_SKEW {
        return Err(Refusal::NotYet);
    }
    if now >= signed + valid { Err(Refusal::Expired) } else { Ok(()) }
}

/// Returns whether the signature is that of a `GET` with these parameters.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>
fn signed(
    parameters: &BTreeMap<String, String>,
    host: &str,
    date: &str,
    scope: &str,
    secret: &str,
    signature: &str,
) -> bool {
    let encode = |text| utf8_percent_encode(text, ENCODED);
    let query: Vec<_> = parameters.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    let request = format!("GET\n/\n{}\nhost:{host}\n\nhost\n{}", query.join("&"), sha256(""));
    let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(&request));
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in scope.split('/').chain([text.as_str()]) {
        key = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec();
    }
    hex(&key) == signature
}

fn sha256(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Encodes in lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
pub(super) mod tests;

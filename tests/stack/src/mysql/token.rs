//! The token that RDS takes in place of a password: a URL without its scheme, signed for 15 minutes.
//!
//! Checked by hand, so that what made the token is not what checks it.

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

/// How long RDS takes a token at most.
const LONGEST: Duration = Duration::from_mins(15);

/// How far a signer's clock may be ahead, as everywhere on AWS.
const SKEW: Duration = Duration::from_mins(5);

/// What `SigV4` leaves as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Why a token is refused. RDS tells no client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "each variant's message is its documentation")]
pub enum Refusal {
    #[error("it is no signed URL: {0}")]
    NotSigned(&'static str),
    #[error("its host is {0}")]
    Host(String),
    #[error("{0} is not what it should be")]
    Parameter(&'static str),
    #[error("its user is another one")]
    User,
    #[error("it is signed for {0}")]
    Scope(String),
    #[error("the access key is unknown")]
    AccessKey,
    #[error("the session's token is not that of the access key")]
    SessionToken,
    #[error("it is not valid yet")]
    NotYet,
    #[error("it has expired")]
    Expired,
    #[error("its signature is wrong")]
    Signature,
}

/// Checks that `identity` signed the token for `user` at `host`, which holds the port, and that it is valid `now`.
pub(super) fn check(token: &str, host: &str, user: &str, identity: &Identity, now: SystemTime) -> Result<(), Refusal> {
    let (said_host, query) = token.split_once("/?").ok_or(Refusal::NotSigned("it has no query"))?;
    if said_host != host {
        return Err(Refusal::Host(said_host.to_owned()));
    }
    let mut parameters = parse(query)?;
    let signature = parameters.remove("X-Amz-Signature").ok_or(Refusal::NotSigned("it has no signature"))?;
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
            return Err(Refusal::NotSigned("a parameter stands twice"));
        }
    }
    Ok(parameters)
}

fn check_time(date: &str, expires: &str, now: SystemTime) -> Result<(), Refusal> {
    let signed = NaiveDateTime::parse_from_str(date, "%Y%m%dT%H%M%SZ").map_err(|_| Refusal::Parameter("X-Amz-Date"))?;
    let signed = SystemTime::from(signed.and_utc());
    let valid = expires.parse().map(Duration::from_secs).ok().filter(|valid| !valid.is_zero() && *valid <= LONGEST);
    let valid = valid.ok_or(Refusal::Parameter("X-Amz-Expires"))?;
    if signed > now + SKEW {
        return Err(Refusal::NotYet);
    }
    if now >= signed + valid { Err(Refusal::Expired) } else { Ok(()) }
}

/// Whether the signature is that of a `GET` of these parameters.
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

/// In lower case.
pub(super) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

#[cfg(test)]
pub(super) mod tests;

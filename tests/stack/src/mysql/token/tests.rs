use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign},
    sign::v4,
};

use super::*;

const HOST: &str = "localhost:3306";

pub(in crate::mysql) fn identity() -> Identity {
    Identity {
        access_key: "AKIAEMULATOR".to_owned(),
        secret_key: "s3cret/+key".to_owned(),
        session_token: Some("t0ken/+=".to_owned()),
        region: "eu-west-1".to_owned(),
    }
}

/// Signs a token as a client does: with AWS's signer over `host/?Action=connect&DBUser=user`.
pub(in crate::mysql) fn signed_by(identity: &Identity, host: &str, user: &str, at: SystemTime, valid: u64) -> String {
    let credentials =
        Credentials::new(&identity.access_key, &identity.secret_key, identity.session_token.clone(), None, "test");
    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(valid));
    let credentials = credentials.into();
    let params = v4::SigningParams::builder().identity(&credentials).region(&identity.region).name("rds-db");
    let params = params.time(at).settings(settings).build().unwrap().into();
    let url = format!("https://{host}/?Action=connect&DBUser={user}");
    let request = SignableRequest::new("GET", &url, std::iter::empty(), SignableBody::Bytes(b"")).unwrap();
    let (instructions, _) = sign(request, &params).unwrap().into_parts();
    let mut url = url::Url::parse(&url).unwrap();
    for (name, value) in instructions.params() {
        url.query_pairs_mut().append_pair(name, value);
    }
    url.as_str().strip_prefix("https://").unwrap().to_owned()
}

fn time(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)
}

fn valid() -> String {
    signed_by(&identity(), HOST, "emulator", time(0), 900)
}

fn check_at(token: &str, seconds: u64) -> Result<(), Refusal> {
    check(token, HOST, "emulator", &identity(), time(seconds))
}

#[test]
fn a_token_is_accepted_for_fifteen_minutes() {
    assert_eq!(check_at(&valid(), 0), Ok(()));
    assert_eq!(check_at(&valid(), 899), Ok(()));
    assert_eq!(check_at(&valid(), 900), Err(Refusal::Expired));
    let early = signed_by(&identity(), HOST, "emulator", time(301), 900);
    assert_eq!(check_at(&early, 0), Err(Refusal::NotYet));
    let long = signed_by(&identity(), HOST, "emulator", time(0), 901);
    assert_eq!(check_at(&long, 0), Err(Refusal::Parameter("X-Amz-Expires")));
}

#[test]
fn a_token_of_another_key_region_host_or_user_is_refused() {
    let by = |change: fn(&mut Identity)| {
        let mut identity = identity();
        change(&mut identity);
        signed_by(&identity, HOST, "emulator", time(0), 900)
    };
    let scope = "20231114/us-east-1/rds-db/aws4_request".to_owned();
    let cases = [
        (by(|identity| identity.secret_key.push('x')), Refusal::Signature),
        (by(|identity| identity.access_key.push('x')), Refusal::AccessKey),
        (by(|identity| identity.session_token = None), Refusal::SessionToken),
        (by(|identity| identity.region = "us-east-1".to_owned()), Refusal::Scope(scope)),
        (
            signed_by(&identity(), "127.0.0.1:3306", "emulator", time(0), 900),
            Refusal::Host("127.0.0.1:3306".to_owned()),
        ),
        (signed_by(&identity(), HOST, "root", time(0), 900), Refusal::User),
        (valid().replace("Action=connect", "Action=read"), Refusal::Parameter("Action")),
        ("s3cret".to_owned(), Refusal::NotSigned("no query")),
    ];
    for (token, refusal) in cases {
        assert_eq!(check_at(&token, 0), Err(refusal), "{token}");
    }
}

#[test]
fn no_field_can_be_changed_after_signing() {
    assert_eq!(check_at(&valid().replace("X-Amz-Expires=900", "X-Amz-Expires=899"), 0), Err(Refusal::Signature));
    assert_eq!(check_at(&format!("{}&more=1", valid()), 0), Err(Refusal::Signature));
    let mut token = valid().into_bytes();
    let name = b"X-Amz-Signature=";
    let first = token.windows(name.len()).position(|part| part == name).unwrap() + name.len();
    token[first] = if token[first] == b'0' { b'1' } else { b'0' };
    assert_eq!(check_at(&String::from_utf8(token).unwrap(), 0), Err(Refusal::Signature));
}

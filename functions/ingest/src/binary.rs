//! Base64 in requests.

use base64::{
    Engine,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use bytes::Bytes;
use shared::{json, redact::excerpt};

use crate::error::Error;

/// Base64 with or without padding, as in the REST Proxy.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decodes base64; `None` if it is not base64.
pub(crate) fn bytes(base64: &str) -> Option<Bytes> {
    BASE64.decode(base64.as_bytes()).ok().map(Bytes::from)
}

/// Decodes the base64 in a JSON string. The error gives `advice` to clients that sent a row as JSON.
pub(crate) fn decode(json: &str, advice: &'static str) -> Result<Bytes, Error> {
    let decoded = json::text(json).and_then(|base64| bytes(&base64));
    let advice = if json.starts_with(['{', '[']) { advice } else { "" };
    decoded.ok_or_else(|| Error::NotBase64 { data: excerpt(json), advice })
}

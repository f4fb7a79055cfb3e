//! Negotiation of the content types of requests and responses.

use http::HeaderValue;
use mime::Mime;
use shared::redact::excerpt;

use crate::{error::Error, request::Headers, response::JSON};

/// The encoding of keys and values in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// JSON.
    Json,
    /// Base64 of any bytes.
    Binary,
}

/// The content type of base64 in v2.
const BINARY: &str = "application/vnd.kafka.binary.v2+json";

/// The content type of v2 responses, except for clients that accept only plain JSON.
const V2: HeaderValue = HeaderValue::from_static("application/vnd.kafka.v2+json");

/// The format that `Content-Type` names. Plain `application/json`, or no type at all, means JSON: clients that do not know
/// Kafka's types send these. Checks `body` against the charset.
pub(crate) fn format(headers: &Headers, body: &[u8]) -> Result<Format, Error> {
    let Some(sent) = content_type(headers).map_err(|MalformedType| Error::UnsupportedMediaType)? else {
        return Ok(Format::Json);
    };
    let format = match sent.essence_str() {
        "application/json" | "application/vnd.kafka.json.v2+json" => Format::Json,
        BINARY => Format::Binary,
        "application/vnd.kafka.avro.v2+json"
        | "application/vnd.kafka.jsonschema.v2+json"
        | "application/vnd.kafka.protobuf.v2+json" => return Err(Error::SchemaFormat),
        _ => return Err(Error::UnsupportedMediaType),
    };
    check_charset(&sent, body).map(|()| format)
}

/// A malformed `Content-Type`.
struct MalformedType;

/// The request's content type, if it has one.
fn content_type(headers: &Headers) -> Result<Option<Mime>, MalformedType> {
    let Some(sent) = headers.content_type.as_ref().filter(|sent| !sent.is_empty()) else { return Ok(None) };
    let sent = sent.to_str().unwrap_or_default();
    // The library rejects a space before a `;`.
    let (essence, parameters) = sent.split_once(';').unwrap_or((sent, ""));
    format!("{};{parameters}", essence.trim_end()).parse().map(Some).map_err(|_| MalformedType)
}

/// Rejects every content type except JSON, the only one of the API v3.
pub(crate) fn check_json(headers: &Headers, body: &[u8]) -> Result<(), Error> {
    match content_type(headers) {
        Ok(None) => Ok(()),
        Ok(Some(sent)) if sent.essence_str() == "application/json" => check_charset(&sent, body),
        Ok(Some(_)) | Err(MalformedType) => Err(Error::NotJsonType),
    }
}

/// Rejects every content type except JSON, under its own name or that of the API v2.
pub(crate) fn check_stream(headers: &Headers, body: &[u8]) -> Result<(), Error> {
    match format(headers, body) {
        Ok(Format::Json) => Ok(()),
        Ok(Format::Binary) | Err(Error::UnsupportedMediaType | Error::SchemaFormat) => Err(Error::NotJsonType),
        Err(error) => Err(error),
    }
}

/// Rejects a charset in which the body would be a different text than in UTF-8. Records are written as sent, so nothing is
/// converted.
fn check_charset(sent: &Mime, body: &[u8]) -> Result<(), Error> {
    for (_, charset) in sent.params().filter(|(name, _)| *name == mime::CHARSET) {
        let charset = charset.as_str();
        let is_one_of = |names: &[&str]| names.iter().any(|name| charset.eq_ignore_ascii_case(name));
        // Java clients name these by default.
        let is_same_text = is_one_of(&["utf-8", "utf8", "us-ascii", "ascii"])
            || is_one_of(&["iso-8859-1", "latin1", "windows-1252"]) && body.is_ascii();
        if !is_same_text {
            return Err(Error::UnsupportedCharset { charset: excerpt(charset) });
        }
    }
    Ok(())
}

/// Rejects a client that does not accept plain JSON.
pub(crate) fn check_accepts_json(headers: &Headers) -> Result<(), Error> {
    let accepted = Accepted::of(&headers.accept);
    if accepted.plain.unwrap_or(accepted.any || !accepted.sent) { Ok(()) } else { Err(Error::NotAcceptableV3) }
}

/// The preferences of `Accept` for the available types.
#[derive(Default)]
struct Accepted {
    /// Set if the header is present and not empty.
    sent: bool,
    /// Set if it accepts any type.
    any: bool,
    v2: Option<bool>,
    /// Set if it names the v2 type of base64.
    binary: bool,
    plain: Option<bool>,
}

impl Accepted {
    fn of<'a>(values: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut accepted = Self::default();
        for value in values {
            let Ok(value) = value.to_str() else {
                // It cannot name a type that this API has.
                accepted.sent = true;
                continue;
            };
            for range in value.split(',').map(str::trim).filter(|range| !range.is_empty()) {
                accepted.sent = true;
                let Ok(range) = range.parse::<Mime>() else { continue };
                let refused = range.get_param("q").is_some_and(|q| q.as_str().parse() == Ok(0.0_f32));
                match range.essence_str() {
                    "application/vnd.kafka.v2+json"
                    | "application/vnd.kafka+json"
                    | "application/vnd.kafka.json.v2+json"
                    | BINARY => {
                        accepted.v2 = Some(accepted.v2 == Some(true) || !refused);
                        accepted.binary |= range.essence_str() == BINARY && !refused;
                    }
                    "*/*" | "application/*" => accepted.any |= !refused,
                    "application/json" => accepted.plain = Some(!refused),
                    _ => {}
                }
            }
        }
        accepted
    }
}

/// The content type of a v2 response: a v2 type if the client accepts one, otherwise plain JSON.
pub(crate) fn response_type(headers: &Headers) -> Result<HeaderValue, Error> {
    let Accepted { sent, any, v2, plain, .. } = Accepted::of(&headers.accept);
    // A range that names the type takes precedence over a wildcard.
    match v2.unwrap_or(any || !sent) {
        true => Ok(V2),
        false if plain.unwrap_or(any) => Ok(JSON),
        false => Err(Error::NotAcceptable),
    }
}

/// The format of records in a response, and its content type: base64 only for a client that names it.
pub(crate) fn embedded(headers: &Headers) -> Result<(Format, HeaderValue), Error> {
    let fallback = response_type(headers)?;
    Ok(match (Accepted::of(&headers.accept).binary, fallback == JSON) {
        (true, _) => (Format::Binary, HeaderValue::from_static(BINARY)),
        (false, true) => (Format::Json, JSON),
        (false, false) => (Format::Json, HeaderValue::from_static("application/vnd.kafka.json.v2+json")),
    })
}

/// The content type of a v2 error: plain JSON, unless the client accepts only a v2 type. A client that accepts neither gets
/// plain JSON, too.
pub(crate) fn error_type(accept: &[HeaderValue]) -> HeaderValue {
    let Accepted { any, v2, plain, .. } = Accepted::of(accept);
    if v2 == Some(true) && !plain.unwrap_or(any) { V2 } else { JSON }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(texts: &[&str]) -> Vec<HeaderValue> {
        texts.iter().map(|text| HeaderValue::from_str(text).unwrap()).collect()
    }

    fn sent_as(sent: Option<&str>) -> Headers {
        Headers { content_type: sent.map(|sent| HeaderValue::from_str(sent).unwrap()), accept: Vec::new() }
    }

    #[test]
    fn a_content_type_names_a_format_or_is_rejected() {
        let format = |sent| format(&sent_as(sent), b"{}").map_err(|error| error.code());
        for sent in [
            "application/vnd.kafka.json.v2+json",
            "application/vnd.kafka.json.v2+json; charset=utf-8",
            "Application/JSON",
            "application/json;charset=UTF-8",
            "application/json ; charset=UTF-8",
            "application/json;",
            "",
        ] {
            assert_eq!(format(Some(sent)), Ok(Format::Json), "{sent}");
        }
        assert_eq!(format(None), Ok(Format::Json));
        assert_eq!(format(Some("application/vnd.kafka.binary.v2+json")), Ok(Format::Binary));
        assert_eq!(format(Some("application/vnd.kafka.avro.v2+json")), Err(42206));
        for sent in ["application/x-www-form-urlencoded", "text/plain", "nonsense", "application/*", "\u{e9}"] {
            assert_eq!(format(Some(sent)), Err(415), "{sent}");
        }
    }

    #[test]
    fn a_charset_is_accepted_only_if_the_body_is_the_same_text_in_utf_8() {
        for (charset, body, is_read) in [
            ("utf-8", "é", true),
            ("UTF-8", "é", true),
            ("\"utf-8\"", "é", true),
            ("utf8", "é", true),
            ("us-ascii", "é", true),
            ("ISO-8859-1", "e", true),
            ("ISO-8859-1", "é", false),
            ("\"Windows-1252\"", "é", false),
            ("utf-16", "e", false),
            ("DEADBEEF", "e", false),
            ("'utf-8'", "e", false),
            ("utf-8; charset=utf-16", "e", false),
        ] {
            let headers = sent_as(Some(&format!("application/json; charset={charset}")));
            assert_eq!(super::format(&headers, body.as_bytes()).is_ok(), is_read, "{charset}, {body}");
            assert_eq!(check_json(&headers, body.as_bytes()).is_ok(), is_read, "{charset}, {body}");
        }
    }

    #[test]
    fn an_error_has_the_v2_type_only_for_clients_that_accept_no_other() {
        let v2 = "application/vnd.kafka.v2+json";
        for (accept, is_v2) in [
            (&[][..], false),
            (&["*/*"], false),
            (&["application/json"], false),
            (&["text/html"], false),
            (&[v2], true),
            (&["application/vnd.kafka.json.v2+json"], true),
            (&["text/html", v2], true),
            (&[v2, "application/json"], false),
            (&[v2, "*/*;q=0.1"], false),
            (&[v2, "application/json;q=0, */*"], true),
            (&["application/vnd.kafka.v2+json;q=0"], false),
        ] {
            assert_eq!(error_type(&values(accept)), if is_v2 { V2 } else { JSON }, "{accept:?}");
        }
    }

    #[test]
    fn an_accept_header_is_satisfied_or_rejected() {
        let answer = |sent: &[&str]| {
            let headers = Headers { content_type: None, accept: values(sent) };
            response_type(&headers).map_err(|error| error.code())
        };
        for sent in [
            "*/*",
            "application/*",
            "application/vnd.kafka.v2+json",
            "application/vnd.kafka.v2+json, application/json",
            "application/json;q=0.9, application/vnd.kafka.v2+json;q=0.1",
            "application/vnd.kafka.json.v2+json, application/vnd.kafka.v2+json;q=0",
            "text/html, */*;q=0.1",
            "",
        ] {
            assert_eq!(answer(&[sent]), Ok(V2), "{sent}");
        }
        assert_eq!(answer(&[]), Ok(V2));
        assert_eq!(answer(&["text/html", "application/json"]), Ok(JSON));
        assert_eq!(answer(&["application/vnd.kafka.v2+json;q=0, application/json"]), Ok(JSON));
        assert_eq!(answer(&["application/vnd.kafka.v2+json;q=0, */*"]), Ok(JSON));
        for sent in ["text/html", "*/*;q=0", "nonsense", "application/vnd.kafka.avro.v1+json"] {
            assert_eq!(answer(&[sent]), Err(406), "{sent}");
        }
    }
}

//! The types that a request is sent in and that its answer may have.

use http::{HeaderMap, HeaderValue, header};
use mime::Mime;
use shared::shown::shown;

use crate::{error::Error, response::JSON};

/// How keys and values stand in an envelope.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// As JSON.
    Json,
    /// As base64 of any bytes.
    Binary,
}

/// The type of a v2 answer, for every client but one that asked for plain JSON only.
const V2: HeaderValue = HeaderValue::from_static("application/vnd.kafka.v2+json");

/// The format that `Content-Type` names. No type at all, and plain `application/json`, mean JSON: it is what people
/// send who know of no Kafka types. `body` is what is held to the charset.
pub(crate) fn format(headers: &HeaderMap, body: &[u8]) -> Result<Format, Error> {
    let Some(sent) = content_type(headers).map_err(|NoType| Error::UnsupportedMediaType)? else {
        return Ok(Format::Json);
    };
    let format = match sent.essence_str() {
        "application/json" | "application/vnd.kafka.json.v2+json" => Format::Json,
        "application/vnd.kafka.binary.v2+json" => Format::Binary,
        "application/vnd.kafka.avro.v2+json"
        | "application/vnd.kafka.jsonschema.v2+json"
        | "application/vnd.kafka.protobuf.v2+json" => return Err(Error::SchemaFormat),
        _ => return Err(Error::UnsupportedMediaType),
    };
    is_in_charset(&sent, body).map(|()| format)
}

/// A `Content-Type` that is none.
struct NoType;

/// The type that a request names, if it names any.
fn content_type(headers: &HeaderMap) -> Result<Option<Mime>, NoType> {
    let Some(sent) = headers.get(header::CONTENT_TYPE).filter(|sent| !sent.is_empty()) else { return Ok(None) };
    let sent = sent.to_str().unwrap_or_default();
    // The library wants no space before a `;`.
    let (essence, parameters) = sent.split_once(';').unwrap_or((sent, ""));
    format!("{};{parameters}", essence.trim_end()).parse().map(Some).map_err(|_| NoType)
}

/// Refuses a request that is sent as anything but JSON, the only type of the API v3.
pub(crate) fn is_json(headers: &HeaderMap, body: &[u8]) -> Result<(), Error> {
    match content_type(headers) {
        Ok(None) => Ok(()),
        Ok(Some(sent)) if sent.essence_str() == "application/json" => is_in_charset(&sent, body),
        Ok(Some(_)) | Err(NoType) => Err(Error::UnsupportedV3Type),
    }
}

/// Refuses a charset in which the body would be another text than in UTF-8. Nothing is converted: records are written as
/// they were sent.
fn is_in_charset(sent: &Mime, body: &[u8]) -> Result<(), Error> {
    for (_, charset) in sent.params().filter(|(name, _)| *name == mime::CHARSET) {
        let charset = charset.as_str();
        let is_one_of = |names: &[&str]| names.iter().any(|name| charset.eq_ignore_ascii_case(name));
        // The second ones are what Java's clients name unless they are given another one.
        let is_same_text = is_one_of(&["utf-8", "utf8", "us-ascii", "ascii"])
            || is_one_of(&["iso-8859-1", "latin1", "windows-1252"]) && body.is_ascii();
        if !is_same_text {
            return Err(Error::UnsupportedCharset { charset: shown(charset) });
        }
    }
    Ok(())
}

/// Refuses a client that does not take plain JSON.
pub(crate) fn accepts_json(headers: &HeaderMap) -> Result<(), Error> {
    let accepted = Accepted::of(headers.get_all(header::ACCEPT));
    if accepted.plain.unwrap_or(accepted.any || !accepted.sent) { Ok(()) } else { Err(Error::NotAcceptableV3) }
}

/// What `Accept` says of the types that there are.
#[derive(Default)]
struct Accepted {
    /// Whether it says anything.
    sent: bool,
    /// Of any type at all.
    any: bool,
    v2: Option<bool>,
    plain: Option<bool>,
}

impl Accepted {
    fn of<'a>(values: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        let mut accepted = Self::default();
        for value in values {
            let Ok(value) = value.to_str() else {
                // Whatever it names, it is none of ours.
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
                    | "application/vnd.kafka.binary.v2+json" => {
                        accepted.v2 = Some(accepted.v2 == Some(true) || !refused);
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

/// The type of a v2 answer, by `Accept`: a v2 type where any of them is acceptable, else plain JSON.
pub(crate) fn answer_type(headers: &HeaderMap) -> Result<HeaderValue, Error> {
    let Accepted { sent, any, v2, plain } = Accepted::of(headers.get_all(header::ACCEPT));
    // What is said of the type itself counts before what is said of all.
    match v2.unwrap_or(any || !sent) {
        true => Ok(V2),
        false if plain.unwrap_or(any) => Ok(JSON),
        false => Err(Error::NotAcceptable),
    }
}

/// The type of a v2 error, by `Accept`: plain JSON, unless a v2 type alone is acceptable. A client that accepts neither gets an
/// error that it can read with any reader of JSON.
pub(crate) fn error_type(accept: &[HeaderValue]) -> HeaderValue {
    let Accepted { any, v2, plain, .. } = Accepted::of(accept);
    if v2 == Some(true) && !plain.unwrap_or(any) { V2 } else { JSON }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_content_type_names_a_format_or_is_refused() {
        let format = |sent: &[&str]| format(&headers(&header::CONTENT_TYPE, sent), b"{}").map_err(|error| error.code());
        for sent in [
            "application/vnd.kafka.json.v2+json",
            "application/vnd.kafka.json.v2+json; charset=utf-8",
            "Application/JSON",
            "application/json;charset=UTF-8",
            "application/json ; charset=UTF-8",
            "application/json;",
            "",
        ] {
            assert_eq!(format(&[sent]), Ok(Format::Json), "{sent}");
        }
        assert_eq!(format(&[]), Ok(Format::Json));
        assert_eq!(format(&["application/vnd.kafka.binary.v2+json"]), Ok(Format::Binary));
        assert_eq!(format(&["application/vnd.kafka.avro.v2+json"]), Err(42206));
        for sent in ["application/x-www-form-urlencoded", "text/plain", "nonsense", "application/*", "\u{e9}"] {
            assert_eq!(format(&[sent]), Err(415), "{sent}");
        }
    }

    #[test]
    fn a_charset_is_one_in_which_the_body_is_the_same_text() {
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
            let headers = headers(&header::CONTENT_TYPE, &[&format!("application/json; charset={charset}")]);
            assert_eq!(super::format(&headers, body.as_bytes()).is_ok(), is_read, "{charset}, {body}");
            assert_eq!(is_json(&headers, body.as_bytes()).is_ok(), is_read, "{charset}, {body}");
        }
    }

    #[test]
    fn an_error_is_of_the_v2_type_only_for_a_client_that_takes_no_other() {
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
            let accept: Vec<_> = accept.iter().map(|value| HeaderValue::from_static(value)).collect();
            assert_eq!(error_type(&accept), if is_v2 { V2 } else { JSON }, "{accept:?}");
        }
    }

    #[test]
    fn an_accept_header_is_met_or_refused() {
        let answer = |sent: &[&str]| answer_type(&headers(&header::ACCEPT, sent)).map_err(|error| error.code());
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

//! The types that a request is sent in and that its answer may have.

use http::{HeaderMap, HeaderValue, header};
use mime::Mime;

use crate::error::{Error, JSON};

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
/// send who know of no Kafka types.
pub(crate) fn format(headers: &HeaderMap) -> Result<Format, Error> {
    let Some(sent) = headers.get(header::CONTENT_TYPE).filter(|sent| !sent.is_empty()) else { return Ok(Format::Json) };
    let sent = sent.to_str().unwrap_or_default();
    match essence(sent).as_str() {
        "application/json" | "application/vnd.kafka.json.v2+json" => Ok(Format::Json),
        "application/vnd.kafka.binary.v2+json" => Ok(Format::Binary),
        "application/vnd.kafka.avro.v2+json"
        | "application/vnd.kafka.jsonschema.v2+json"
        | "application/vnd.kafka.protobuf.v2+json" => Err(Error::SchemaFormat),
        _ => Err(Error::UnsupportedMediaType),
    }
}

/// A type without its parameters, in small letters; nothing where it is none. (The library wants no space before a `;`.)
fn essence(sent: &str) -> String {
    let (essence, parameters) = sent.split_once(';').unwrap_or((sent, ""));
    let tidy = format!("{};{parameters}", essence.trim_end());
    tidy.parse::<Mime>().map(|mime| mime.essence_str().to_owned()).unwrap_or_default()
}

/// Refuses a v3 request that is sent as anything but JSON, the only type that it has.
pub(crate) fn is_json(headers: &HeaderMap) -> Result<(), Error> {
    let sent = headers.get(header::CONTENT_TYPE).map(|sent| sent.to_str().unwrap_or_default());
    let plain = sent.is_none_or(|sent| sent.is_empty() || essence(sent) == "application/json");
    if plain { Ok(()) } else { Err(Error::UnsupportedV3Type) }
}

/// Refuses a client that does not take plain JSON.
pub(crate) fn accepts_json(headers: &HeaderMap) -> Result<(), Error> {
    let accepted = Accepted::of(headers);
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
    fn of(headers: &HeaderMap) -> Self {
        let mut accepted = Self::default();
        for value in headers.get_all(header::ACCEPT) {
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
    let Accepted { sent, any, v2, plain } = Accepted::of(headers);
    // What is said of the type itself counts before what is said of all.
    match v2.unwrap_or(any || !sent) {
        true => Ok(V2),
        false if plain.unwrap_or(any) => Ok(JSON),
        false => Err(Error::NotAcceptable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &header::HeaderName, values: &[&str]) -> HeaderMap {
        values.iter().map(|value| (name.clone(), HeaderValue::from_str(value).unwrap())).collect()
    }

    #[test]
    fn a_content_type_names_a_format_or_is_refused() {
        let format = |sent: &[&str]| format(&headers(&header::CONTENT_TYPE, sent)).map_err(|error| error.code());
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

//! The bytes of a body, a key or a value.

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;

use crate::{json::Json, names::Names};

/// Bytes as a vector spells them.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "Json")]
pub(crate) enum Content {
    /// `"…"`, or a list of texts, some of them several times.
    Text(Vec<(String, usize)>),
    /// `{"json": …}`, which is printed without whitespace.
    Json(Json),
    /// `{"base64": "…"}`
    Bytes(Vec<u8>),
}

/// The error of a value that does not spell bytes.
#[derive(Debug, thiserror::Error)]
#[error(
    r#"bytes are a text, a list of texts or of {{"repeat": text, "times": number}}, {{"json": …}} or {{"base64": "…"}}"#
)]
pub(crate) struct NoContent;

impl TryFrom<Json> for Content {
    type Error = NoContent;

    fn try_from(json: Json) -> Result<Self, NoContent> {
        let piece = |piece: &Json| {
            let (of, times) = piece.repeated().unwrap_or((piece, 1));
            if let Json::Text(text) = of { Ok((text.clone(), times)) } else { Err(NoContent) }
        };
        match (&json, json.only("json"), json.only("base64")) {
            (_, Some(json), _) => Ok(Self::Json(json.clone())),
            (_, _, Some(Json::Text(text))) => BASE64_STANDARD.decode(text).map(Self::Bytes).map_err(|_| NoContent),
            (Json::Text(text), ..) => Ok(Self::Text(vec![(text.clone(), 1)])),
            (Json::List(list), ..) => Ok(Self::Text(list.iter().map(piece).collect::<Result<_, _>>()?)),
            _ => Err(NoContent),
        }
    }
}

impl Content {
    pub(crate) fn bytes(&self, names: &Names) -> Vec<u8> {
        match self {
            Self::Text(pieces) => {
                let pieces: Vec<_> = pieces.iter().map(|(text, times)| names.fill(text).repeat(*times)).collect();
                pieces.concat().into_bytes()
            }
            Self::Json(json) => names.fill_json(json).to_string().into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(json: &str) -> Option<Vec<u8>> {
        let content = Content::try_from(Json::parse(json).unwrap()).ok()?;
        Some(content.bytes(&Names::new("u", &["u.pin".to_owned(), "u.geo".to_owned()])))
    }

    #[test]
    fn bytes_are_spelled_in_four_ways() {
        for (json, expected) in [
            (r#""é {user_id}""#, "é u".as_bytes()),
            (r#"["a", {"repeat": "bc", "times": 2}]"#, b"abcbc"),
            (r#"{"json": {"a": [1.10, "{topics}"]}}"#, br#"{"a":[1.10,"u.geo, u.pin"]}"#),
            (r#"{"base64": "AP8="}"#, b"\0\xff"),
        ] {
            assert_eq!(bytes(json).as_deref(), Some(expected), "{json}");
        }
    }

    #[test]
    fn anything_else_is_no_spelling_of_bytes() {
        for json in ["1", "null", r#"{"text": "a"}"#, r#"{"base64": "?"}"#, r#"{"base64": 1}"#, "[1]", r#"[["a"]]"#] {
            assert_eq!(bytes(json), None, "{json}");
        }
    }
}

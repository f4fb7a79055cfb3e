//! Advice for common mistakes in bodies that are not JSON.

use shared::json::JsonError;

/// The mark that .NET and some editors write at the start of a text. JSON does not count it as whitespace.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Adds advice to `error`, which parsing `bytes` gave, if the mistake is a common one.
pub(crate) fn explain(mut error: JsonError, bytes: &[u8]) -> JsonError {
    if let Some(encoding) = encoding(bytes) {
        error.expected = format!("the text is in {encoding}: send it in UTF-8");
    } else if let Some(advice) = mistake(word(&error, bytes)) {
        advice.clone_into(&mut error.expected);
    }
    error
}

/// Detects UTF-16 and UTF-32 by the zero bytes in the first characters.
fn encoding(mut bytes: &[u8]) -> Option<&'static str> {
    const MARKS: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
    // A REST API decodes bodies as text, which leaves this of the bytes of a mark.
    const LOST: &str = "\u{fffd}";
    bytes = MARKS.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes);
    while let Some(rest) = bytes.strip_prefix(LOST.as_bytes()) {
        bytes = rest;
    }
    // JSON begins with an ASCII character: one byte among zeros in these encodings.
    match bytes {
        [0, 0, 0, b'\t'..=b'~', ..] | [b'\t'..=b'~', 0, 0, 0, ..] | [0, 0, b'\t'..=b'~', 0, ..] => Some("UTF-32"),
        [0, b'\t'..=b'~', ..] | [b'\t'..=b'~', 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// The word at the position of an error, or a single character if there is no word.
fn word<'a>(error: &JsonError, bytes: &'a [u8]) -> &'a str {
    let before: usize =
        bytes.split_inclusive(|byte| *byte == b'\n').take(error.line.saturating_sub(1)).map(<[u8]>::len).sum();
    let at = (before + error.column.saturating_sub(1)).min(bytes.len());
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
    let start = at - bytes[..at].iter().rev().take_while(|byte| is_word(byte)).count();
    let len = bytes[start..].iter().take_while(|byte| is_word(byte)).count();
    if len > 0 {
        return std::str::from_utf8(&bytes[start..start + len]).unwrap_or_default();
    }
    // The longest character has four bytes.
    let rest = &bytes[at..bytes.len().min(at + 4)];
    let valid = std::str::from_utf8(rest).or_else(|error| std::str::from_utf8(&rest[..error.valid_up_to()]));
    let valid = valid.unwrap_or_default();
    valid.chars().next().map_or("", |first| &valid[..first.len_utf8()])
}

/// The advice for a word or character that JSON does not have.
fn mistake(word: &str) -> Option<&'static str> {
    Some(match word {
        "NaN" | "nan" | "NAN" | "-NaN" | "-nan" | "NaT" | "NA" | "Infinity" | "-Infinity" | "inf" | "-inf" | "Inf"
        | "-Inf" | "undefined" => {
            "JSON has neither NaN nor NaT, Infinity or undefined: send null (in pandas, df.astype(object).where(df.notna(), None))"
        }
        "None" | "True" | "False" => {
            "JSON has null, true and false: send what Python's json.dumps writes, not what str() does"
        }
        "'" => "strings take double quotes, as Python's json.dumps writes them",
        "\u{201c}" | "\u{201d}" | "\u{2018}" | "\u{2019}" => {
            "strings take straight double quotes, as json.dumps writes them"
        }
        BYTE_ORDER_MARK => "a byte order mark is allowed only at the start of the body: remove it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use shared::json;

    use super::*;

    fn explained(text: impl AsRef<[u8]>) -> String {
        let text = text.as_ref();
        explain(json::check(text).unwrap_err(), text).to_string()
    }

    #[test]
    fn a_word_that_json_does_not_have_gets_advice() {
        for word in [
            "NaN",
            "nan",
            "NAN",
            "-NaN",
            "-nan",
            "NaT",
            "NA",
            "Infinity",
            "-Infinity",
            "inf",
            "-inf",
            "Inf",
            "undefined",
        ] {
            for text in [
                format!("{{\"a\":{word}}}"),
                format!("{{\"a\":1,\n \"b\": {word} }}"),
                format!("[1,{word}]"),
                word.to_owned(),
            ] {
                assert!(explained(&text).contains("send null"), "{text}: {}", explained(&text));
            }
        }
        for word in ["None", "True", "False"] {
            assert!(explained(format!("{{\"a\": {word}}}")).contains("json.dumps"), "{word}");
        }
        for (text, advice) in [
            ("{'a':1}", "double quotes"),
            ("{\"a\": 'b'}", "double quotes"),
            ("{“a”:1}", "straight"),
            ("{\"a\":\u{feff}1}", "byte order mark"),
            ("{\"a\":nope}", "expected ident"),
            ("{\"a\":1e999}", "out of range"),
            ("", "EOF"),
            ("{", "EOF"),
            ("{\"NaN\":}", "expected value"),
        ] {
            assert!(explained(text).contains(advice), "{text}: {}", explained(text));
        }
    }

    #[test]
    fn an_error_names_the_encoding_of_the_body() {
        let text = "{\"a\":\"é\"}";
        let utf_16: Vec<u16> = text.encode_utf16().collect();
        let utf_32: Vec<u32> = text.chars().map(u32::from).collect();
        let little = |mark: &[u16]| [mark, &utf_16].concat().into_iter().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let big = |mark: &[u16]| [mark, &utf_16].concat().into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        for bytes in [little(&[0xfeff]), little(&[]), big(&[0xfeff]), big(&[])] {
            assert!(explained(&bytes).contains("UTF-16"), "{}", bytes.escape_ascii());
            let lossy = String::from_utf8_lossy(&bytes);
            assert!(explained(lossy.as_bytes()).contains("UTF-16"), "{lossy:?}");
        }
        for mark in [&[0xfeff][..], &[]] {
            let little: Vec<_> = [mark, &utf_32].concat().into_iter().flat_map(u32::to_le_bytes).collect();
            let big: Vec<_> = [mark, &utf_32].concat().into_iter().flat_map(u32::to_be_bytes).collect();
            for bytes in [little, big] {
                assert!(explained(&bytes).contains("UTF-32"), "{}", bytes.escape_ascii());
            }
        }
        assert!(explained(b"{\"a\":\"\xe9\"}").contains("invalid UTF-8"));
    }
}

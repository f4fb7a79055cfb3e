//! What to do about a text that is not JSON, where its mistake is one that clients make.

use shared::json::JsonError;

/// The mark that some editors and .NET write at the start of a text. It is no whitespace of JSON's.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{feff}";

/// `error` of `bytes`, in words that say what to do where the mistake is a known one.
pub(crate) fn explain(mut error: JsonError, bytes: &[u8]) -> JsonError {
    if let Some(encoding) = encoding(bytes) {
        error.expected = format!("the text is in {encoding}: send it in UTF-8");
    } else if let Some(advice) = mistake(word(&error, bytes)) {
        advice.clone_into(&mut error.expected);
    }
    error
}

/// The encoding of a text that is not UTF-8, by where the zeros of its first characters are.
fn encoding(mut bytes: &[u8]) -> Option<&'static str> {
    const MARKS: [&[u8]; 3] = [b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff"];
    // What is left of a mark's bytes behind a REST API, which takes a body for text.
    const LOST: &str = "\u{fffd}";
    bytes = MARKS.iter().find_map(|mark| bytes.strip_prefix(*mark)).unwrap_or(bytes);
    while let Some(rest) = bytes.strip_prefix(LOST.as_bytes()) {
        bytes = rest;
    }
    // JSON begins with a character of ASCII, which is a byte among zeros there.
    match bytes {
        [0, 0, 0, b'\t'..=b'~', ..] | [b'\t'..=b'~', 0, 0, 0, ..] | [0, 0, b'\t'..=b'~', 0, ..] => Some("UTF-32"),
        [0, b'\t'..=b'~', ..] | [b'\t'..=b'~', 0, ..] => Some("UTF-16"),
        _ => None,
    }
}

/// What stands around the place of an error: a word, or one other character.
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

/// What to do about a word or character that JSON has not.
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
        BYTE_ORDER_MARK => "a byte order mark may stand only at the start of the body: remove it",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use shared::json;

    use super::*;

    fn said(text: impl AsRef<[u8]>) -> String {
        let text = text.as_ref();
        explain(json::check(text).unwrap_err(), text).to_string()
    }

    #[test]
    fn a_word_that_json_has_not_is_told_with_what_to_send() {
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
                assert!(said(&text).contains("send null"), "{text}: {}", said(&text));
            }
        }
        for word in ["None", "True", "False"] {
            assert!(said(format!("{{\"a\": {word}}}")).contains("json.dumps"), "{word}");
        }
        for (text, says) in [
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
            assert!(said(text).contains(says), "{text}: {}", said(text));
        }
    }

    #[test]
    fn a_text_in_another_encoding_is_told_its_name() {
        let text = "{\"a\":\"é\"}";
        let utf_16: Vec<u16> = text.encode_utf16().collect();
        let utf_32: Vec<u32> = text.chars().map(u32::from).collect();
        let little = |mark: &[u16]| [mark, &utf_16].concat().into_iter().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let big = |mark: &[u16]| [mark, &utf_16].concat().into_iter().flat_map(u16::to_be_bytes).collect::<Vec<_>>();
        for bytes in [little(&[0xfeff]), little(&[]), big(&[0xfeff]), big(&[])] {
            assert!(said(&bytes).contains("UTF-16"), "{}", bytes.escape_ascii());
            let lossy = String::from_utf8_lossy(&bytes);
            assert!(said(lossy.as_bytes()).contains("UTF-16"), "{lossy:?}");
        }
        for mark in [&[0xfeff][..], &[]] {
            let little: Vec<_> = [mark, &utf_32].concat().into_iter().flat_map(u32::to_le_bytes).collect();
            let big: Vec<_> = [mark, &utf_32].concat().into_iter().flat_map(u32::to_be_bytes).collect();
            for bytes in [little, big] {
                assert!(said(&bytes).contains("UTF-32"), "{}", bytes.escape_ascii());
            }
        }
        assert!(said(b"{\"a\":\"\xe9\"}").contains("invalid UTF-8"));
    }
}

//! Comparison of a response with the one that a vector expects.

use std::{collections::BTreeMap, fmt};

use bytes::Bytes;
use http::{Response, header};

use crate::{
    form::Vector,
    json::{Json, elements},
    names::Names,
};

/// The headers of every response, unless its vector lists another value.
const HEADERS: [(header::HeaderName, &str); 2] =
    [(header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"), (header::CONTENT_TYPE, "application/json")];

/// The most characters of a value that are printed.
const SHOWN: usize = 400;

/// The placeholders for a whole number from 0.
const NUMBERS: [&str; 3] = ["{offset}", "{partition}", "{broker}"];

/// The most differences reported per response.
const MAX_DIFFERENCES: usize = 10;

/// A difference between the expected and the actual result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// `status`, a header, a place in the body, or a record in Kafka.
    pub of: String,
    /// The value in the vector.
    pub expected: String,
    /// The actual value.
    pub found: String,
}

impl Difference {
    /// Creates a difference, cutting long values.
    pub fn new(of: impl Into<String>, expected: impl fmt::Display, found: impl fmt::Display) -> Self {
        Self { of: of.into(), expected: shown(&expected.to_string()), found: shown(&found.to_string()) }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n      expected  {}\n      found     {}", self.of, self.expected, self.found)
    }
}

/// Cuts a long text.
pub(crate) fn shown(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}… ({} bytes)", &text[..end], text.len()),
        None => text.to_owned(),
    }
}

impl Vector {
    /// Compares a response with the expected one.
    #[must_use]
    pub fn differences(&self, names: &Names, answer: &Response<Bytes>) -> Vec<Difference> {
        let mut differences = Vec::new();
        if answer.status() != self.answer.status {
            differences.push(Difference::new("status", self.answer.status, answer.status().as_u16()));
        }
        let mut headers: BTreeMap<_, _> =
            HEADERS.iter().map(|(name, value)| (name.to_string(), (*value).to_owned())).collect();
        headers.extend(self.answer.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), names.fill(value))));
        for (name, expected) in headers {
            let found: Vec<_> = answer.headers().get_all(&name).iter().map(http::HeaderValue::as_bytes).collect();
            let found = String::from_utf8_lossy(&found.join(&b", "[..])).into_owned();
            if found != expected {
                differences.push(Difference::new(format!("header {name}"), expected, found));
            }
        }
        self.body(names, answer.body(), &mut differences);
        differences.truncate(MAX_DIFFERENCES);
        differences
    }

    fn body(&self, names: &Names, found: &[u8], differences: &mut Vec<Difference>) {
        let text = String::from_utf8_lossy(found);
        let (expected, found, at) = match (&self.answer.body, &self.answer.results) {
            (Some(body), None) => (names.fill_json(body), Json::parse(&text), "body"),
            (None, Some(results)) => {
                let found = text.split("\r\n").map(Json::parse).collect::<Result<_, _>>().map(Json::List);
                (names.fill_json(&Json::List(results.clone())), found, "results")
            }
            _ if found.is_empty() => return,
            _ => return differences.push(Difference::new("body", "none", text)),
        };
        match found {
            Ok(found) => compare(&expected, &found, at, differences),
            Err(_) => differences.push(Difference::new(at, expected, text)),
        }
    }
}

fn compare(expected: &Json, found: &Json, at: &str, differences: &mut Vec<Difference>) {
    match (expected, found) {
        (Json::Text(placeholder), _) if placeholder == "{any}" => {}
        (Json::Text(placeholder), Json::Plain(number)) if NUMBERS.contains(&placeholder.as_str()) => {
            if !number.bytes().all(|byte| byte.is_ascii_digit()) {
                differences.push(Difference::new(at, "a whole number from 0", number));
            }
        }
        (Json::Text(placeholder), Json::Text(time)) if placeholder == "{timestamp}" => {
            if !is_time(time) {
                differences.push(Difference::new(at, "a time such as 2026-09-23T12:00:00Z", time));
            }
        }
        (Json::Text(placeholder), Json::Text(number)) if placeholder == "{sequence}" => {
            if number.is_empty() || !number.bytes().all(|byte| byte.is_ascii_digit()) {
                differences.push(Difference::new(at, "the digits of a whole number from 0", number));
            }
        }
        (Json::Text(placeholder), Json::Text(shard)) if placeholder == "{shard}" => {
            let digits = shard.strip_prefix("shardId-").unwrap_or_default();
            if digits.len() != 12 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                differences.push(Difference::new(at, "shardId- and 12 digits", shard));
            }
        }
        (list, Json::List(found)) if let Some(each) = list.each() => {
            if found.is_empty() {
                differences.push(Difference::new(at, "an element or more", "none"));
            }
            for (number, found) in found.iter().enumerate() {
                compare(each, found, &format!("{at}[{number}]"), differences);
            }
        }
        (Json::List(expected), Json::List(found)) => {
            let (all, there) = (elements(expected).count(), found.len());
            if all != there {
                differences.push(Difference::new(at, format!("{all} elements"), format!("{there} elements")));
            }
            for (number, (expected, found)) in elements(expected).zip(found).enumerate() {
                if differences.len() < MAX_DIFFERENCES {
                    compare(expected, found, &format!("{at}[{number}]"), differences);
                }
            }
        }
        (Json::Object(expected), Json::Object(found)) => {
            let names = |members: &[(String, Json)]| {
                members.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
            };
            if names(expected) != names(found) {
                differences.push(Difference::new(format!("names in {at}"), names(expected), names(found)));
            }
            for (name, expected) in expected {
                if let Some((_, found)) = found.iter().find(|(other, _)| other == name) {
                    compare(expected, found, &format!("{at}.{name}"), differences);
                }
            }
        }
        _ if expected == found => {}
        _ => differences.push(Difference::new(at, expected, found)),
    }
}

/// Returns whether a text is a UTC time, with or without a fractional second.
fn is_time(text: &str) -> bool {
    let Some((seconds, zone)) = text.split_at_checked("2026-09-23T12:00:00".len()) else { return false };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fraction = zone.strip_prefix('.').and_then(|zone| zone.strip_suffix('Z'));
    let form: String = seconds.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    form == "0000-00-00T00:00:00" && (zone == "Z" || fraction.is_some_and(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(answer: &str) -> Vector {
        let vector = format!(r#"{{"name":"n","request":{{"method":"GET","path":"/"}},"answer":{answer}}}"#);
        serde_json::from_str(&vector).unwrap()
    }

    fn differing(expected: &str, status: u16, headers: &[(&str, &str)], body: &str) -> Vec<String> {
        let mut answer = Response::builder().status(status).header("access-control-allow-origin", "*");
        for (name, value) in headers {
            answer = answer.header(*name, *value);
        }
        let answer = answer.body(Bytes::from(body.to_owned())).unwrap();
        let names = Names::new("u", &["u.pin".to_owned()]);
        vector(expected).differences(&names, &answer).into_iter().map(|difference| difference.of).collect()
    }

    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];

    #[test]
    fn the_expected_answer_has_no_difference() {
        let expected = r#"{"status":200,"body":{"a":"{offset}","b":["{user_id}",{"repeat":"{partition}","times":2}],"c":"{any}"}}"#;
        assert_eq!(differing(expected, 200, JSON, r#"{"a":0,"b":["u",7,12],"c":[{}]}"#), [""; 0]);
        assert_eq!(differing(r#"{"status":200}"#, 200, JSON, ""), [""; 0]);
        let expected = r#"{"status":200,"results":[{"repeat":{"at":"{timestamp}"},"times":2},"{topic_list}"]}"#;
        let results = "{\"at\":\"2026-09-23T12:00:00Z\"}\r\n{\"at\":\"2026-09-23T12:00:00.5Z\"}\r\n[\"u.pin\"]";
        assert_eq!(differing(expected, 200, JSON, results), [""; 0]);
        let expected = r#"{"status":200,"body":[{"repeat":["{broker}"],"times":"{any}"}]}"#;
        for body in ["[[1]]", "[[1],[2],[3]]"] {
            assert_eq!(differing(expected, 200, JSON, body), [""; 0]);
        }
        let headers = [("content-type", "text/x"), ("allow", "GET"), ("allow", "HEAD")];
        let expected = r#"{"status":200,"headers":{"Content-Type":"text/x","Allow":"GET, HEAD"}}"#;
        assert_eq!(differing(expected, 200, &headers, ""), [""; 0]);
    }

    #[test]
    fn each_difference_is_reported_with_its_path() {
        for (expected, body, places) in [
            ("{}", "[]", &["body"][..]),
            ("{}", "", &["body"]),
            ("{}", "{", &["body"]),
            ("1", "1.0", &["body"]),
            ("1", "\"1\"", &["body"]),
            (r#"{"a":1,"b":2}"#, r#"{"b":2,"a":1}"#, &["names in body"]),
            (r#"{"a":1}"#, r#"{"a":2,"b":2}"#, &["names in body", "body.a"]),
            (r#"[{"repeat":1,"times":3}]"#, "[1,2]", &["body", "body[1]"]),
            (r#"{"a":["{offset}"]}"#, r#"{"a":[-1]}"#, &["body.a[0]"]),
            (r#"["{sequence}","{sequence}"]"#, r#"["-1",""]"#, &["body[0]", "body[1]"]),
            (r#"["{shard}","{shard}"]"#, r#"["shardId-0","000000000000"]"#, &["body[0]", "body[1]"]),
            (r#"["{timestamp}","{timestamp}"]"#, r#"["now","2026-09-23T12:00:00.Z"]"#, &["body[0]", "body[1]"]),
            (r#"[{"repeat":1,"times":"{any}"}]"#, "[]", &["body"]),
            (r#"[{"repeat":1,"times":"{any}"}]"#, "[1,2]", &["body[1]"]),
            (r#"["{offset}","{offset}"]"#, r#"[null,"1"]"#, &["body[0]", "body[1]"]),
        ] {
            let expected = format!(r#"{{"status":200,"body":{expected}}}"#);
            assert_eq!(differing(&expected, 200, JSON, body), places, "{expected}: {body}");
        }
        let results = |body| differing(r#"{"status":200,"results":[1,2]}"#, 200, JSON, body);
        assert_eq!([results("1\r\n3"), results("1"), results("1\n2")].concat(), ["results[1]", "results", "results"]);
        assert_eq!(differing(r#"{"status":404}"#, 200, &[], "x"), ["status", "header content-type", "body"]);
    }

    #[test]
    fn long_values_are_cut() {
        let long = "é".repeat(10_000);
        let text = Difference::new("body", &long, "").to_string();
        assert!(text.len() < 1000 && text.contains("… (20000 bytes)"), "{text}");
    }
}

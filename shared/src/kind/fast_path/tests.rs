use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::{
    json,
    kind::{CATALOG, GEO, PIN, USER},
    sample,
};

fn rows(kind: &Kind) -> impl Iterator<Item = &'static str> {
    sample::rows(kind.table).unwrap().lines()
}

/// The key and the compact row, if the fast path takes it.
fn read(kind: &Kind, text: &str) -> Option<(String, String)> {
    let mut compact = b"before".to_vec();
    let row = kind.fast_path_row(text, &mut compact);
    let added = String::from_utf8(compact.split_off("before".len())).unwrap();
    assert_eq!(compact, b"before");
    let Some(FastPathRow { key, end, is_copied }) = row else {
        assert_eq!(added, "", "{text}");
        return None;
    };
    let row = if is_copied { added } else { text[..end].to_owned() };
    Some((key.to_owned(), row))
}

/// Asserts that the general reading of `text` agrees, if the fast path takes it. Returns whether it does.
fn assert_agrees(kind: &Kind, text: &str) -> bool {
    let Some((key, row)) = read(kind, text) else { return false };
    let (checked, end) = kind.check_any_start(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(checked.unwrap_or_else(|broken| panic!("{broken:?}: {text}")).key(), key, "{text}");
    assert_eq!(row, json::compact(&text[..end]), "{text}");
    true
}

#[test]
fn every_sample_row_is_taken_as_python_and_as_rust_print_it() {
    for kind in CATALOG {
        for row in rows(kind) {
            let compact = json::compact(row).into_owned();
            let spaced = compact.replace(",\"", ", \"").replace("\":", "\": ");
            for text in [row, &compact, &spaced] {
                assert!(assert_agrees(kind, &format!("{text} , ")), "{text}");
            }
        }
    }
}

#[test]
fn a_string_ends_at_its_quote_and_has_no_control_characters() {
    let geo = |country: &str| {
        format!(r#"{{"ind":1,"timestamp":"2020-08-28 03:52:47","latitude":1.5,"longitude":-1,"country":{country}}}"#)
    };
    for (country, is_taken) in [
        (r#""""#, true),
        (r#""a\"b\\""#, true),
        (r#""\/\b\f\n\r\t""#, true),
        (r#""\u00e9\uD83D\ude00""#, true),
        ("\"é\u{7f}\u{80}\u{10ffff}\"", true),
        ("null", true),
        (r#""\ud83d""#, false),
        (r#""\ud83dx""#, false),
        (r#""\ud83d\n""#, false),
        (r#""\ud83d\u0041""#, false),
        (r#""\ude00""#, false),
        (r#""\u00g0""#, false),
        (r#""\u+0e9""#, false),
        (r#""\x""#, false),
        (r#""\"#, false),
        ("\"a\tb\"", false),
        ("\"01234567\u{1}\"", false),
        ("\"\u{1f}\"", false),
        ("\"open", false),
        ("nul", false),
        ("1", false),
    ] {
        let text = geo(country);
        assert_eq!(assert_agrees(&GEO, &text), is_taken, "{text}");
    }
}

#[test]
fn numbers_have_jsons_form_and_are_in_range() {
    let geo = |latitude: &str| {
        format!(r#"{{"ind":1,"timestamp":"2020-08-28 03:52:47","latitude":{latitude},"longitude":-1,"country":"x"}}"#)
    };
    for (latitude, is_taken) in [
        ("90", true),
        ("-90.000000000", true),
        ("-0", true),
        ("0.5", true),
        ("90.0000000000001", false),
        ("89.9999999999999", true),
        ("89.99999999999999", false),
        ("00", false),
        ("1.", false),
        (".5", false),
        ("-", false),
        ("1e1", false),
        ("1E1", false),
        ("1.5e1", false),
        ("\"1\"", false),
        ("1 1", false),
    ] {
        let text = geo(latitude);
        assert_eq!(assert_agrees(&GEO, &text), is_taken, "{text}");
    }
    for (ind, is_taken) in
        [("0", true), ("2147483647", true), ("2147483648", false), ("-1", false), ("01", false), ("1.0", false)]
    {
        let text = geo("1").replacen("\"ind\":1", &format!("\"ind\":{ind}"), 1);
        assert_eq!(assert_agrees(&GEO, &text), is_taken, "{text}");
    }
}

#[test]
fn other_orders_names_and_ends_do_not_take_the_fast_path() {
    let user = r#"{"ind":1,"first_name":"a","last_name":"b","age":20,"date_joined":"2016-01-01 00:00:00"}"#;
    assert!(assert_agrees(&USER, user));
    for (from, to) in [
        ("\"ind\"", "\"index\""),
        ("\"last_name\":\"b\",", ""),
        ("\"last_name\"", "\"first_name\""),
        ("\"last_name\"", "\"last\\u005fname\""),
        ("}", ",}"),
        ("}", ",\"extra\":1}"),
        ("}", ""),
        ("{", "[{"),
        (":\"a\"", " \"a\""),
        ("2016-01-01", "2016-13-01"),
        ("2016-01", "2016\\u002d01"),
        (":20", ":\u{a0}20"),
    ] {
        assert!(!assert_agrees(&USER, &user.replacen(from, to, 1)), "{from} {to}");
    }
    assert!(assert_agrees(&USER, &user.replace(',', "\r\n,\t")));
    assert!(!assert_agrees(&USER, &format!(" {user}")), "the caller skips the whitespace in front");
}

#[test]
fn optional_fields_may_be_missing() {
    let row = rows(&PIN).next().unwrap();
    let Value::Object(whole) = serde_json::from_str(row).unwrap() else { panic!("{row}") };
    for field in PIN.fields {
        let mut fields: Vec<_> = PIN.fields.iter().filter(|other| other.name != field.name).collect();
        fields.retain(|field| whole.contains_key(field.name));
        let fields = fields.iter().map(|field| format!(", \"{}\": {}", field.name, whole[field.name]));
        let text = format!("{{\"index\": {}{}}}", whole["index"], fields.collect::<String>());
        assert_eq!(assert_agrees(&PIN, &text), field.presence == Presence::Optional, "{text}");
    }
}

proptest! {
    /// Bytes of a row replaced, inserted or removed.
    #[test]
    fn a_changed_row_is_read_like_any_row_or_not_at_all(
        kind in 0..CATALOG.len(),
        row in 0_usize..50,
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3_u8, "[ -~\\t\\n\u{e9}\u{1}]"), 1..4),
    ) {
        let kind = CATALOG[kind];
        let mut text: Vec<char> = rows(kind).nth(row).unwrap().chars().collect();
        for (at, change, with) in changes {
            let (at, with) = (at.index(text.len()), with.chars().next().unwrap());
            match change {
                0 => text[at] = with,
                1 => text.insert(at, with),
                _ => drop(text.remove(at)),
            }
        }
        assert_agrees(kind, &text.into_iter().collect::<String>());
    }

    #[test]
    fn the_first_special_byte_is_found(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let expected = bytes.iter().position(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).unwrap_or(bytes.len());
        prop_assert_eq!(ordinary_bytes(&bytes), expected);
    }
}

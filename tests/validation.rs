//! Validated, never rewritten: what is accepted arrives byte for byte, what is refused is not written and is told why.

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use shared::{
    json::compact,
    kind::{CATALOG, GEO, Kind, PIN, Presence, Rule, USER},
    sample,
};

use crate::support::{
    pipeline::{BINARY, Pipeline, envelope},
    rows::{parse, row, with},
};

/// Whitespace outside of strings goes, nothing else does.
fn as_written(value: &str) -> String {
    compact(value).into_owned()
}

fn topic(kind: &Kind) -> String {
    format!("/topics/u.{}", kind.name)
}

/// Each variant that a published client sends, with its kind and the value as it stands in the request.
pub(crate) fn accepted() -> Vec<(&'static str, &'static Kind, String)> {
    let mut cases = Vec::new();
    let mut add = |what: &'static str, kind: &'static Kind, value: String| cases.push((what, kind, value));
    let string = |value: &Value| Some(json!(value.as_str().map_or_else(|| value.to_string(), str::to_owned)));

    for kind in CATALOG {
        add("a row as it is", kind, with(kind, &[]));
        let strings: Vec<(String, Option<Value>)> =
            row(kind).iter().map(|(name, value)| (name.clone(), string(value))).collect();
        let strings: Vec<_> = strings.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
        add("every field as a string", kind, with(kind, &strings));
        add("a list that holds the row", kind, format!("[ {} ]", with(kind, &[])));
        add("one more key", kind, with(kind, &[("serialized", Some(json!({"a": [1, null]})))]));
        let spaced: Vec<_> = row(kind).iter().map(|(name, value)| format!(" \"{name}\"\t:\r\n {value} ")).collect();
        add("whitespace between", kind, format!("{{{}\n}}", spaced.join(",")));
        let key = row(kind)[kind.join_key].clone();
        let other = if kind.join_key == "index" { "ind" } else { "index" };
        add("the join key by its other name", kind, with(kind, &[(kind.join_key, None), (other, Some(key.clone()))]));
        add("both join keys, the same", kind, with(kind, &[(other, Some(key))]));
        for key in [json!(0), json!(2_147_483_647), json!("35"), json!(35.0), json!("35.0")] {
            add("a join key", kind, with(kind, &[(kind.join_key, Some(key))]));
        }
        for field in kind.fields {
            if field.presence != Presence::NotNull {
                add("null", kind, with(kind, &[(field.name, Some(Value::Null))]));
            }
            if field.presence == Presence::Optional {
                add("missing", kind, with(kind, &[(field.name, None)]));
            }
            let values = match field.rule {
                Rule::Text => json!(["", " ", "no src image", "Untitled", "é\u{1f600}\u{e000}", "a\nb\u{0}", "{}"]),
                Rule::TextOrList => json!(["N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", ["a", "b"], []]),
                Rule::Integer { min, max } => {
                    json!([min, max, min.to_string(), format!("{max}.0"), format!("{max}e0")])
                }
                Rule::Number { min, max } => json!([min, max, min.to_string(), 0, "-0.0", 1.10]),
                Rule::DateTime => json!([
                    "2020-08-28T03:52:47",
                    "2020-08-28 03:52:47",
                    "2020:08:28 03:52:47",
                    "08/28/2020, 03:52:47",
                    "2020-08-28T03:52:47.123456",
                    "2020-08-28T03:52:47Z",
                    "2020-08-28 03:52:47.5+02:00",
                    {"$date": "2020-08-28T03:52:47Z"},
                    {"$date": 1_598_586_767_000_i64},
                    {"$date": {"$numberLong": "1598586767000"}}
                ]),
            };
            for value in values.as_array().unwrap() {
                add("a value of the field", kind, with(kind, &[(field.name, Some(value.clone()))]));
            }
        }
    }
    add("img_src in place of image_src", &PIN, with(&PIN, &[("image_src", None), ("img_src", Some(Value::Null))]));
    for placeholder in ["User Info Error", "Image src error.", "multi-video(story page format)"] {
        add("a placeholder", &PIN, with(&PIN, &[("follower_count", Some(json!(placeholder)))]));
    }
    // The client's own spelling of numbers and strings.
    let geo = |latitude: &str, country: &str| {
        format!(
            "{{\"ind\":1,\"timestamp\":\"2020-08-28 03:52:47\",\"latitude\":{latitude},\"longitude\":1E1,\"country\":{country}}}"
        )
    };
    for latitude in ["1.10", "-0", "1e-7", "89.99999999999999999999", "0.30000000000000004"] {
        add("a number's spelling", &GEO, geo(latitude, "null"));
    }
    for country in
        [r#""C\u00f4te d'Ivoire""#, r#""Côte d'Ivoire""#, r#""\ud83d\ude00""#, r#""a\/b\"  c\\""#, "\"\u{7f}\""]
    {
        add("a string's spelling", &GEO, geo("1", country));
    }
    cases
}

#[tokio::test]
async fn every_accepted_variant_arrives_byte_for_byte() {
    let pipeline = Pipeline::start().await;
    let cases = accepted();
    for (what, kind, value) in &cases {
        let answer = pipeline.post(&topic(kind), envelope(&[value])).await;
        assert_eq!(answer.status, StatusCode::OK, "{kind}, {what}: {value}\n{}", answer.body);
    }
    for kind in CATALOG {
        let sent: Vec<_> =
            cases.iter().filter(|(_, of, _)| of == kind).map(|(_, _, value)| as_written(value)).collect();
        assert_eq!(pipeline.values(&format!("u.{kind}")), sent, "{kind}");
    }
}

#[tokio::test]
async fn every_sample_row_arrives_byte_for_byte_in_each_of_the_four_date_forms() {
    let pipeline = Pipeline::start().await;
    for kind in [PIN, GEO, USER] {
        let mut sent = Vec::new();
        for form in 0..4 {
            let rows: Vec<String> =
                sample::rows(kind.table).unwrap().lines().map(|row| with_dates(&kind, row, form)).collect();
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let answer = pipeline.post(&topic(&kind), envelope(&rows)).await;
            assert_eq!(answer.status, StatusCode::OK, "{kind}: {}", answer.body);
            sent.extend(rows.into_iter().map(as_written));
        }
        assert_eq!(sent.len(), 4 * 877);
        assert!(pipeline.values(&format!("u.{kind}")) == sent, "{kind}: another value, or another order");
    }
}

/// `2020-08-28 03:52:47` in one of the four forms, everything else as the row has it.
fn with_dates(kind: &Kind, row: &str, form: usize) -> String {
    let dates = kind.fields.iter().filter(|field| field.rule == Rule::DateTime);
    dates.fold(row.to_owned(), |row, field| {
        let date = parse(&row)[field.name].as_str().unwrap().to_owned();
        let (day, time) = date.split_once(' ').unwrap();
        let [year, month, date_of_month] = day.split('-').collect::<Vec<_>>()[..] else { panic!("{date}") };
        let written = match form {
            0 => date.clone(),
            1 => format!("{day}T{time}"),
            2 => format!("{year}:{month}:{date_of_month} {time}"),
            _ => format!("{month}/{date_of_month}/{year}, {time}"),
        };
        row.replace(&date, &written)
    })
}

/// Each mistake, with the value, and for each violation its field and a part of its sentence.
pub(crate) type Refused = (&'static str, &'static Kind, String, Vec<(Option<&'static str>, &'static str)>);

#[expect(clippy::too_many_lines, reason = "a table")]
pub(crate) fn refused() -> Vec<Refused> {
    let mut cases: Vec<Refused> = vec![
        (
            "encoded twice",
            &PIN,
            json!(with(&PIN, &[])).to_string(),
            vec![(None, "send the object itself, not its JSON text")],
        ),
        ("value in value", &PIN, format!(r#"{{"value":{}}}"#, with(&PIN, &[])), vec![(None, "unwrap it")]),
        ("a user row to .pin", &PIN, with(&USER, &[]), vec![(None, "looks like a user record; its topic is u.user")]),
        ("a geo row to .pin", &PIN, with(&GEO, &[]), vec![(None, "looks like a geo record; its topic is u.geo")]),
        ("a pin row to .user", &USER, with(&PIN, &[]), vec![(None, "looks like a pin record; its topic is u.pin")]),
        ("a pin row to .geo", &GEO, with(&PIN, &[]), vec![(None, "looks like a pin record; its topic is u.pin")]),
        ("a user row to .geo", &GEO, with(&USER, &[]), vec![(None, "looks like a user record; its topic is u.user")]),
        ("a geo row to .user", &USER, with(&GEO, &[]), vec![(None, "looks like a geo record; its topic is u.geo")]),
        (
            "the tutorial's test record",
            &USER,
            r#"{"index":1,"name":"Maya","age":25,"role":"engineer"}"#.to_owned(),
            vec![
                (Some("first_name"), "is missing"),
                (Some("last_name"), "is missing"),
                (Some("date_joined"), "is missing"),
            ],
        ),
        (
            "every field a list of one",
            &GEO,
            r#"{"ind":[1],"timestamp":["2020-08-28 03:52:47"],"latitude":[1],"longitude":[1],"country":["Chad"]}"#
                .to_owned(),
            ["ind", "timestamp", "latitude", "longitude", "country"]
                .map(|field| (Some(field), "is a list of one: send its element without the brackets"))
                .to_vec(),
        ),
        ("no value", &GEO, "null".to_owned(), vec![(None, "is missing or null")]),
        (
            "several rows in one record",
            &GEO,
            format!("[{0},{0}]", with(&GEO, &[])),
            vec![(None, "list of 2: send each row")],
        ),
        ("an empty list", &GEO, "[]".to_owned(), vec![(None, "must be one row; it is a list of 0")]),
        ("a list that holds no row", &GEO, "[1]".to_owned(), vec![(None, "a list of one that holds none")]),
        (
            "more fields than are kept",
            &GEO,
            format!("{{{}}}", (0..10_001).map(|at| format!("\"{at}\":0")).collect::<Vec<_>>().join(",")),
            vec![(None, "has 10001 fields, more than 10000")],
        ),
        ("a number", &GEO, "1".to_owned(), vec![(None, "must be the row, as an object; it is a number")]),
        ("a string", &GEO, "\"row\"".to_owned(), vec![(None, "must be the row, as an object; it is a string")]),
        ("true", &GEO, "true".to_owned(), vec![(None, "must be the row, as an object; it is a boolean")]),
        (
            "nothing in it",
            &USER,
            "{}".to_owned(),
            vec![
                (Some("ind"), "is missing; a row is joined by `index` or `ind`"),
                (Some("first_name"), "is missing"),
                (Some("last_name"), "is missing"),
                (Some("date_joined"), "is missing"),
            ],
        ),
        (
            "two join keys that differ",
            &GEO,
            with(&GEO, &[("index", Some(json!(1))), ("ind", Some(json!(2)))]),
            vec![(Some("ind"), "differs from the row's other join key")],
        ),
        (
            "a field twice",
            &GEO,
            with(&GEO, &[]).replacen('{', r#"{"latitude":0,"#, 1),
            vec![(Some("latitude"), "appears more than once")],
        ),
        (
            "an unknown field twice",
            &GEO,
            with(&GEO, &[]).replacen('{', r#"{"x":0,"\u0078":0,"#, 1),
            vec![(Some("x"), "appears more than once")],
        ),
    ];
    let mut one = |kind: &'static Kind, field: &'static str, value: Value, problem: &'static str| {
        cases.push(("one field", kind, with(kind, &[(field, Some(value))]), vec![(Some(field), problem)]));
    };
    let join_key = "must be a whole number from 0 to 2147483647; it is ";
    for value in
        [json!(-1), json!(2_147_483_648_i64), json!(1.5), json!("x"), json!(""), json!(null), json!(true), json!(1e300)]
    {
        one(&GEO, "ind", value.clone(), join_key);
        one(&PIN, "index", value, join_key);
    }
    for value in [
        json!(-90.1),
        json!(90.000_01),
        json!("91"),
        json!("north"),
        json!(" 1"),
        json!("0x1"),
        json!("NaN"),
        json!({}),
    ] {
        one(&GEO, "latitude", value, "must be a number from -90 to 90; it is ");
    }
    for value in [json!(-180.1), json!("181"), json!(false)] {
        one(&GEO, "longitude", value, "must be a number from -180 to 180; it is ");
    }
    for value in [json!(-1), json!(151), json!("151"), json!(35.5), json!("")] {
        one(&USER, "age", value, "must be a whole number from 0 to 150; it is ");
    }
    for value in [json!(2), json!("2"), json!(-1), json!(true), json!("yes")] {
        one(&PIN, "downloaded", value, "must be 0 or 1; it is ");
    }
    for value in [json!("2021-02-29 00:00:00"), json!("2020-13-01T00:00:00"), json!("13/13/2020, 00:00:00")] {
        one(&USER, "date_joined", value, "is not an existing date: ");
    }
    for value in [
        json!(""),
        json!("yesterday"),
        json!("2020-08-28"),
        json!(1_598_586_767),
        json!({"$date": "x"}),
        json!({"date": 1}),
    ] {
        one(&GEO, "timestamp", value, "must be a date and time, `2020-08-28T03:52:47`, ");
    }
    for field in PIN.fields.iter().filter(|field| matches!(field.rule, Rule::Text)) {
        one(&PIN, field.name, json!(5), "must be a string; it is the number 5");
    }
    one(&PIN, "unique_id", Value::Null, "must be a string; it is null");
    one(&PIN, "tag_list", json!(["a", 1]), "must be a string or a list of strings; it is a list");
    for kind in CATALOG {
        for field in kind.fields.iter().filter(|field| field.presence != Presence::Optional) {
            let value = with(kind, &[(field.name, None)]);
            cases.push(("a field is missing", kind, value, vec![(Some(field.name), "is missing")]));
        }
    }
    cases
}

#[tokio::test]
async fn every_refused_value_is_told_what_is_wrong_and_nothing_of_its_request_is_written() {
    let pipeline = Pipeline::start().await;
    for (what, kind, value, expected) in refused() {
        let good = with(kind, &[]);
        let answer = pipeline.post(&topic(kind), envelope(&[&good, &value, &good])).await;
        let told = format!("{kind}, {what}: {value}\n{}", answer.body);
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        let body = answer.json();
        assert_eq!(body["error_code"], 42203, "{told}");
        assert!(body.get("offsets").is_none(), "{told}");
        let violations = body["violations"].as_array().unwrap();
        assert_eq!(violations.len(), expected.len(), "{told}");
        for (violation, (field, problem)) in violations.iter().zip(expected) {
            assert_eq!(violation["record"], 1, "{told}");
            assert_eq!(violation["field"].as_str(), field, "{told}");
            assert!(violation["problem"].as_str().unwrap().contains(problem), "{told}\n{problem}");
        }
        let message = body["message"].as_str().unwrap();
        assert!(message.starts_with("Conversion of JSON to Object failed: records[1].value"), "{told}");
    }
    for kind in CATALOG {
        assert_eq!(pipeline.records(&format!("u.{kind}")), [], "{kind}");
    }
}

#[tokio::test]
async fn an_answer_repeats_no_more_than_64_characters_of_a_value_and_lists_100_violations() {
    let pipeline = Pipeline::start().await;
    let long = "é\n".repeat(500);
    let value = with(&GEO, &[("latitude", Some(json!(long)))]);
    let answer = pipeline.post("/topics/u.geo", envelope(&vec![value.as_str(); 101])).await;
    assert_eq!(answer.body.matches('é').count(), 101 * 32, "100 in the list and one in the message");
    let body = answer.json();
    assert_eq!(body["violations"].as_array().unwrap().len(), 100);
    assert!(body["message"].as_str().unwrap().ends_with("(and 100 more)"), "{}", body["message"]);
}

#[tokio::test]
async fn the_binary_format_is_validated_as_well_and_its_bytes_are_kept() {
    let pipeline = Pipeline::start().await;
    let spaced = with(&GEO, &[]).replace(',', " ,\n ");
    let record = |value: &[u8]| format!(r#"{{"records":[{{"value":"{}"}}]}}"#, STANDARD.encode(value));
    let answer = pipeline.post_as(BINARY, "/topics/u.geo", record(spaced.as_bytes())).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    assert_eq!(pipeline.values("u.geo"), [spaced.as_str()]);

    for (value, problem) in [
        (b"\xff\xfe".as_slice(), "is not JSON: line 1, column 1: invalid UTF-8"),
        (b"not json", "is not JSON: line 1, column 2: expected ident"),
        (b"{}", "is missing"),
        (b"", "is not JSON: line 1, column 0: EOF while parsing a value"),
    ] {
        let answer = pipeline.post_as(BINARY, "/topics/u.geo", record(value)).await;
        assert_eq!(answer.json()["error_code"], 42203, "{}", answer.body);
        let found = answer.json()["violations"][0]["problem"].as_str().unwrap().to_owned();
        assert!(found.starts_with(problem), "{found}");
    }
    for data in [r#""*""#, "5", r#""a""#] {
        let answer = pipeline.post_as(BINARY, "/topics/u.geo", format!(r#"{{"records":[{{"value":{data}}}]}}"#)).await;
        let expected =
            json!({"error_code": 400, "message": format!("Bad Request: data={data} is not a base64 string.")});
        assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, expected));
    }
}

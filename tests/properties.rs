//! Properties of any row and any request body.

use archive::record::Form;
use axum::{
    body::Body,
    http::{Request, header},
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use shared::{
    kind::{CATALOG, Kind, Presence, Rule},
    publish::ProducerRecord,
};
use tokio::runtime::Runtime;

use crate::support::{
    pipeline::{BINARY, JSON, answer, envelope},
    recorder::Recorder,
    rows::with,
};

fn any_kind() -> impl Strategy<Value = &'static Kind> {
    select(CATALOG)
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 32, 6, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..6).prop_map(Value::from),
            vec((any::<String>(), inner), 0..6).prop_map(|entries| Value::Object(entries.into_iter().collect())),
        ]
    })
}

/// A value that satisfies its field's rule, or null where null is accepted.
fn valid(rule: Rule, presence: Presence) -> BoxedStrategy<Value> {
    let value = match rule {
        Rule::Text => any::<String>().prop_map(Value::from).boxed(),
        Rule::TextOrList => {
            prop_oneof![any::<String>().prop_map(Value::from), vec(any::<String>(), 0..4).prop_map(Value::from)].boxed()
        }
        Rule::Integer { min, max } => (min..=max)
            .prop_flat_map(|number| select(vec![json!(number), json!(number.to_string()), json!(number as f64)]))
            .boxed(),
        Rule::Number { min, max } => {
            (min..=max).prop_flat_map(|number| select(vec![json!(number), json!(number.to_string())])).boxed()
        }
        Rule::DateTime => (1900..2100_i32, 1..=12_u8, 1..=28_u8, 0..24_u8, 0..60_u8)
            .prop_flat_map(|(year, month, day, hour, minute)| {
                select(vec![
                    json!(format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:01.5Z")),
                    json!(format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:59")),
                    json!(format!("{year:04}:{month:02}:{day:02} {hour:02}:{minute:02}:00")),
                    json!(format!("{month:02}/{day:02}/{year:04}, {hour:02}:{minute:02}:00+01:00")),
                ])
            })
            .boxed(),
    };
    if presence == Presence::NotNull { value } else { prop_oneof![9 => value, 1 => Just(Value::Null)].boxed() }
}

/// A valid row with further fields, as text with any whitespace.
fn any_row(kind: &'static Kind) -> impl Strategy<Value = String> {
    let fields: Vec<_> =
        kind.fields.iter().map(|field| (Just(field.name), valid(field.rule, field.presence))).collect();
    let known: Vec<&str> = kind.fields.iter().map(|field| field.name).collect();
    let extra = vec((any::<String>(), any_json()), 0..4);
    (fields, 0..=i32::MAX, extra, vec(select(&["", " ", "\n", "\t\r\n  "]), 8)).prop_map(
        move |(fields, key, extra, spaces)| {
            let mut row = Map::new();
            for (name, value) in extra {
                if !known.contains(&name.as_str()) && name != "index" && name != "ind" {
                    row.insert(name, value);
                }
            }
            row.extend(fields.into_iter().map(|(name, value)| (name.to_owned(), value)));
            row.insert(kind.join_key.to_owned(), json!(key));
            spaced(&Value::Object(row), &mut spaces.iter().cycle())
        },
    )
}

/// The value's JSON with whitespace between its tokens.
fn spaced<'a>(value: &Value, spaces: &mut impl Iterator<Item = &'a &'static str>) -> String {
    let mut space = || (*spaces.next().unwrap()).to_owned();
    match value {
        Value::Array(list) => {
            let elements: Vec<_> = list.iter().map(|element| spaced(element, spaces)).collect();
            format!("[{}]", elements.join(" , "))
        }
        Value::Object(object) => {
            let (before, after) = (space(), space());
            let entries: Vec<_> = object
                .iter()
                .map(|(name, value)| format!("{before}{}{after}:{before}{}", json!(name), spaced(value, spaces)))
                .collect();
            format!("{{{}{after}}}", entries.join(","))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => space() + &value.to_string(),
    }
}

/// Removes the whitespace outside of strings, independently of the tested code.
fn without_whitespace(text: &str) -> String {
    let mut out = String::new();
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            in_string = c != '"' || escaped;
            escaped = c == '\\' && !escaped;
        } else if c == '"' {
            in_string = true;
        } else if c.is_ascii_whitespace() {
            continue;
        }
        out.push(c);
    }
    out
}

fn post(runtime: &Runtime, recorder: &Recorder, kind: &Kind, content_type: &str, body: Vec<u8>) -> (u16, Value) {
    let request = Request::post(format!("/topics/u.{kind}")).header(header::CONTENT_TYPE, content_type);
    let answer = runtime.block_on(answer(&recorder.router(), request.body(Body::from(body)).unwrap()));
    let json = serde_json::from_str(&answer.body).unwrap_or_else(|error| panic!("{error}: {}", answer.body));
    (answer.status.as_u16(), json)
}

/// Wrong bodies: any bytes, any JSON, envelopes of any JSON, and a valid one with some changed bytes.
fn any_body(kind: &'static Kind) -> impl Strategy<Value = Vec<u8>> {
    let good = envelope(&[&with(kind, &[])]).into_bytes();
    let changed =
        (Just(good), vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)).prop_map(|(mut body, changes)| {
            for (at, byte) in changes {
                let at = at.index(body.len());
                body[at] = byte;
            }
            body
        });
    let record = prop_oneof![
        any_json().prop_map(|value| json!({ "value": value })),
        (any_json(), any_json()).prop_map(|(key, value)| json!({ "key": key, "value": value })),
        (any_json(), any_json()).prop_map(|(partition, value)| json!({ "partition": partition, "value": value })),
        any_json(),
    ];
    prop_oneof![
        vec(any::<u8>(), 0..200),
        any_json().prop_map(|json| json.to_string().into_bytes()),
        vec(record, 0..4).prop_map(|records| json!({ "records": records }).to_string().into_bytes()),
        changed,
        "[\\[\\]{}\",:0-9eE.+\\\\u -]{0,60}".prop_map(String::into_bytes),
        vec(any::<u8>(), 0..100).prop_map(|bytes| [&[0x1f, 0x8b][..], &bytes].concat()),
    ]
}

proptest! {
    #[test]
    fn any_valid_row_is_forwarded_unchanged((kind, row) in any_kind().prop_flat_map(|kind| (Just(kind), any_row(kind)))) {
        let (runtime, recorder) = (Runtime::new().unwrap(), Recorder::default());
        let (status, answer) = post(&runtime, &recorder, kind, JSON, envelope(&[&row]).into_bytes());
        prop_assert_eq!(status, 200, "{}", answer);
        let written = recorder.take();
        prop_assert_eq!(written.len(), 1);
        let value = std::str::from_utf8(written[0].value.as_ref().unwrap()).unwrap();
        prop_assert_eq!(value, without_whitespace(&row));
        // The archive stores the value as it was written, and so as it was sent.
        prop_assert_eq!(Form::of(written[0].value.as_ref()), Form::Line(written[0].value.clone().unwrap()));
    }

    #[test]
    fn no_body_causes_a_panic_or_a_5xx_and_rejected_records_are_not_written(
        (kind, body) in any_kind().prop_flat_map(|kind| (Just(kind), any_body(kind))),
        content_type in select(&[JSON, BINARY]),
    ) {
        let (runtime, recorder) = (Runtime::new().unwrap(), Recorder::default());
        let (status, answer) = post(&runtime, &recorder, kind, content_type, body);
        prop_assert!(status < 500, "{}", answer);
        let records = recorder.take();
        let written = records.len();
        if status == 200 {
            prop_assert_eq!(answer["offsets"].as_array().unwrap().len(), written);
            let archived = |record: &ProducerRecord| matches!(Form::of(record.value.as_ref()), Form::Line(_));
            prop_assert!(records.iter().all(archived), "accepted records are never quarantined");
        } else {
            prop_assert!(answer["message"].is_string() && answer["error_code"].is_u64(), "{}", answer);
            prop_assert_eq!(written, 0);
        }
    }
}

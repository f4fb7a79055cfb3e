use serde_json::{Map, Value};

use super::*;
use crate::sample;

pub(super) type Row = Map<String, Value>;

/// The row of a kind for the first post of the sample.
fn row(kind: &Kind) -> Row {
    serde_json::from_str(sample::rows(kind.table).unwrap().lines().next().unwrap()).unwrap()
}

/// The same row in a published client's form.
pub(super) fn in_form(kind: &Kind, form: &Form) -> Row {
    let mut row = row(kind);
    for (name, json) in form.changes {
        match json {
            Some(json) => row.insert((*name).to_owned(), serde_json::from_str(json).unwrap()),
            None => Some(row.remove(*name).unwrap_or_else(|| panic!("{kind}, {form}: no `{name}` to leave out"))),
        };
    }
    row
}

/// Each row of a kind that is to be told from the others: in its table's form, in each published one, and in all of them
/// that leave something out at once.
fn published(kind: &Kind) -> Vec<(String, Row)> {
    let mut least = row(kind);
    least.retain(|name, _| !kind.fields.iter().any(|field| field.name == name && field.presence == Presence::Optional));
    let forms = kind.forms.iter().map(|form| (form.to_string(), in_form(kind, form)));
    forms.chain([("its table's".to_owned(), row(kind)), ("the least".to_owned(), least)]).collect()
}

fn check(kind: &Kind, value: &str) -> Result<JoinKey, BrokenRules> {
    kind.check(value).map_err(|invalid| match invalid {
        Invalid::Rules(broken) => broken,
        Invalid::NotJson(error) => panic!("{error}: {value}"),
    })
}

/// The only problem with a value.
fn problem(kind: &Kind, value: &str) -> String {
    let broken = check(kind, value).unwrap_err();
    assert_eq!((broken.count, broken.listed.len(), &broken.listed[0].field), (1, 1, &None), "{kind}: {broken:?}");
    broken.listed[0].problem.clone()
}

/// A list as JSON, of rows as JSON.
fn list(rows: &[String]) -> String {
    format!("[{}]", rows.join(","))
}

#[test]
fn each_published_form_is_accepted_in_its_own_topic_and_recognized_in_every_other() {
    for own in CATALOG {
        for (form, row) in published(own) {
            let row = Value::Object(row).to_string();
            for kind in CATALOG {
                for value in [row.clone(), format!("[{row}]")] {
                    if kind == own {
                        assert_eq!(check(kind, &value), Ok(JoinKey(4)), "{form}: {value}");
                    } else {
                        let advice = format!("looks like a {own} record");
                        assert_eq!(problem(kind, &value), advice, "{own} to {kind}, {form}: {value}");
                    }
                }
            }
        }
    }
}

#[test]
fn the_order_of_the_fields_does_not_matter() {
    for kind in CATALOG {
        for (form, row) in published(kind) {
            let reversed: Vec<_> =
                row.iter().rev().map(|(name, value)| format!("{}:{value}", Value::from(name.as_str()))).collect();
            let reversed = format!("{{{}}}", reversed.join(","));
            assert_eq!(check(kind, &reversed), check(kind, &Value::Object(row).to_string()), "{form}: {reversed}");
        }
    }
}

#[test]
fn a_field_may_be_missing_or_renamed_only_because_a_published_client_sends_it_so() {
    for kind in CATALOG {
        for Field { name, alias, presence, .. } in kind.fields {
            let left_out = |form: &&Form| form.changes.contains(&(name, None));
            let renamed = |form: &Form| form.changes.iter().any(|(to, json)| json.is_some() && Some(*to) == *alias);
            let mut forms = kind.forms.iter().filter(left_out);
            assert_eq!(*presence == Presence::Optional, forms.clone().any(|form| !renamed(form)), "{kind}.{name}");
            assert_eq!(alias.is_some(), forms.any(renamed), "{kind}.{name}");
        }
    }
}

#[test]
fn each_name_of_a_field_is_held_to_its_rule() {
    let renamed = |changes: &[(&str, Option<&str>)]| {
        let mut row = row(&USER);
        for (name, value) in changes {
            match value {
                Some(value) => row.insert((*name).to_owned(), (*value).into()),
                None => row.remove(*name),
            };
        }
        let broken =
            check(&USER, &Value::Object(row).to_string()).map_or_else(|broken| broken, |_| BrokenRules::default());
        broken.listed.into_iter().map(|violation| violation.field.unwrap().into_owned()).collect::<Vec<_>>()
    };
    let date = Some("2015-10-21 21:26:45");
    assert_eq!(renamed(&[("date-joined", date)]), [""; 0]);
    assert_eq!(renamed(&[("date-joined", Some("never"))]), ["date-joined"]);
    assert_eq!(renamed(&[("date_joined", Some("never")), ("date-joined", date)]), ["date_joined"]);
    assert_eq!(renamed(&[("date_joined", None), ("date-joined", Some("never"))]), ["date-joined"]);
    assert_eq!(renamed(&[("date_joined", None)]), ["date_joined"]);
}

#[test]
fn the_tutorials_test_record_is_named_and_answered_with_what_to_send() {
    for (kind, needed) in [
        (&PIN, "`index`, `unique_id`, `title`, `poster_name`, `follower_count`, `is_image_or_video` and `downloaded`"),
        (&GEO, "`ind`, `timestamp`, `latitude` and `longitude`"),
        (&USER, "`ind`, `first_name`, `last_name` and `date_joined`"),
    ] {
        for record in [
            r#"{"index":1,"name":"Maya","age":25,"role":"engineer"}"#,
            r#"{"index":"1","name":"Sam","age":"thirty","role":null,"team":"data"}"#,
            r#"[{"name":"Maya","role":"engineer"}]"#,
        ] {
            let expected = format!(
                "is the tutorial's test record, not a {kind} record: send a row with {needed}, or send it to a topic of \
                 PASS_THROUGH_TOPICS or `--pass-through`, which takes any record"
            );
            assert_eq!(problem(kind, record), expected, "{record}");
        }
    }
    let mut author = row(&USER);
    author.extend(
        [("name", "Maya"), ("role", "engineer"), ("age", "old")].map(|(name, to)| (name.to_owned(), to.into())),
    );
    let broken = check(&USER, &Value::Object(author).to_string()).unwrap_err();
    assert_eq!(broken.listed[0].field.as_deref(), Some("age"), "a user with further fields is a user: {broken:?}");
}

#[test]
fn a_row_of_no_kind_is_answered_with_every_rule_that_it_breaks() {
    for kind in CATALOG {
        let required = kind.fields.iter().filter(|field| field.presence != Presence::Optional).count();
        for garbage in
            ["{}", r#"{"a":1,"b":[2]}"#, r#"{"name":"Maya"}"#, r#"{"role":1,"country":5,"category":5,"age":-1}"#]
        {
            let broken = check(kind, garbage).unwrap_err();
            let missing = broken.listed.iter().filter(|violation| violation.problem.starts_with("is missing")).count();
            assert_eq!(missing, 1 + required, "{kind}: {garbage}: {broken:?}");
            assert!(broken.listed.iter().all(|violation| violation.field.is_some()), "{kind}: {garbage}");
        }
    }
}

#[test]
fn a_list_of_rows_has_the_join_key_of_its_first_row() {
    for kind in CATALOG {
        let rows: Vec<_> = sample::rows(kind.table).unwrap().lines().take(250).map(str::to_owned).collect();
        assert_eq!(check(kind, &list(&rows)), Ok(JoinKey(4)), "{kind}");
    }
}

#[test]
fn each_row_of_a_list_is_named_by_its_place_if_there_are_several() {
    let place = |value: &str| {
        let broken = check(&GEO, value).unwrap_err();
        let place = |violation: &Violation| (violation.row, violation.field.as_deref().map(str::to_owned));
        broken.listed.iter().map(place).collect::<Vec<_>>()
    };
    let good = Value::Object(row(&GEO)).to_string();
    let south = good.replace("-88.8298", "-98.8298");
    let latitude = || Some("latitude".to_owned());
    let pin = Value::Object(row(&PIN)).to_string();
    assert_eq!(
        place(&list(&[good.clone(), south.clone(), pin, "1".to_owned()])),
        [(Some(1), latitude()), (Some(2), None), (Some(3), None)]
    );
    assert_eq!(place(&list(std::slice::from_ref(&south))), [(None, latitude())]);
    assert_eq!(place(&south), [(None, latitude())]);
}

#[test]
fn a_list_without_rows_or_with_too_many_is_refused_as_a_whole() {
    for (value, expected) in [
        ("[]", "must be the row, or a list of rows; it is an empty list"),
        ("[1]", "must be the row, or a list of rows; it is a list of 1 that holds none"),
        ("[[{}],\"{}\",null]", "must be the row, or a list of rows; it is a list of 3 that holds none"),
    ] {
        assert_eq!(problem(&GEO, value), expected, "{value}");
    }
    let good = Value::Object(row(&GEO)).to_string();
    let most = vec![good; MAX_ROWS + 1];
    assert_eq!(check(&GEO, &list(&most[1..])), Ok(JoinKey(4)));
    assert_eq!(problem(&GEO, &list(&most)), "is a list of 40001 rows, more than 40000: send them in several records");
}

#[test]
fn of_the_rules_that_a_list_breaks_the_first_hundred_are_kept_and_all_are_counted() {
    let broken = check(&GEO, &list(&vec!["{}".to_owned(); 1_000])).unwrap_err();
    assert_eq!((broken.listed.len(), broken.count), (MAX_LISTED, 4_000));
    assert_eq!(broken.listed[MAX_LISTED - 1].row, Some(24));
}

#[test]
fn a_list_is_json_to_the_letter_in_all_of_its_rows() {
    let good = Value::Object(row(&GEO)).to_string();
    let deep = |levels: usize| {
        good.replace("\"country\"", &format!("\"x\":{}{},\"country\"", "[".repeat(levels), "]".repeat(levels)))
    };
    for row in [
        deep(125),
        deep(126),
        deep(127),
        good.replace(":4", ":1e999"),
        good.replace("Albania", "\\ud800"),
        good.replace('}', ",}"),
        "nul".to_owned(),
        good.clone() + ",",
        good.clone() + "]",
    ] {
        for text in [list(&[good.clone(), row.clone()]), list(&[row])] {
            let ours = GEO.check(&text);
            let not_json = matches!(ours, Err(Invalid::NotJson(_)));
            assert_eq!(not_json, crate::json::check(text.as_bytes()).is_err(), "{text:.300}: {ours:?}");
            let start = GEO.check_any_start(&text);
            assert!(start.is_err() == not_json || text.ends_with("]]"), "{text:.300}");
        }
    }
}

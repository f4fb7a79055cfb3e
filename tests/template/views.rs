//! The archive's views and queries, on `DuckDB` with Trino's functions.
//!
//! It proves the SQL's results. That Athena parses it alike rests on Trino's documentation.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDateTime};
use serde_json::{Map, Value, json};
use shared::{
    json::compact,
    kind::{CATALOG, JOIN_KEYS, Kind},
    sample,
};

use super::{archive::views, cases::with};
use crate::{
    contract::written,
    support::{
        rows::parse,
        template::{Stack, python, stack},
    },
};

/// User ids and archived lines, by kind.
type Lines = BTreeMap<&'static str, Vec<(String, String)>>;

/// Runs every view and named query, and returns their rows.
fn query(stack: &Stack, lines: &Lines) -> Value {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let views: BTreeMap<_, _> =
        views(stack).into_iter().map(|(name, view, _)| (name, text(&view["originalSql"]))).collect();
    let queries = stack.of_type("AWS::Athena::NamedQuery").map(|(name, query)| (name, text(&query["QueryString"])));
    let queries: BTreeMap<_, _> = queries.collect();
    let schema = &stack.outputs["CatalogName"]["Value"];
    python("athena.py", &json!({"schema": schema, "lines": lines, "views": views, "queries": queries}))
}

/// The row of a line, which may be in a list.
fn row(line: &str) -> Map<String, Value> {
    let value: Value = serde_json::from_str(line).unwrap();
    let row = if let Value::Array(rows) = &value { &rows[0] } else { &value };
    row.as_object().unwrap().clone()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.parse().ok())
}

fn whole(value: &Value) -> Value {
    number(value).map_or(Value::Null, integer)
}

#[expect(clippy::cast_possible_truncation, reason = "only whole numbers are valid here")]
fn integer(number: f64) -> Value {
    json!(number as i64)
}

/// Parses `20k` or `2M`.
fn followers(value: &Value) -> Value {
    let text = value.as_str().unwrap_or_default();
    let by = |suffix, by| text.strip_suffix(suffix)?.parse::<f64>().ok().map(|number| integer(number * by));
    by('k', 1e3).or_else(|| by('M', 1e6)).unwrap_or_else(|| whole(value))
}

/// The timestamp without fraction and time zone.
fn timestamp(value: &Value) -> Value {
    let value = value.get("$date").unwrap_or(value);
    let value = value.get("$numberLong").unwrap_or(value);
    let as_text = |moment: NaiveDateTime| json!(moment.format("%Y-%m-%d %H:%M:%S").to_string());
    let Some(text) = value.as_str() else {
        return value
            .as_i64()
            .map_or(Value::Null, |ms| as_text(DateTime::from_timestamp_millis(ms).unwrap().naive_utc()));
    };
    if let Ok(ms) = text.parse() {
        return as_text(DateTime::from_timestamp_millis(ms).unwrap().naive_utc());
    }
    let forms = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y:%m:%d %H:%M:%S", "%m/%d/%Y, %H:%M:%S"];
    let read = forms.iter().find_map(|form| NaiveDateTime::parse_and_remainder(text, form).ok());
    as_text(read.unwrap_or_else(|| panic!("not a date: {text}")).0)
}

/// A column's expected value.
fn expected(row: &Map<String, Value>, column: &str, kind: &str) -> Value {
    let value = if column == "ind" { JOIN_KEYS.iter().find_map(|key| row.get(*key)) } else { row.get(column) };
    let value = value.unwrap_or(&Value::Null);
    match (column, kind) {
        ("follower_count", _) => followers(value),
        (_, "integer" | "bigint") => whole(value),
        (_, "double") => number(value).map_or(Value::Null, |number| json!(number)),
        (_, "timestamp") => timestamp(value),
        _ if value.is_array() => value.to_string().into(),
        _ => value.clone(),
    }
}

#[tokio::test]
#[ignore = "needs SAM and DuckDB: make test"]
async fn views_return_the_values_of_every_accepted_line() {
    let stack = stack(&with(&[])).await;
    let mut lines = Lines::new();
    for kind in CATALOG {
        let written = written(kind).into_iter().map(|value| ("demo".to_owned(), compact(&value).into_owned()));
        lines.insert(kind.name, written.collect());
        let rows = sample::rows(kind.table).unwrap().lines();
        lines.get_mut(kind.name).unwrap().extend(rows.map(|row| ("b-2".to_owned(), row.to_owned())));
    }
    let results = query(&stack, &lines);
    for (name, view, _) in views(&stack) {
        let kind = CATALOG.iter().find(|kind| kind.table == name).unwrap();
        let rows = results[name].as_array().unwrap();
        assert_eq!(rows.len(), lines[kind.name].len(), "{name}");
        for ((user_id, line), found) in lines[kind.name].iter().zip(rows) {
            let row = row(line);
            for column in view["columns"].as_array().unwrap() {
                let (column, of) = (column["name"].as_str().unwrap(), column["type"].as_str().unwrap());
                let expected = if column == "user_id" { json!(user_id) } else { expected(&row, column, of) };
                let same = match (expected.as_f64(), found[column].as_f64()) {
                    (Some(expected), Some(found)) => (expected - found).abs() <= f64::EPSILON * expected.abs(),
                    _ => expected == found[column],
                };
                assert!(same, "{name}.{column} is {} and should be {expected}: {line}", found[column]);
            }
        }
    }
}

/// The sample's rows of a kind, by join key.
fn rows(kind: &Kind) -> BTreeMap<i64, Map<String, Value>> {
    let rows = sample::rows(kind.table).unwrap().lines().map(parse);
    rows.map(|row| (row[kind.join_key].as_i64().unwrap(), row)).collect()
}

/// Each group's most frequent category with its count, or several categories with the same count.
fn most<G: Ord + Clone>(posts: &[(G, String)]) -> BTreeSet<(G, String, usize)> {
    let mut counts: BTreeMap<G, BTreeMap<String, usize>> = BTreeMap::new();
    for (group, category) in posts {
        *counts.entry(group.clone()).or_default().entry(category.clone()).or_default() += 1;
    }
    let mut most = BTreeSet::new();
    for (group, counts) in counts {
        let top = *counts.values().max().unwrap();
        let first = counts.into_iter().filter(|(_, count)| *count == top);
        most.extend(first.map(|(category, count)| (group.clone(), category, count)));
    }
    most
}

#[tokio::test]
#[ignore = "needs SAM and DuckDB: make test"]
async fn the_named_queries_agree_with_a_count_in_rust() {
    let stack = stack(&with(&[])).await;
    // A duplicate counts once; the same post of another user id counts separately.
    let lines: Lines = CATALOG
        .iter()
        .map(|kind| {
            let rows = sample::rows(kind.table).unwrap().lines();
            let sent = rows.flat_map(|row| ["demo", "demo", "b-2"].map(|user_id| (user_id.to_owned(), row.to_owned())));
            (kind.name, sent.collect())
        })
        .collect();
    let results = query(&stack, &lines);
    let [pins, geos, users] =
        ["pin", "geo", "user"].map(|name| rows(CATALOG.iter().find(|kind| kind.name == name).unwrap()));
    let text = |value: &Value| value.as_str().unwrap().to_owned();

    let by_country: Vec<_> =
        geos.iter().map(|(ind, geo)| (text(&geo["country"]), text(&pins[ind]["category"]))).collect();
    let by_country = most(&by_country).into_iter();
    let by_country: Vec<_> = by_country
        .map(|(country, category, posts)| json!({"country": country, "category": category, "posts": 2 * posts}))
        .collect();
    assert_eq!(results["CategoryByCountry"], json!(by_country));

    let by_year: Vec<_> = geos
        .iter()
        .map(|(ind, geo)| (text(&geo["timestamp"])[..4].parse::<i32>().unwrap(), text(&pins[ind]["category"])))
        .collect();
    let by_year = most(&by_year).into_iter();
    let by_year: Vec<_> = by_year
        .map(|(year, category, posts)| json!({"post_year": year, "category": category, "posts": 2 * posts}))
        .collect();
    assert_eq!(results["CategoryByYear"], json!(by_year));

    let mut by_age: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for (ind, user) in &users {
        let group = match user["age"].as_i64().unwrap() {
            18..=24 => "18-24",
            25..=35 => "25-35",
            36..=50 => "36-50",
            51.. => "50+",
            _ => continue,
        };
        by_age.entry(group).or_default().extend(followers(&pins[ind]["follower_count"]).as_i64());
    }
    let median = |mut counts: Vec<i64>| {
        counts.sort_unstable();
        counts[(counts.len() - 1) / 2]
    };
    let by_age: Vec<_> = by_age
        .into_iter()
        .map(|(group, counts)| json!({"age_group": group, "median_follower_count": median(counts)}))
        .collect();
    assert_eq!(results["FollowersByAge"], json!(by_age));
}

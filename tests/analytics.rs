//! The questions of `analytics/`: one text each, with the golden answers on every engine.
//!
//! The tables come from a reference cleaning in Python, [`cleaning.py`](analytics/cleaning.py).

use std::{collections::BTreeMap, fs};

use serde_json::{Map, Value, json};
use shared::{
    kind::{CATALOG, Kind},
    sample::{self, COURSE_ORDER},
};

use crate::support::{
    rows::parse,
    template::{python_in, workspace},
};

/// The posts of the golden answers: the first of the course's order.
const POSTS: usize = 131;

/// The SQL of each question, by file name.
fn questions() -> BTreeMap<String, String> {
    let files = fs::read_dir(workspace("analytics")).unwrap().map(|file| file.unwrap().path());
    let name = |file: &std::path::Path| file.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|file| (name(&file), fs::read_to_string(&file).unwrap())).collect()
}

/// The records of a kind's topic: partition, offset and value. Each post has an older row, which is that of the post `apart` places
/// further on. The last post's two rows are in the same value, a list.
fn records(kind: &Kind, apart: usize) -> Value {
    let rows = sample::rows(kind.table).unwrap().lines().map(parse);
    let rows: BTreeMap<_, _> = rows.map(|row| (row[kind.join_key].as_u64().unwrap(), Value::Object(row))).collect();
    let row = |at: usize| rows[&u64::from(COURSE_ORDER[at])].clone();
    let older = |at: usize| {
        let mut row = row(at + apart);
        row[kind.join_key] = COURSE_ORDER[at].into();
        row
    };
    let (single, last) = (0..POSTS - 1, POSTS - 1);
    let values = single.clone().map(older).chain(single.map(row)).chain([json!([older(last), row(last)])]);
    values.enumerate().map(|(offset, value)| json!([0, offset, value.to_string()])).collect()
}

/// The rows that answer each question on an engine.
fn answers(engine: &str) -> Map<String, Value> {
    // Older rows of different posts, so that they join to posts that never were.
    let records =
        CATALOG.iter().zip([40, 90, 150]).map(|(kind, apart)| (format!("{}_rows", kind.name), records(kind, apart)));
    let records: Map<_, _> = records.collect();
    let given = json!({"engine": engine, "records": records, "questions": questions()});
    let Value::Object(answers) = python_in("analytics", "answers.py", &given) else { panic!("not an object") };
    answers
}

/// Some columns of some rows.
fn columns(rows: &Value, numbers: &[usize], wanted: impl Fn(&Value) -> bool) -> Value {
    let rows = rows.as_array().unwrap().iter().filter(|row| wanted(row));
    rows.map(|row| numbers.iter().map(|number| row[*number].clone()).collect::<Value>()).collect()
}

fn assert_golden_answers(engine: &str) {
    let golden = fs::read_to_string(workspace("tests/golden/answers.json")).unwrap();
    let golden: Map<String, Value> = serde_json::from_str(&golden).unwrap();
    let answers = answers(engine);
    assert_eq!(answers.len(), 8);
    let all = |_: &Value| true;
    let first = |row: &Value| row[3] == 1;
    let years = &answers["2-categories-by-year.sql"];
    let countries = &answers["3-most-followed-by-country.sql"];
    let found = [
        ("1_country_category", answers["1-category-by-country.sql"].clone()),
        ("2a_year_category_counts", columns(years, &[0, 1, 2], all)),
        ("2b_year_top_category", columns(years, &[0, 1, 2], first)),
        ("3a_country_top_user", columns(countries, &[0, 1, 2], all)),
        ("3b_country_of_top_user", columns(countries, &[0, 2], first)),
        ("4_age_category", answers["4-category-by-age.sql"].clone()),
        ("5_age_median", answers["5-followers-by-age.sql"].clone()),
        ("6_joined_per_year_by_post", answers["6-joined-by-year.sql"].clone()),
        ("7_joinyear_median", answers["7-followers-by-joining-year.sql"].clone()),
        ("8_age_joinyear_median", answers["8-followers-by-age-and-joining-year.sql"].clone()),
    ];
    assert_eq!(golden.len(), found.len());
    let wrong: Vec<_> = found.iter().filter(|(part, rows)| golden[*part] != *rows).collect();
    assert!(wrong.is_empty(), "{engine} answers differently: {wrong:#?}");
}

#[test]
#[ignore = "needs DuckDB: make test"]
fn duckdb_gives_the_golden_answers() {
    assert_golden_answers("duckdb");
}

#[test]
#[ignore = "needs Spark: make test"]
fn spark_gives_the_golden_answers() {
    assert_golden_answers("spark");
}

#[test]
#[ignore = "needs Trino: make test"]
fn trino_gives_the_golden_answers() {
    assert_golden_answers("trino");
}

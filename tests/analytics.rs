//! The questions of `analytics/`: one text each, with the golden answers on every engine. Trino gets them from the template.
//!
//! `tables` writes the tables from an archive. Their rows are compared with those of a reference cleaning in Python,
//! [`cleaning.py`](analytics/cleaning.py).

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use archive::{
    bucket::{ArchiveUrl, Bucket},
    layout::{Content, TopicPartition},
};
use serde_json::{Map, Value, json};
use shared::{
    kind::{CATALOG, Kind},
    sample::{self, COURSE_ORDER},
};
use tables::{
    append::{Limits, Tables},
    run::{names, run},
};
use tokio::time::Instant;

use crate::support::{
    rows::parse,
    template::{parameters, python_in, stack, workspace},
};

/// The posts of the golden answers: the first of the course's order.
pub(crate) const POSTS: usize = 131;

/// The SQL of each question, by file name without its extension.
pub(crate) fn questions() -> BTreeMap<String, String> {
    let files = fs::read_dir(workspace("analytics")).unwrap().map(|file| file.unwrap().path());
    let name = |file: &Path| file.file_stem().unwrap().to_str().unwrap().to_owned();
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

/// The records of all topics, by table. The older rows are of different posts, so that they join to posts that never were.
pub(crate) fn all_records() -> Map<String, Value> {
    CATALOG.iter().zip([40, 90, 150]).map(|(kind, apart)| (format!("{kind}_rows"), records(kind, apart))).collect()
}

/// Archives records in objects of up to 25, and brings the tables up to date after each, in `folder`. Their small files are merged
/// on the way, and checkpoints written. Returns the tables' folders.
pub(crate) async fn write_tables(folder: &Path, records: &Map<String, Value>) -> Map<String, Value> {
    let bucket = Bucket::open(&ArchiveUrl::Folder(folder.to_owned())).await.unwrap();
    let limits = Limits { small_files: 3, ..Limits::default() };
    let tables = Tables::new(bucket.clone(), limits, || 1_785_000_000_123);
    for object in 0.. {
        let mut is_archived = false;
        for kind in CATALOG {
            let partition = TopicPartition { topic: format!("demo.{kind}"), partition: 0 };
            let values = records[&format!("{kind}_rows")].as_array().unwrap();
            let Some(values) = values.chunks(25).nth(object) else { continue };
            let lines: Vec<_> = values.iter().map(|record| record[2].as_str().unwrap()).collect();
            let path = partition.object(Content::Lines, values[0][1].as_u64().unwrap());
            assert!(bucket.create(&path, (lines.join("\n") + "\n").into()).await.unwrap());
            is_archived = true;
        }
        if !is_archived {
            break;
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        run(&tables, &names(&"demo".parse().unwrap()), deadline).await.into_result().unwrap();
    }
    for kind in CATALOG {
        let log = folder.join(format!("tables/demo/{kind}/_delta_log"));
        assert!(log.join("00000000000000000010.checkpoint.parquet").exists());
        // From here on readers need the checkpoint.
        fs::remove_file(log.join("00000000000000000000.json")).unwrap();
    }
    let folders =
        CATALOG.iter().map(|kind| (format!("{kind}_rows"), json!(folder.join("tables/demo").join(kind.name))));
    folders.collect()
}

/// The properties of the template's databases, tables and saved queries, in a stack of two user ids.
async fn deployed() -> Value {
    let stack = stack(&parameters(&[("UserIds", "demo,b-2")])).await;
    let of = |kind| stack.of_type(kind).map(|(_, properties)| properties).collect::<Vec<_>>();
    let [databases, tables, queries] = ["AWS::Glue::Database", "AWS::Glue::Table", "AWS::Athena::NamedQuery"].map(of);
    json!({"databases": databases, "tables": tables, "queries": queries})
}

/// The rows that answer each question on an engine.
async fn answers(engine: &str, deployed: &Value) -> Map<String, Value> {
    let (folder, records) = (tempfile::tempdir().unwrap(), all_records());
    let tables = write_tables(folder.path(), &records).await;
    let questions = questions();
    let given =
        json!({"engine": engine, "tables": tables, "records": records, "questions": questions, "deployed": deployed});
    let Value::Object(answers) = python_in("analytics", "answers.py", &given) else { panic!("not an object") };
    answers
}

/// Some columns of some rows.
fn columns(rows: &Value, numbers: &[usize], wanted: impl Fn(&Value) -> bool) -> Value {
    let rows = rows.as_array().unwrap().iter().filter(|row| wanted(row));
    rows.map(|row| numbers.iter().map(|number| row[*number].clone()).collect::<Value>()).collect()
}

/// Fails unless these are the right answers for the first [`POSTS`] posts. `answers` has the rows of each question, by name.
pub(crate) fn assert_golden(answers: &Map<String, Value>, engine: &str) {
    let golden = fs::read_to_string(workspace("tests/golden/answers.json")).unwrap();
    let golden: Map<String, Value> = serde_json::from_str(&golden).unwrap();
    assert_eq!(answers.len(), 8);
    let all = |_: &Value| true;
    let first = |row: &Value| row[3] == 1;
    let years = &answers["2-categories-by-year"];
    let countries = &answers["3-most-followed-by-country"];
    let found = [
        ("1_country_category", answers["1-category-by-country"].clone()),
        ("2a_year_category_counts", columns(years, &[0, 1, 2], all)),
        ("2b_year_top_category", columns(years, &[0, 1, 2], first)),
        ("3a_country_top_user", columns(countries, &[0, 1, 2], all)),
        ("3b_country_of_top_user", columns(countries, &[0, 2], first)),
        ("4_age_category", answers["4-category-by-age"].clone()),
        ("5_age_median", answers["5-followers-by-age"].clone()),
        ("6_joined_per_year_by_post", answers["6-joined-by-year"].clone()),
        ("7_joinyear_median", answers["7-followers-by-joining-year"].clone()),
        ("8_age_joinyear_median", answers["8-followers-by-age-and-joining-year"].clone()),
    ];
    assert_eq!(golden.len(), found.len());
    let wrong: Vec<_> = found.iter().filter(|(part, rows)| golden[*part] != *rows).collect();
    assert!(wrong.is_empty(), "{engine} answers differently: {wrong:#?}");
}

async fn assert_golden_answers(engine: &str, deployed: &Value) {
    assert_golden(&answers(engine, deployed).await, engine);
}

#[tokio::test]
#[ignore = "needs deltalake: make test"]
async fn deltalake_reads_the_rows_of_the_reference_cleaning() {
    assert!(answers("deltalake", &Value::Null).await.is_empty());
}

#[tokio::test]
#[ignore = "needs DuckDB: make test"]
async fn duckdb_gives_the_golden_answers() {
    assert_golden_answers("duckdb", &Value::Null).await;
}

#[tokio::test]
#[ignore = "needs Spark: make test"]
async fn spark_gives_the_golden_answers() {
    assert_golden_answers("spark", &Value::Null).await;
}

#[tokio::test]
#[ignore = "needs SAM and Trino: make test"]
async fn trino_gives_the_golden_answers_to_the_templates_queries_on_its_tables() {
    assert_golden_answers("trino", &deployed().await).await;
}

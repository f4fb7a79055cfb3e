//! The questions on the page of `local`: posts through HTTP, Kafka, the archive and the tables give the golden answers.

use std::{cmp::Reverse, collections::BTreeMap, fs};

use serde::Deserialize;
use serde_json::{Map, Value, json};
use shared::{
    kind::CATALOG,
    sample::{self, COURSE_ORDER},
};

use crate::{
    analytics::POSTS,
    live::{Viewer, seen, text},
    support::{local::Local, pipeline::envelope, template::workspace},
};

fn golden() -> Map<String, Value> {
    serde_json::from_str(&fs::read_to_string(workspace("tests/golden/answers.json")).unwrap()).unwrap()
}

/// Sends the posts of the golden answers, and waits until they are in the tables.
async fn send_posts(local: &Local) {
    for kind in CATALOG {
        let row = |line: &'static str| (serde_json::from_str::<Value>(line).unwrap()[kind.join_key].as_u64(), line);
        let rows: BTreeMap<_, _> = sample::rows(kind.table).unwrap().lines().map(row).collect();
        let rows: Vec<_> = COURSE_ORDER[..POSTS].iter().map(|ind| rows[&Some(u64::from(*ind))]).collect();
        assert_eq!(local.post(&format!("demo.{kind}"), &envelope(&rows)).await.0, 200);
    }
    Viewer::of(local).await.until(|state| state["totals"]["table_rows"] == CATALOG.len() * POSTS).await;
}

async fn answers(local: &Local) -> Value {
    let (status, answers) = text(local, "/live/answers?user_id=demo").await;
    assert_eq!(status, 200, "{answers}");
    serde_json::from_str(&answers).unwrap()
}

#[tokio::test]
async fn posts_sent_over_http_are_in_the_answers() {
    let local = Local::start_without_emulator().await;
    let none = answers(&local).await;
    assert_eq!(
        (&none["posts"], &none["is_complete"], &none["answers"][0]["rows"]),
        (&json!(0), &json!(true), &json!([]))
    );
    for (query, expected) in [("", 400), ("?user_id=other", 404)] {
        assert_eq!(text(&local, &format!("/live/answers{query}")).await.0, expected, "{query}");
    }
    send_posts(&local).await;
    let mut viewer = Viewer::of(&local).await;
    let answers = loop {
        let answers = answers(&local).await;
        if answers["is_complete"] == true {
            break answers;
        }
        // An event a second.
        viewer.next().await.unwrap();
    };
    assert_eq!(answers["posts"], POSTS);
    let countries = &answers["answers"][0];
    assert_eq!(countries["columns"], json!(["country", "category", "posts"]));
    assert_eq!(
        (&countries["rows"], &answers["answers"][7]["rows"]),
        (&golden()["1_country_category"], &golden()["8_age_joinyear_median"])
    );
    local.stop().await;
}

#[tokio::test]
async fn without_tables_the_questions_have_texts_and_no_answers() {
    let local = Local::start(&["--posts-per-second", "0", "--no-tables"]).await;
    assert_eq!(text(&local, "/live/answers?user_id=demo").await.0, 404);
    let pipeline: Value = serde_json::from_str(&text(&local, "/live/pipeline").await.1).unwrap();
    assert_eq!(pipeline["tables"], false);
    for question in pipeline["questions"].as_array().unwrap() {
        let file = workspace(&format!("analytics/{}", question["name"].as_str().unwrap()));
        assert_eq!(question["sql"], fs::read_to_string(file).unwrap());
    }
    local.stop().await;
}

/// The cards of the page, by the question's file name.
#[derive(Debug, Deserialize)]
struct Cards {
    messages: Vec<String>,
    /// Each bar's label, names and value.
    bars: BTreeMap<String, Value>,
    /// Each cell's row, column and value, and whether it is marked.
    grids: BTreeMap<String, Value>,
    /// The text that `Copy SQL` of the first card copies.
    copied: String,
}

/// The bars for rows of a label, perhaps a name, and a value. Ties have one bar.
fn bars(rows: &Value, mark: impl Fn(&Value) -> &'static str) -> Vec<Value> {
    let mut bars: Vec<(&Value, Vec<&str>, &Value)> = Vec::new();
    for row in rows.as_array().unwrap() {
        let row = row.as_array().unwrap();
        let (label, names, value) = (&row[0], &row[1..row.len() - 1], &row[row.len() - 1]);
        let names = names.iter().map(|name| name.as_str().unwrap());
        match bars.last_mut().filter(|bar| bar.0 == label) {
            Some(bar) => bar.1.extend(names),
            None => bars.push((label, names.collect(), value)),
        }
    }
    let text = |label: &Value| label.as_str().map_or_else(|| label.to_string(), str::to_owned);
    let bars = bars.into_iter();
    bars.map(|(label, names, value)| json!([text(label), names.join(", ") + mark(label), value])).collect()
}

/// The longest bars first.
fn ranked(mut bars: Vec<Value>) -> Vec<Value> {
    bars.sort_by_key(|bar| Reverse(bar[2].as_u64()));
    bars
}

#[tokio::test]
#[ignore = "needs Chromium: make test"]
async fn the_cards_show_the_golden_answers_and_copy_their_sql() {
    let local = Local::start_for_browser(&["--posts-per-second", "0"]).await;
    send_posts(&local).await;
    let cards: Cards = seen(&local, "answers", &[&POSTS.to_string()]).await;
    assert_eq!(cards.messages, <[String; 0]>::default());
    let golden = golden();
    let unmarked = |_: &Value| "";
    let of_all =
        |country: &Value| if *country == golden["3b_country_of_top_user"][0][0] { " (most of all)" } else { "" };
    let expected = [
        ("1-category-by-country.sql", ranked(bars(&golden["1_country_category"], unmarked))),
        ("3-most-followed-by-country.sql", ranked(bars(&golden["3a_country_top_user"], of_all))),
        ("4-category-by-age.sql", bars(&golden["4_age_category"], unmarked)),
        ("5-followers-by-age.sql", bars(&golden["5_age_median"], unmarked)),
        ("6-joined-by-year.sql", bars(&golden["6_joined_per_year_by_post"], unmarked)),
        ("7-followers-by-joining-year.sql", bars(&golden["7_joinyear_median"], unmarked)),
    ];
    assert_eq!(cards.bars, expected.map(|(name, bars)| (name.to_owned(), json!(bars))).into());

    let best = golden["2b_year_top_category"].as_array().unwrap();
    let cell = |row: &Value| json!([row[0].to_string(), row[1], row[2], best.contains(row)]);
    let cells = |rows: &Value, cell: &dyn Fn(&Value) -> Value| {
        let mut cells: Vec<_> = rows.as_array().unwrap().iter().map(cell).collect();
        cells.sort_by_key(ToString::to_string);
        cells
    };
    let ages = |row: &Value| json!([row[1].to_string(), row[0], row[2], false]);
    let expected = [
        ("2-categories-by-year.sql", cells(&golden["2a_year_category_counts"], &cell)),
        ("8-followers-by-age-and-joining-year.sql", cells(&golden["8_age_joinyear_median"], &ages)),
    ];
    assert_eq!(cards.grids.len(), expected.len());
    for (name, expected) in expected {
        assert_eq!(cells(&cards.grids[name], &Value::clone), expected, "{name}");
    }
    let first = fs::read_to_string(workspace("analytics/1-category-by-country.sql")).unwrap();
    assert_eq!(cards.copied.trim_end(), first.trim_end());
    local.stop().await;
}

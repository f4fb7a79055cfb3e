//! Tests on tables that the function `tables` writes from an archive in memory.

use archive::{
    layout::{Content, TopicPartition},
    memory::{Fault, Memory},
};
use serde_json::{Value, json};
use shared::{
    kind::Kind,
    sample::{self, COURSE_ORDER},
};
use tables::{
    append::{Limits, Tables},
    run::{names, run},
};
use tokio::time::sleep;

use super::*;

/// The posts of the golden answers: the first of the course's order.
const POSTS: usize = 131;

/// An archive in memory, and the tables beside it.
struct Archive {
    memory: Memory,
    tables: Tables,
}

impl Archive {
    fn new() -> Self {
        let memory = Memory::default();
        // Files are merged on the way.
        let limits = Limits { small_files: 3, ..Limits::default() };
        Self { tables: Tables::new(memory.bucket(1_000), limits, || 1_785_000_000_123), memory }
    }

    fn answering(&self, max_posts: u64) -> Answering {
        Answering::new(self.memory.bucket(1_000), "demo".parse().unwrap(), max_posts)
    }

    /// Archives lines of a kind's topic from `start` on.
    async fn archive(&self, kind: &Kind, start: usize, lines: &[String]) {
        let partition = TopicPartition { topic: format!("demo.{kind}"), partition: 0 };
        self.memory.put_raw(&partition.object(Content::Lines, start as u64), &(lines.join("\n") + "\n")).await;
    }

    /// Brings the tables up to date.
    async fn write_tables(&self) {
        let deadline = Instant::now() + Duration::from_mins(1);
        run(&self.tables, &names(&"demo".parse().unwrap()), deadline).await.into_result().unwrap();
    }
}

/// The archived lines of a kind's topic. Each post has an older row, which is that of the post `apart` places further on. The last
/// post's two rows are in the same value, a list.
fn lines(kind: &Kind, apart: usize) -> Vec<String> {
    let rows: BTreeMap<u64, Value> = sample::rows(kind.table)
        .unwrap()
        .lines()
        .map(|row| serde_json::from_str::<Value>(row).unwrap())
        .map(|row| (row[kind.join_key].as_u64().unwrap(), row))
        .collect();
    let row = |at: usize| rows[&u64::from(COURSE_ORDER[at])].clone();
    let older = |at: usize| {
        let mut row = row(at + apart);
        row[kind.join_key] = COURSE_ORDER[at].into();
        row
    };
    let (single, last) = (0..POSTS - 1, POSTS - 1);
    let values = single.clone().map(older).chain(single.map(row)).chain([json!([older(last), row(last)])]);
    values.map(|value| value.to_string()).collect()
}

/// Waits for the answers to all rows.
async fn complete(answering: &Answering) -> Value {
    loop {
        let view: Value = serde_json::from_str(&answering.answers().await.unwrap()).unwrap();
        if view["is_complete"] == true {
            return view;
        }
        sleep(INTERVAL).await;
    }
}

/// The parts of the golden answers: their question, and its columns there. Some parts have the rows in place 1 only.
const PARTS: [(&str, usize, &[usize], bool); 10] = [
    ("1_country_category", 1, &[0, 1, 2], false),
    ("2a_year_category_counts", 2, &[0, 1, 2], false),
    ("2b_year_top_category", 2, &[0, 1, 2], true),
    ("3a_country_top_user", 3, &[0, 1, 2], false),
    ("3b_country_of_top_user", 3, &[0, 2], true),
    ("4_age_category", 4, &[0, 1, 2], false),
    ("5_age_median", 5, &[0, 1], false),
    ("6_joined_per_year_by_post", 6, &[0, 1], false),
    ("7_joinyear_median", 7, &[0, 1], false),
    ("8_age_joinyear_median", 8, &[0, 1, 2], false),
];

fn assert_golden(view: &Value) {
    let golden: Value = serde_json::from_str(include_str!("../../../tests/golden/answers.json")).unwrap();
    assert_eq!((&view["posts"], golden.as_object().unwrap().len()), (&json!(POSTS), PARTS.len()));
    for (part, question, columns, is_first) in PARTS {
        let rows = view["answers"][question - 1]["rows"].as_array().unwrap();
        let rows = rows.iter().filter(|row| !is_first || row[3] == 1);
        let found: Value = rows.map(|row| columns.iter().map(|at| row[*at].clone()).collect::<Value>()).collect();
        assert_eq!(found, golden[part], "{part}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_posts_of_the_courses_order_give_the_golden_answers_also_after_a_restart() {
    let (archive, kinds) = (Archive::new(), CATALOG.iter().zip([40, 90, 150]));
    let running = archive.answering(MAX_POSTS);
    let lines: Vec<_> = kinds.map(|(kind, apart)| (kind, lines(kind, apart))).collect();
    for start in (0..2 * POSTS).step_by(25) {
        for (kind, lines) in &lines {
            let chunk = lines.iter().skip(start).take(25).cloned().collect::<Vec<_>>();
            if !chunk.is_empty() {
                archive.archive(kind, start, &chunk).await;
            }
        }
        archive.write_tables().await;
        complete(&running).await;
    }
    assert_golden(&complete(&running).await);
    assert_golden(&complete(&archive.answering(MAX_POSTS)).await);
}

#[tokio::test(start_paused = true)]
async fn more_posts_than_fit_give_their_limit_and_no_answers() {
    let archive = Archive::new();
    archive.archive(CATALOG[0], 0, &lines(CATALOG[0], 40)).await;
    archive.write_tables().await;
    let (fits, exceeds) = (archive.answering(POSTS as u64), archive.answering(POSTS as u64 - 1));
    assert!(complete(&fits).await["answers"].is_array());
    let view = complete(&exceeds).await;
    assert_eq!((&view["max_posts"], &view["answers"]), (&json!(POSTS - 1), &Value::Null));
    assert!(exceeds.state.lock().await.engine.is_none(), "their memory is freed");
}

#[tokio::test(start_paused = true)]
async fn the_answers_are_computed_once_an_interval_however_often_pages_ask() {
    let (archive, [first, second]) = (Archive::new(), [1, 2].map(|ind| format!("{{\"ind\":{ind}}}")));
    let answering = archive.answering(MAX_POSTS);
    archive.archive(CATALOG[0], 0, &[first]).await;
    archive.write_tables().await;
    assert_eq!(complete(&answering).await["posts"], 1);
    archive.archive(CATALOG[0], 1, &[second]).await;
    archive.write_tables().await;
    let soon: Value = serde_json::from_str(&answering.answers().await.unwrap()).unwrap();
    assert_eq!((&soon["posts"], &soon["is_complete"]), (&json!(1), &json!(false)));
    assert_eq!(complete(&answering).await["posts"], 2);
}

#[tokio::test(start_paused = true)]
async fn after_an_error_the_answers_have_every_row() {
    let archive = Archive::new();
    let answering = archive.answering(MAX_POSTS);
    archive.archive(CATALOG[0], 0, &lines(CATALOG[0], 40)).await;
    archive.write_tables().await;
    archive.memory.inject(Some(Fault::Refused));
    assert!(answering.answers().await.is_err());
    assert_eq!(complete(&answering).await["posts"], POSTS);
    // The next one is met with half of the rows known.
    archive.archive(CATALOG[0], 2 * POSTS - 1, &[r#"{"ind":1}"#.to_owned()]).await;
    archive.write_tables().await;
    sleep(INTERVAL).await;
    archive.memory.inject(Some(Fault::Refused));
    assert!(answering.answers().await.is_err());
    assert_eq!(complete(&answering).await["posts"], POSTS + 1);
}

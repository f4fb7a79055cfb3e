//! `make answers` and the notebook of `examples/`: what goes through HTTP, Kafka, the archive and the tables gets the golden
//! answers.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use object_store::{ObjectStoreExt, aws::AmazonS3Builder};
use serde_json::{Map, Value, json};
use shared::{
    kind::{CATALOG, Kind},
    sample::{self, COURSE_ORDER},
};
use stack::s3::{ACCESS_KEY, S3, SECRET_KEY};
use tokio::{process::Command, time::sleep};

use crate::{
    analytics::{POSTS, all_records, assert_golden, write_tables},
    support::{
        local::{Exited, Local, output, python},
        rows::parse,
        template::workspace,
    },
};

/// The environment of `make answers`, which has no other packages.
const ANSWERS: &str = ".tools/answers/bin/python";
/// The environment that runs the notebook.
const NOTEBOOK: &str = ".tools/notebook/bin/python";

/// A command that runs a program with the Python of one of the environments.
fn with_python(environment: &str, program: &str) -> Command {
    let python = workspace(environment);
    assert!(python.exists(), "{} is missing: `make tools` makes it", python.display());
    let mut command = Command::new(python);
    // Somewhere where a year begins 14 hours earlier.
    command.arg(workspace(program)).env("TZ", "Pacific/Kiritimati").env("NO_PROXY", "*").kill_on_drop(true);
    command
}

/// The program of `make answers`, as if it ran in `folder`.
fn program(folder: &Path, args: &[&str]) -> Command {
    let mut command = with_python(ANSWERS, "tools/answers.py");
    command.args(args).current_dir(folder).env_remove("AWS_PROFILE");
    command
}

/// The JSON that it prints.
async fn answers(mut program: Command) -> Value {
    serde_json::from_str(&output(program.arg("--json"), "").await).unwrap()
}

/// The rows of each question, by name.
fn rows(answers: &Value) -> Map<String, Value> {
    let answers = answers["answers"].as_object().unwrap().iter();
    answers.map(|(name, answer)| (name.clone(), answer["rows"].clone())).collect()
}

/// The posts that the course's script draws first, as it reads them from the database.
fn posts() -> String {
    let by_index = |kind: &Kind| {
        let rows = sample::rows(kind.table).unwrap().lines().map(parse);
        rows.map(|row| (row[kind.join_key].as_u64().unwrap(), row)).collect::<BTreeMap<_, _>>()
    };
    let rows: Vec<_> = CATALOG.iter().map(|kind| (kind.name, by_index(kind))).collect();
    let post =
        |index: u16| rows.iter().map(|(kind, rows)| (*kind, &rows[&u64::from(index)])).collect::<BTreeMap<_, _>>();
    COURSE_ORDER.iter().take(POSTS).map(|index| json!(post(*index)).to_string() + "\n").collect()
}

/// The folder of the tables of the default user id.
fn tables(ended: &Exited) -> PathBuf {
    ended.archive().join("tables/demo")
}

#[tokio::test]
#[ignore = "needs DuckDB and Jupyter: make test"]
async fn the_scripts_first_posts_get_the_golden_answers_in_the_terminal_and_in_the_notebook() {
    let local = Local::start_without_emulator().await;
    output(python("course_script.py").arg(format!("http://{}/test/topics/demo", local.address)), &posts()).await;
    let ended = local.stop().await;
    assert_eq!(ended.figure(" rows in tables"), 3 * POSTS as u64, "{}", ended.summary());

    assert_golden(&rows(&answers(program(ended.folder(), &[])).await), "make answers");
    let text = output(&mut program(ended.folder(), &["--question", "6"]), "").await;
    let lines: Vec<_> = text.lines().collect();
    assert!(lines[0].ends_with(": 131 user_rows"), "{text}");
    assert!(lines[2].starts_with("6. The users who joined in each year"), "{text}");
    let table: Vec<_> =
        lines[3..].iter().filter(|line| line.starts_with('│')).map(|line| line.replace(' ', "")).collect();
    assert_eq!(table, ["│joining_year│posts│", "│int64│int64│", "│2015│51│", "│2016│60│", "│2017│20│"]);

    let (notebook, now) = (workspace("examples/analytics.ipynb"), workspace("target/golden/analytics.ipynb"));
    let mut run = with_python(NOTEBOOK, "tests/analytics/notebook.py");
    let report = output(run.args([&notebook, &tables(&ended), &now]), "").await;
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_golden(report["answers"].as_object().unwrap(), "the notebook");
    let advice = "look at it, then: cp target/golden/analytics.ipynb examples";
    assert_eq!(
        report["different"],
        json!([]),
        "the outputs of these cells are others than those that are checked in: {advice}"
    );
}

#[tokio::test]
#[ignore = "needs DuckDB: make test"]
async fn answers_are_those_of_one_moment_while_posts_arrive_and_golden_after_131() {
    let local = Local::start(&["--order", "course", "--posts", "131", "--posts-per-second", "15"]).await;
    let mut moments = Vec::new();
    let last = loop {
        let output = program(local.process.folder(), &["--json"]).output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        if !output.status.success() {
            // Before the first second.
            let early = ["has no tables yet", "has no table "].iter().any(|text| stderr.contains(text));
            assert!(early && stderr.lines().count() == 1, "{stderr}");
            continue;
        }
        let answers: Value = serde_json::from_slice(&output.stdout).unwrap();
        let posts = |question: &str| {
            let rows = answers["answers"][question]["rows"].as_array().unwrap();
            rows.iter().map(|row| row.as_array().unwrap().last().unwrap().as_u64().unwrap()).sum::<u64>()
        };
        // Each of these users joined in one of the question's years.
        assert_eq!(posts("6-joined-by-year"), answers["table_rows"]["user_rows"], "{answers}");
        let counts: Vec<_> = CATALOG.iter().map(|kind| answers["table_rows"][format!("{kind}_rows")].clone()).collect();
        moments.push(counts.clone());
        if counts.iter().all(|count| *count == POSTS) {
            break answers;
        }
        sleep(Duration::from_millis(100)).await;
    };
    assert_golden(&rows(&last), "make answers");
    moments.dedup();
    assert!(moments.len() > 1, "all posts were there at once");

    let ended = local.stop().await;
    assert_eq!(ended.figure(" posts sent"), POSTS as u64, "{}", ended.summary());
    let mut pinned = with_python(ANSWERS, "tests/analytics/pinned.py");
    let pinned: Value = serde_json::from_str(&output(pinned.arg(tables(&ended)), "").await).unwrap();
    assert_eq!((&pinned["read"], &pinned["now"]), (&pinned["opened"], &json!(POSTS)), "{pinned}");
    assert_ne!(pinned["opened"], pinned["now"], "no rows were added in between");
}

#[tokio::test]
#[ignore = "needs DuckDB and S3: make test"]
async fn answers_are_read_from_s3_with_the_credentials_of_the_environment() {
    let folder = tempfile::tempdir().unwrap();
    let tables = write_tables(folder.path(), &all_records()).await;
    let s3 = S3::start().await.unwrap();
    s3.create_bucket("archive").await.unwrap();
    let bucket = AmazonS3Builder::new().with_bucket_name("archive").with_endpoint(s3.endpoint()).with_allow_http(true);
    let bucket = bucket.with_region("us-east-1").with_access_key_id(ACCESS_KEY).with_secret_access_key(SECRET_KEY);
    let bucket = bucket.build().unwrap();
    for table in tables.values() {
        let table = Path::new(table.as_str().unwrap());
        for files in [table.to_owned(), table.join("_delta_log")] {
            for file in fs::read_dir(files).unwrap().map(|file| file.unwrap().path()).filter(|file| file.is_file()) {
                let name = file.strip_prefix(folder.path()).unwrap().to_str().unwrap();
                bucket.put(&format!("a/{name}").into(), fs::read(&file).unwrap().into()).await.unwrap();
            }
        }
    }
    let mut program = program(folder.path(), &["--tables", "s3://archive/a/tables/demo"]);
    program.envs(s3.environment());
    assert_golden(&rows(&answers(program).await), "make answers");
}

#[tokio::test]
#[ignore = "needs DuckDB: make test"]
async fn missing_tables_are_a_one_line_error_that_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let create = |name: &str| fs::create_dir_all(folder.path().join(name)).unwrap();
    let check = async |args: &[&str], parts: &[&str]| {
        let mut program = program(folder.path(), args);
        for variable in ["AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE"] {
            program.env_remove(variable);
        }
        let output =
            program.env("HOME", folder.path()).env("AWS_EC2_METADATA_DISABLED", "true").output().await.unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}: {stderr}");
        let error = stderr.lines().last().unwrap();
        assert!(error.contains("error: "), "{args:?}: {stderr}");
        for part in parts {
            assert!(error.contains(part), "{args:?}, `{part}`: {stderr}");
        }
    };
    check(&[], &["no archive in pinterest-archive yet", "cargo run"]).await;
    create("pinterest-archive/2026-11-21T09-33-53.104/tables/old");
    create("pinterest-archive/2026-11-22T09-33-53.104/topics");
    check(&[], &["2026-11-22T09-33-53.104 has no tables yet", "cargo run"]).await;
    create("pinterest-archive/2026-11-22T09-33-53.104/tables/one");
    check(&["--user-id", "other"], &["has tables of one: choose by --user-id"]).await;
    check(&[], &["tables/one has no table geo yet", "the folder of a user id's tables"]).await;
    create("pinterest-archive/2026-11-22T09-33-53.104/tables/two");
    check(&[], &["has tables of one, two: choose by --user-id"]).await;
    check(&["--tables", "/nowhere"], &["/nowhere has no table geo"]).await;
    check(&["--tables", "s3://bucket/archive/tables/demo"], &["no AWS credentials", "aws configure"]).await;
    check(&["--question", "9"], &["--question", "1, 2, 3, 4, 5, 6, 7, 8"]).await;
    check(&["--user-id", "one", "--tables", "x"], &["not allowed with argument"]).await;
}

#[test]
fn the_notebook_installs_the_versions_that_it_is_tested_with() {
    let [notebook, makefile] =
        ["examples/analytics.ipynb", "Makefile"].map(|file| fs::read_to_string(workspace(file)).unwrap());
    let (_, command) = notebook.split_once("`pip install ").unwrap();
    let packages = command.split('`').next().unwrap().split(' ').filter(|package| package.contains("=="));
    let others: Vec<_> = packages.clone().filter(|package| !makefile.contains(&format!(" {package}"))).collect();
    assert!(packages.count() == 2 && others.is_empty(), "{others:?}");
}

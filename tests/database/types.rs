//! The emulator reads a column of any type as the course's script does. Python's own client for MySQL is the judge.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    process::Command,
};

use emulator::{DatabaseUrl, Source};
use rand::{SeedableRng, rngs::StdRng};
use serde::Deserialize;
use shared::kind::PIN;
use stack::mysql::MySql;

/// Each character set with a collation: one that ignores case, one by code point, one of Unicode's rules.
const COLLATIONS: [(&str, &str); 7] = [
    ("utf8mb4", "utf8mb4_general_ci"),
    ("utf8mb4", "utf8mb4_bin"),
    ("utf8mb4", "utf8mb4_unicode_ci"),
    ("latin1", "latin1_swedish_ci"),
    ("latin1", "latin1_bin"),
    ("ucs2", "ucs2_general_ci"),
    ("ucs2", "ucs2_bin"),
];

const TIME_ZONES: [&str; 2] = ["+02:00", "-07:30"];

const SQL_MODES: [&str; 2] = [
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,ONLY_FULL_GROUP_BY,ANSI_QUOTES",
    "ALLOW_INVALID_DATES,PAD_CHAR_TO_FULL_LENGTH",
];

/// An entry of `types.json`. A generated column has its values from its expression.
#[derive(Deserialize)]
struct ColumnType {
    r#type: String,
    /// SQL literals. Each is in a row of its own, where the other columns are NULL.
    values: Vec<String>,
}

fn column_types() -> Vec<ColumnType> {
    serde_json::from_str(include_str!("types.json")).unwrap()
}

/// An entry of `differences.json`.
#[derive(Deserialize)]
struct Difference {
    types: Vec<String>,
    sent: String,
    script: String,
    values: String,
    reason: String,
}

fn differences() -> Vec<Difference> {
    serde_json::from_str(include_str!("differences.json")).unwrap()
}

/// The cases, by the index of their row. Row 0 has NULL in each column.
fn cases(types: &[ColumnType]) -> Vec<(usize, &ColumnType, &str)> {
    let columns = types.iter().enumerate();
    columns.flat_map(|(at, column)| column.values.iter().map(move |value| (at, column, value.as_str()))).collect()
}

/// A database of the collation's name with the tables, and one of views on them.
fn definition((character_set, collation): (&str, &str)) -> String {
    let types = column_types();
    let column = |(at, ColumnType { r#type: definition, .. }): (usize, &ColumnType)| {
        // Without it, a TIMESTAMP has a default.
        let null = if definition.contains("GENERATED") { "" } else { " NULL" };
        format!("c{at} {definition}{null}")
    };
    let columns = types.iter().enumerate().map(column).collect::<Vec<_>>().join(", ");
    let cases = cases(&types);
    let mut sql = format!(
        "SET SESSION sql_mode = 'ALLOW_INVALID_DATES', time_zone = '+00:00'; \
         CREATE DATABASE {collation}; CREATE DATABASE {collation}_views; USE {collation}; \
         CREATE TABLE pinterest_data (`index` INT PRIMARY KEY, {columns}) CHARACTER SET {character_set} COLLATE {collation}; \
         INSERT INTO pinterest_data (`index`) VALUES (0);\n"
    );
    for (row, (column, _, value)) in cases.iter().enumerate() {
        writeln!(sql, "INSERT INTO pinterest_data (`index`, c{column}) VALUES ({}, {value});", row + 1).unwrap();
    }
    for table in ["geolocation_data", "user_data"] {
        writeln!(sql, "CREATE TABLE {table} SELECT `index` AS ind FROM pinterest_data;").unwrap();
    }
    for table in ["pinterest_data", "geolocation_data", "user_data"] {
        writeln!(sql, "CREATE VIEW {collation}_views.{table} AS SELECT * FROM {table};").unwrap();
    }
    sql
}

/// The rows as the emulator sends them, or the reasons why it does not, by their indexes.
async fn sent(mysql: &MySql, database: &str, rows: usize) -> BTreeMap<usize, String> {
    let url: DatabaseUrl = format!("{}/{database}", mysql.url("reader", "p")).parse().unwrap();
    let source = Source::open(&url, |_| None).unwrap();
    let posts = source.draw(rows, &mut StdRng::seed_from_u64(1)).await.unwrap();
    let pin = |post: emulator::source::Post| match post.into_iter().next().unwrap() {
        Ok(row) => (index(&row.json), row.json),
        Err(refused) => {
            assert_eq!(refused.kind, &PIN);
            (refused.join_key.parse().unwrap(), format!("the row is refused: {}", refused.problem))
        }
    };
    posts.into_iter().map(pin).collect()
}

fn index(json: &str) -> usize {
    let digits = json.strip_prefix("{\"index\":").unwrap().split_once(',').unwrap().0;
    digits.parse().unwrap()
}

/// The rows as the script sends them, by database and index.
fn of_the_script(mysql: &MySql, databases: &[String]) -> BTreeMap<(String, usize), String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    let mut python = Command::new(format!("{folder}../.tools/venv/bin/python"));
    python.arg(format!("{folder}database/as_the_script.py")).arg(mysql.port().to_string()).args(databases);
    let output = python.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let row = |line: &str| {
        let mut parts = line.splitn(3, '\t');
        let mut next = || parts.next().unwrap().to_owned();
        ((next(), next().parse().unwrap()), next())
    };
    String::from_utf8(output.stdout).unwrap().split_terminator('\n').map(row).collect()
}

/// A row without its NULL columns, for a message.
fn without_nulls(json: &str) -> String {
    json.split(',').filter(|field| !field.ends_with(":null")).collect::<Vec<_>>().join(",")
}

#[tokio::test]
#[ignore = "needs MariaDB and PyMySQL: make test"]
async fn a_column_of_any_type_is_sent_as_the_script_sends_it() {
    let (types, differences) = (column_types(), differences());
    let cases = cases(&types);
    let mysql = MySql::start().await.unwrap();
    for collation in COLLATIONS {
        mysql.execute(&definition(collation)).await.unwrap();
    }
    mysql.execute("CREATE USER reader IDENTIFIED BY 'p'; GRANT SELECT ON *.* TO reader").await.unwrap();
    let tables_and_views = |(_, name): (&str, &str)| [name.to_owned(), format!("{name}_views")];
    let databases: Vec<String> = COLLATIONS.into_iter().flat_map(tables_and_views).collect();

    let (mut wrong, mut used) = (Vec::new(), BTreeSet::new());
    let mut timestamps = BTreeSet::new();
    for (time_zone, sql_mode) in TIME_ZONES.into_iter().flat_map(|zone| SQL_MODES.map(|mode| (zone, mode))) {
        let set = format!("SET GLOBAL time_zone = '{time_zone}', GLOBAL sql_mode = '{sql_mode}'");
        mysql.execute(&set).await.unwrap();
        let script = of_the_script(&mysql, &databases);
        assert_eq!(script.len(), databases.len() * (cases.len() + 1));
        for database in &databases {
            let sent = sent(&mysql, database, cases.len() + 1).await;
            assert_eq!(sent.len(), cases.len() + 1, "{database}");
            for (index, sent) in sent {
                let script = &script[&(database.clone(), index)];
                let case = index.checked_sub(1).map(|at| &cases[at]);
                if case.is_some_and(|(_, column, _)| column.r#type == "TIMESTAMP") {
                    timestamps.insert((index, sent.clone()));
                }
                if sent == *script {
                    continue;
                }
                let documented = case.and_then(|(_, column, _)| {
                    differences.iter().position(|difference| difference.types.contains(&column.r#type))
                });
                let (sent, script) = (without_nulls(&sent), without_nulls(script));
                if let Some(documented) = documented {
                    used.insert((documented, sent, script));
                } else {
                    let (column, value) =
                        case.map_or(("every type", "NULL"), |(_, column, value)| (column.r#type.as_str(), *value));
                    wrong.push(format!("{database}, {sql_mode}: {column} {value}: {sent}, the script {script}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} rows differ:\n{}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
    for (at, difference) in differences.iter().enumerate() {
        let shown = |sent: &str, script: &str| {
            sent.contains(&difference.sent) && script.contains(difference.script.trim_end_matches("…'\""))
        };
        let entry = &difference.values;
        assert!(used.iter().any(|(used, sent, script)| *used == at && shown(sent, script)), "unused: {entry}");
    }
    assert_eq!(timestamps.len(), 3 + 2, "two dates in two zones, and a zero date that is in none");
}

#[test]
fn the_emulators_page_lists_every_difference_to_the_script() {
    let page = include_str!("../../functions/emulator/README.md");
    let rows: Vec<&str> = page.lines().skip_while(|line| !line.starts_with("| --- |")).skip(1).collect();
    let rows: Vec<&str> = rows.into_iter().take_while(|line| line.starts_with('|')).collect();
    let code = |text: &str| if text.starts_with('"') { format!("`{text}`") } else { text.to_owned() };
    let expected = differences().into_iter().map(|Difference { sent, script, values, reason, .. }| {
        format!("| {values} | {} | {} | {reason} |", code(&sent), code(&script))
    });
    assert_eq!(rows, expected.collect::<Vec<_>>());
}

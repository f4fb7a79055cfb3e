//! The documents' tables are the code's.

use std::{collections::BTreeSet, fmt::Write, fs, path::Path, process::Command};

use ingest::error_codes::ERROR_CODES;
use serde_json::Value;
use shared::{
    kind::{CATALOG, ColumnType, JOIN_KEY, Presence},
    metrics::{self, Metric},
    settings::Variable,
};

/// The text of a file of the repository.
fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)).unwrap()
}

fn functions_readme() -> String {
    read("functions/README.md")
}

fn deploy() -> String {
    read("docs/deploy.md")
}

/// Asserts that a document contains a table made from the code.
fn assert_has_table(document: &str, table: &str) {
    assert!(read(document).contains(table), "{document} lacks this table as it is now:\n{table}");
}

#[test]
fn the_readme_and_the_architecture_stay_short() {
    assert!(read("docs/architecture.md").split_whitespace().count() <= 2500);
    assert!(read("README.md").lines().count() <= 150);
}

#[test]
fn links_between_the_documents_lead_to_files_and_headings() {
    let documents = ["README.md", "CONTRIBUTING.md", "local/README.md", "functions/README.md", "tests/README.md"];
    let pages = ["analytics", "api", "architecture", "benchmarks", "deploy", "reliability"]
        .map(|page| format!("docs/{page}.md"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for document in documents.into_iter().map(str::to_owned).chain(pages) {
        let text = read(&document);
        let links = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for link in links.filter(|link| !link.starts_with("http")) {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = root.join(&document);
            let path = if file.is_empty() { path } else { path.with_file_name("").join(file) };
            assert!(path.exists(), "{document}: {link}");
            if !heading.is_empty() {
                let headings = fs::read_to_string(path).unwrap();
                assert!(
                    headings.lines().any(|line| line.starts_with('#') && anchor(line) == heading),
                    "{document}: {link}"
                );
            }
        }
    }
}

#[test]
fn the_architecture_names_modules_and_folders_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = read("docs/architecture.md");
    let names: Vec<_> = text.split('`').skip(1).step_by(2).filter(|name| !name.contains([' ', '\n', '='])).collect();
    let modules = names.iter().filter_map(|name| name.split_once("::"));
    let files = modules.map(|(package, module)| {
        let package =
            if ["shared", "local"].contains(&package) { package.to_owned() } else { format!("functions/{package}") };
        format!("{package}/src/{}.rs", module.replace("::", "/"))
    });
    let folders = names.iter().filter(|name| name.contains('/')).map(|&name| name.to_owned());
    let paths: Vec<_> = files.chain(folders).collect();
    assert!(paths.len() > 40, "{paths:?}");
    for path in paths {
        assert!(root.join(&path).exists(), "docs/architecture.md names {path}");
    }
}

/// The anchor that GitHub gives a heading.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars().filter(|&c| c.is_alphanumeric() || "-_ ".contains(c)).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn the_functions_readme_has_every_setting_of_every_function() {
    let functions: [(&str, &[&Variable]); 6] = [
        ("ingest", ingest::Settings::VARIABLES),
        ("emulator", emulator::Settings::VARIABLES),
        ("archive", archive::settings::Settings::VARIABLES),
        ("tables", tables::settings::Settings::VARIABLES),
        ("topics", topics::VARIABLES),
        ("database", database::Settings::VARIABLES),
    ];
    let mut rows: Vec<(&Variable, Vec<&str>)> = Vec::new();
    for (function, variables) in functions {
        for variable in variables {
            let same = |known: &Variable| {
                (known.name, known.default, known.meaning) == (variable.name, variable.default, variable.meaning)
            };
            match rows.iter_mut().find(|(known, _)| same(known)) {
                Some((_, readers)) => readers.push(function),
                None => rows.push((variable, vec![function])),
            }
        }
    }
    let mut table = "| variable | functions | default | meaning |\n| --- | --- | --- | --- |\n".to_owned();
    for (Variable { name, default, meaning }, readers) in rows {
        let default = match default {
            None => "required".to_owned(),
            Some("") => "none".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        writeln!(table, "| `{name}` | {} | {default} | {meaning} |", readers.join(", ")).unwrap();
    }
    // The table ends there.
    table.push('\n');
    assert_has_table("functions/README.md", &table);
}

#[test]
fn the_analytics_page_lists_every_question() {
    let page = read("docs/analytics.md");
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../analytics")).unwrap() {
        let file = file.unwrap().file_name().into_string().unwrap();
        assert!(page.contains(&format!("](../analytics/{file})")), "{file}");
    }
}

#[test]
fn the_analytics_page_has_each_column_of_each_kind() {
    let page = read("docs/analytics.md");
    let (_, table) = page.split_once("| table | column | type | value |\n| --- | --- | --- | --- |\n").unwrap();
    let mut of = String::new();
    let mut documented = BTreeSet::new();
    for row in table.lines().take_while(|row| row.starts_with('|')) {
        let [_, name, columns, of_type, ..] = row.split('|').collect::<Vec<_>>()[..] else { panic!("{row}") };
        if !name.trim().is_empty() {
            of = name.trim().trim_matches('`').to_owned();
        }
        for column in columns.split(',') {
            documented.insert((of.clone(), column.trim().trim_matches('`').to_owned(), of_type.trim().to_owned()));
        }
    }
    let columns = CATALOG.iter().flat_map(|kind| kind.columns.iter().map(move |column| (kind, column)));
    let columns = columns.map(|(kind, column)| {
        let of_type = match column.cleaning.column_type() {
            ColumnType::Text => "string",
            ColumnType::Integer => "integer",
            ColumnType::BigInteger => "bigint",
            ColumnType::Number => "double",
            ColumnType::Numbers => "array of double",
            ColumnType::Time => "timestamp, UTC",
        };
        (format!("{kind}_rows"), column.name.to_owned(), of_type.to_owned())
    });
    assert_eq!(documented, columns.collect());
}

#[test]
fn the_functions_readme_names_every_variable_of_aws_that_is_read() {
    let readme = functions_readme();
    for Variable { name, .. } in shared::credentials::VARIABLES {
        assert!(readme.contains(&format!("`{name}`")), "{name}");
    }
}

#[test]
fn the_api_page_has_every_answer() {
    let mut table = "| status | `error_code` | when |\n| --- | --- | --- |\n".to_owned();
    for answer in ERROR_CODES {
        writeln!(table, "| {} | {} | {} |", answer.status.as_u16(), answer.code, answer.when).unwrap();
    }
    assert_has_table("docs/api.md", &table);
}

#[test]
fn the_readmes_figures_are_the_benchmarks_medians() {
    let benchmarks = read("docs/benchmarks.md");
    let figures = [
        ("request of 500 records, p50, ms", "500 records, plain listener", "p50, ms"),
        ("peak memory with 500 records, MB", "500 records, plain listener", "peak memory, MB"),
        ("cold start with an IAM log-in to the first answer, ms", "a start, IAM listener", "init + first answer, ms"),
    ];
    let peers = ["`ingest`, Rust", "Python, confluent-kafka", "Java, kafka-clients"];
    let mut table =
        "| | `ingest` | Python, confluent-kafka | Java, kafka-clients |\n| --- | ---: | ---: | ---: |\n".to_owned();
    for (name, measured, column) in figures {
        let medians = peers.map(|peer| median(&benchmarks, measured, peer, column).unwrap_or("–"));
        writeln!(table, "| {name} | {} |", medians.join(" | ")).unwrap();
    }
    assert_has_table("README.md", &table);
}

/// Returns a cell without its spread, from the table whose first heading is `table`.
fn median<'a>(benchmarks: &'a str, table: &str, row: &str, column: &str) -> Option<&'a str> {
    let mut lines = benchmarks.lines().skip_while(|line| !line.starts_with(&format!("| {table} |")));
    let at = lines.next()?.split(" | ").position(|heading| heading.trim_end_matches(" |") == column)?;
    let row = lines.take_while(|line| !line.is_empty()).find(|line| line.starts_with(&format!("| {row} |")))?;
    row.split(" | ").nth(at)?.split([' ', '|']).next()
}

#[test]
fn the_api_page_has_every_field_of_every_kind() {
    let mut table =
        "| topic | field | must be | may be missing | may be null |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for kind in CATALOG {
        writeln!(table, "| `.{kind}` | `{}` | {JOIN_KEY} | no | no |", kind.join_key).unwrap();
        for field in kind.fields {
            let (missing, null) = match field.presence {
                Presence::NotNull => ("no", "no"),
                Presence::Required => ("no", "yes"),
                Presence::Optional => ("yes", "yes"),
            };
            let names = field.names().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(" or ");
            writeln!(table, "| `.{kind}` | {names} | {} | {missing} | {null} |", field.rule).unwrap();
        }
    }
    assert_has_table("docs/api.md", &table);
}

#[test]
fn deploy_has_every_metric() {
    let mut table = "| function | metric | unit | by | meaning |\n| --- | --- | --- | --- | --- |\n".to_owned();
    for Metric { functions, name, unit, dimension, meaning } in metrics::CATALOG {
        let by = dimension.map_or_else(String::new, |dimension| format!("`{dimension}`"));
        writeln!(table, "| {functions} | `{name}` | {unit:?} | {by} | {meaning} |").unwrap();
    }
    assert_has_table("docs/deploy.md", &table);
}

#[test]
fn deploy_covers_each_alarm_of_the_template() {
    let template = read("template.yaml");
    let lines: Vec<_> = template.lines().collect();
    let made = lines.windows(2).filter(|pair| pair[1] == "    Type: AWS::CloudWatch::Alarm");
    let made: BTreeSet<_> = made.map(|pair| pair[0].trim().trim_end_matches(':').to_owned()).collect();
    let deploy = deploy();
    let (_, table) = deploy.split_once("| alarm | first look | then |").unwrap();
    let rows = table.lines().skip(2).map_while(|line| line.strip_prefix("| `"));
    let documented: BTreeSet<_> = rows.map(|row| row.split('`').next().unwrap().to_owned()).collect();
    assert_eq!(documented, made);
}

#[test]
fn deploy_installs_the_versions_that_the_tests_build_with() {
    let (deploy, makefile) = (deploy(), read("Makefile"));
    let commands = deploy.lines().filter_map(|line| line.strip_prefix("pip install "));
    let installed: Vec<_> = commands.flat_map(str::split_whitespace).collect();
    for package in ["aws-sam-cli", "cargo-lambda", "ziglang"] {
        assert!(installed.iter().any(|pin| pin.starts_with(&format!("{package}=="))), "{package}: {installed:?}");
    }
    let tested: BTreeSet<_> = makefile.split_whitespace().collect();
    for pin in installed {
        assert!(tested.contains(pin), "{pin} is not in the Makefile");
    }
}

#[test]
fn the_costs_of_each_profile_are_summed_up_right() {
    let deploy = deploy();
    let (_, table) = deploy.split_once("| what | sum |").unwrap();
    let (rows, total) = table.split_once("| **while only the emulator posts** |").unwrap();
    for (profile, column) in [("default", 3), ("drop-in", 4), ("serverless", 5)] {
        let figures = rows.lines().filter_map(|row| row.split('|').nth(column)?.trim().parse::<f64>().ok());
        let sum: f64 = figures.sum();
        let stated = total.split('|').nth(column - 2).unwrap().trim().trim_matches('*');
        assert_eq!(stated, format!("{sum:.0}"), "{profile}");
    }
}

#[test]
fn cargo_run_starts_the_pipeline() {
    let cargo =
        Command::new(env!("CARGO")).args(["metadata", "--no-deps", "--format-version", "1", "--locked"]).output();
    let metadata: Value = serde_json::from_slice(&cargo.unwrap().stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let run: Vec<_> = packages.iter().filter_map(|package| package["default_run"].as_str()).collect();
    assert_eq!(run, ["pinterest-data-pipeline"], "with any other one, Cargo asks which is meant");
}

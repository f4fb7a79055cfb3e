//! The versions of all participants, read from the installation.

use std::{fs, path::Path, process::Command};

use rdkafka::util::get_rdkafka_version;
use serde_json::Value;

use crate::folders;

/// Returns one line per group.
pub(crate) fn versions() -> Vec<String> {
    let peers = folders::tools().join("peers");
    let venv = folders::tools().join("venv");
    let python = venv.join("bin/python");
    let fastapi = peers.join("fastapi");
    let java = first_line("java", &["-version"]);
    vec![
        format!(
            "this repository at `{}`, {}, librdkafka {}",
            first_line("git", &["rev-parse", "--short", "HEAD"]),
            first_line("rustc", &["--version"]),
            get_rdkafka_version().1
        ),
        format!("Apache Kafka {}, one broker, three partitions, one replica, on {java}", stack::kafka::version()),
        format!(
            "{}: {}; {}; {}",
            first_line(python, &["--version"]),
            installed(&peers.join("confluent-kafka/package"), &["confluent_kafka"]),
            installed(&peers.join("deltalake/package"), &["deltalake", "arro3_core", "orjson"]),
            installed(&packages(&venv), &["awslambdaric", "aws_msk_iam_sasl_signer_python", "boto3"]),
        ),
        format!(
            "{}: {}",
            first_line(fastapi.join("bin/python"), &["--version"]),
            installed(&packages(&fastapi), &["fastapi", "uvicorn", "confluent_kafka"])
        ),
        format!(
            "Node {}: kafkajs {}",
            first_line("node", &["--version"]),
            npm_version(&peers.join("kafkajs/package/node_modules/kafkajs"))
        ),
        format!(
            "Java: {}",
            [jars(&peers.join("kafka-clients/package/lib")), jars(&peers.join("kafka-clients/runtime"))]
                .concat()
                .join(", ")
        ),
        format!(
            "wrk {}; SeaweedFS {}; the Lambda runtime's emulator of {}",
            word(&first_line(folders::tools().join("wrk/usr/bin/wrk"), &["--version"]), 1),
            word(&first_line(venv.join("bin/weed"), &["version"]), 2),
            installed(&packages(&venv), &["aws_sam_cli"]),
        ),
    ]
}

/// Returns the first line that a program prints, on either output.
fn first_line(program: impl AsRef<std::ffi::OsStr>, arguments: &[&str]) -> String {
    let libraries = folders::tools().join("wrk/usr/lib/x86_64-linux-gnu");
    let output = Command::new(program).args(arguments).env("LD_LIBRARY_PATH", libraries).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().find(|line| !line.is_empty()).unwrap_or("unknown").to_owned()
}

fn word(line: &str, at: usize) -> String {
    line.split_whitespace().nth(at).unwrap_or(line).to_owned()
}

/// Returns the package folder of a virtual environment.
fn packages(venv: &Path) -> std::path::PathBuf {
    let versions = fs::read_dir(venv.join("lib")).into_iter().flatten().flatten();
    versions.map(|version| version.path().join("site-packages")).find(|path| path.exists()).unwrap_or_default()
}

/// Returns the versions of Python packages, from their `name-version.dist-info`.
fn installed(folder: &Path, names: &[&str]) -> String {
    let entries: Vec<String> = entries(folder);
    let version = |name: &str| {
        let found =
            entries.iter().find_map(|entry| entry.strip_prefix(name)?.strip_prefix('-')?.strip_suffix(".dist-info"));
        format!("{} {}", name.replace('_', "-"), found.unwrap_or("unknown"))
    };
    names.iter().map(|name| version(name)).collect::<Vec<_>>().join(", ")
}

fn jars(folder: &Path) -> Vec<String> {
    let mut jars: Vec<_> = entries(folder)
        .iter()
        .filter(|jar| {
            jar.starts_with("kafka-clients") || jar.contains("lambda-java-events") || jar.contains("runtime-interface")
        })
        .filter_map(|jar| jar.strip_suffix(".jar").map(str::to_owned))
        .collect();
    jars.sort_unstable();
    jars
}

fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn npm_version(package: &Path) -> String {
    let text = fs::read_to_string(package.join("package.json")).unwrap_or_default();
    let package: Value = serde_json::from_str(&text).unwrap_or_default();
    package["version"].as_str().unwrap_or("unknown").to_owned()
}

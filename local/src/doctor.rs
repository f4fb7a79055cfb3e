//! The `doctor` command: the optional parts, and what is missing for each.

use std::process::Command;

use shared::{credentials, settings::environment, tls};
use which::which;

/// The programs of `make tools`, without which `make local-stack` cannot fetch Kafka, MariaDB and S3.
const FETCHING: [&str; 7] = ["cargo", "java", "javac", "mvn", "npm", "python3", "setpriv"];

/// Something that only some users need.
struct Part {
    /// The flag or command.
    name: &'static str,
    purpose: &'static str,
    /// Names what this machine lacks for it; empty if nothing.
    missing: Vec<String>,
}

/// Returns a line for each optional part.
pub(crate) fn report() -> String {
    let parts = [
        Part { name: "--open", purpose: "opens the page in a browser", missing: browser() },
        Part {
            name: "--archive s3://…",
            purpose: "archives in S3",
            missing: [unset_aws_variables(), authorities()].concat(),
        },
        Part {
            name: "--security-protocol SASL_SSL",
            purpose: "writes to MSK",
            missing: [kafka_tls(), unset_aws_variables(), authorities()].concat(),
        },
        Part { name: "--database-url …login=iam", purpose: "logs in to RDS by IAM", missing: unset_aws_variables() },
        Part { name: "cargo lambda watch", purpose: "runs single functions", missing: programs(&["cargo-lambda"]) },
        Part { name: "sam deploy", purpose: "deploys to AWS", missing: programs(&["sam"]) },
        Part {
            name: "cargo run",
            purpose: "builds from source",
            missing: programs(&["cargo", "cc", "c++", "cmake", "make", "perl"]),
        },
        Part { name: "make local-stack", purpose: "runs on a real Kafka, MySQL and S3", missing: programs(&FETCHING) },
    ];
    let lines = parts.map(|Part { name, purpose, missing }| match &missing[..] {
        [] => format!("ok       {name:28}  {purpose}\n"),
        missing => format!("missing  {name:28}  {purpose}: needs {}\n", missing.join(", ")),
    });
    lines.concat() + "The pipeline itself needs none of these.\n"
}

fn programs(names: &[&str]) -> Vec<String> {
    names.iter().filter(|name| which(name).is_err()).map(|&name| name.to_owned()).collect()
}

/// The first program that opens browsers, if there is none.
fn browser() -> Vec<String> {
    let commands = open::commands("http://localhost/");
    let mut programs = commands.iter().map(Command::get_program);
    let first = programs.clone().next().map(|program| program.to_string_lossy().into_owned());
    if programs.any(|program| which(program).is_ok()) { Vec::new() } else { first.into_iter().collect() }
}

fn kafka_tls() -> Vec<String> {
    if cfg!(feature = "kafka-tls") { Vec::new() } else { vec!["cargo run --features kafka-tls".to_owned()] }
}

/// Returns the variables of AWS that are not set.
pub(crate) fn unset_aws_variables() -> Vec<String> {
    let required = credentials::VARIABLES.iter().filter(|variable| variable.default.is_none());
    required.map(|variable| variable.name).filter(|name| environment(name).is_none()).map(str::to_owned).collect()
}

fn authorities() -> Vec<String> {
    if tls::client_config(None).is_ok() { Vec::new() } else { vec!["the package ca-certificates".to_owned()] }
}

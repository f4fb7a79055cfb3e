//! The functions' programs.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
};

use serde_json::Value;
use tokio::{process::Command, sync::OnceCell};

use crate::{StackError, tools::workspace};

/// The features of `cargo test --workspace --all-features`, so that nothing is compiled twice.
const BUILD: [&str; 8] = [
    "build",
    "--quiet",
    "--workspace",
    "--all-features",
    "--bins",
    "--examples",
    "--message-format",
    "json-render-diagnostics",
];

/// The variables that Cargo sets for a test. `ring`'s build script depends on them: with other values every crate that
/// uses TLS would be compiled anew, and again by the next `cargo build`.
const TEST_VARIABLES: [&str; 7] = [
    "CARGO_MANIFEST_DIR",
    "CARGO_MANIFEST_LINKS",
    "CARGO_PKG_NAME",
    "CARGO_PKG_VERSION_MAJOR",
    "CARGO_PKG_VERSION_MINOR",
    "CARGO_PKG_VERSION_PATCH",
    "CARGO_PKG_VERSION_PRE",
];

/// Builds the workspace once and returns the path of a program.
///
/// # Errors
/// When the build fails, with Cargo's output.
pub async fn built(name: &str) -> Result<PathBuf, StackError> {
    static BUILT: OnceCell<BTreeMap<String, PathBuf>> = OnceCell::const_new();
    let programs = BUILT.get_or_try_init(build).await?;
    programs.get(name).cloned().ok_or_else(|| failed(format!("has no program `{name}`")))
}

async fn build() -> Result<BTreeMap<String, PathBuf>, StackError> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(BUILD).current_dir(workspace()).stdin(Stdio::null()).kill_on_drop(true);
    for name in TEST_VARIABLES {
        cargo.env_remove(name);
    }
    let output = cargo.output().await.map_err(StackError::io("starting cargo"))?;
    if !output.status.success() {
        return Err(failed(format!("cannot be built: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let programs = messages.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    Ok(programs.filter_map(|path| Some((name(&path)?, path))).collect())
}

fn name(program: &Path) -> Option<String> {
    Some(program.file_name()?.to_str()?.to_owned())
}

fn failed(problem: String) -> StackError {
    StackError::Component { component: "lambda".to_owned(), problem, log_tail: String::new() }
}

//! The code alone, measured by criterion.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{
    Result,
    figures::{Figures, Metric},
    folders,
    plan::Plan,
    process::command,
    progress::log_progress,
};

/// The scenes, named as in criterion.
pub(crate) const SCENES: [&str; 9] = [
    "pin rows: 1",
    "geo rows: 1",
    "user rows: 1",
    PINS,
    "geo rows: 500",
    "user rows: 500",
    "request of 1",
    REQUEST,
    "archived pins: 500",
];

pub(crate) const PINS: &str = "pin rows: 500";
pub(crate) const REQUEST: &str = "request of 500";

/// The syntax-only pass.
pub(crate) const SYNTAX: &str = "`serde_json`, syntax alone";
const SCHEMA: &str = "`serde_json::Value` and jsonschema";
pub(crate) const OURS: &str = "ours";

/// The candidates, named as in criterion.
const CANDIDATES: [(&str, &str); 3] = [("syntax", SYNTAX), ("schema", SCHEMA), ("ours", OURS)];

pub(crate) const COLUMNS: &[Metric] = &[Metric::Time];

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    // Remove the results of earlier runs.
    fs::remove_dir_all(estimates())
        .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    for (package, bench) in [("hot-path", "time"), ("benches", "archive")] {
        log_progress(&format!("criterion, {bench}"));
        let mut cargo = command(Path::new("cargo"));
        cargo
            .args(["bench", "--quiet", "--locked", "--package", package, "--bench", bench, "--"])
            .args(plan.quick.then_some("--quick"));
        cargo.env("CRITERION_HOME", estimates());
        let output = cargo.current_dir(folders::workspace()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            return Err(format!("cargo bench: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
    }
    for scene in SCENES {
        // Only rows are also validated by a schema.
        for (name, candidate) in
            CANDIDATES.into_iter().filter(|(_, candidate)| *candidate != SCHEMA || scene.contains(" rows: "))
        {
            record(figures, scene, name, candidate)?;
        }
    }
    Ok(())
}

/// The folder into which criterion writes its estimates.
fn estimates() -> PathBuf {
    folders::workspace().join("target/criterion")
}

/// Records the median and its 95 % confidence interval.
fn record(figures: &mut Figures, scene: &'static str, name: &str, candidate: &'static str) -> Result<()> {
    let file = estimates().join(scene.replace(':', "_")).join(name).join("new/estimates.json");
    let text = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let estimates: Value = serde_json::from_slice(&text)?;
    let median = &estimates["median"];
    let interval = &median["confidence_interval"];
    for nanoseconds in [&interval["lower_bound"], &median["point_estimate"], &interval["upper_bound"]] {
        let nanoseconds = nanoseconds.as_f64().ok_or("criterion reported no time")?;
        figures.push(scene, candidate, Metric::Time, nanoseconds / 1e3);
    }
    Ok(())
}

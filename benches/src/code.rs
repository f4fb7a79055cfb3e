//! What the code alone costs, as criterion measures it.

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
    progress::say,
};

/// What is measured, by criterion's names.
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

/// The pass over the syntax alone.
pub(crate) const SYNTAX: &str = "`serde_json`, syntax alone";
const SCHEMA: &str = "`serde_json::Value` and jsonschema";
pub(crate) const OURS: &str = "ours";

/// By criterion's names.
const EVERYONE: [(&str, &str); 3] = [("syntax", SYNTAX), ("schema", SCHEMA), ("ours", OURS)];

pub(crate) const COLUMNS: &[Metric] = &[Metric::Time];

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    // What another run left is not this one's.
    fs::remove_dir_all(estimates())
        .or_else(|error| if error.kind() == ErrorKind::NotFound { Ok(()) } else { Err(error) })?;
    for (package, bench) in [("hot-path", "time"), ("benches", "archive")] {
        say(&format!("criterion, {bench}"));
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
        // Only rows are held to a schema.
        for (name, who) in EVERYONE.into_iter().filter(|(_, who)| *who != SCHEMA || scene.contains(" rows: ")) {
            keep(figures, scene, name, who)?;
        }
    }
    Ok(())
}

/// Where criterion writes them.
fn estimates() -> PathBuf {
    folders::workspace().join("target/criterion")
}

/// The median and the bounds between which it lies, at 95 %.
fn keep(figures: &mut Figures, scene: &'static str, name: &str, who: &'static str) -> Result<()> {
    let file = estimates().join(scene.replace(':', "_")).join(name).join("new/estimates.json");
    let text = fs::read(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let estimates: Value = serde_json::from_slice(&text)?;
    let median = &estimates["median"];
    let interval = &median["confidence_interval"];
    for nanoseconds in [&interval["lower_bound"], &median["point_estimate"], &interval["upper_bound"]] {
        let nanoseconds = nanoseconds.as_f64().ok_or("criterion told no time")?;
        figures.push(scene, who, Metric::Time, nanoseconds / 1e3);
    }
    Ok(())
}

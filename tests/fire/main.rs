//! `make fire`: what the pipeline promises, tried while things go wrong, and written down in `RELIABILITY.md`.
//!
//! [`acknowledged`] starts a [`world`], has [`client`]s post while [`trouble`] comes and goes, and holds the [`topic`] to the
//! [`journal`] of what was answered. [`archived`] holds an archive to its topic. [`document`] tells of both.

#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{error::Error, fs, path::Path, process::ExitCode};

use clap::{Parser, ValueEnum};
use tokio::time::Instant;

mod acknowledged;
mod answer;
mod archived;
mod client;
mod document;
mod frozen;
mod journal;
mod overload;
mod plan;
mod post;
mod process;
mod progress;
mod storm;
mod topic;
mod trouble;
mod world;

use document::Document;
use plan::Plan;
use progress::say;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Holds the pipeline to its promises while brokers, connections, storage and functions fail, and writes RELIABILITY.md.
///
/// It ends with an error when a promise was broken, and says which.
#[derive(Debug, Parser)]
#[command(name = "fire", max_term_width = 100)]
struct Cli {
    /// What decides by chance: the same one gives the same troubles in the same order. A new one unless it is given
    #[arg(long)]
    seed: Option<u64>,

    /// A part of it, in minutes: RELIABILITY.md stays as it is
    #[arg(long)]
    short: bool,

    /// Only this promise: RELIABILITY.md stays as it is
    #[arg(long, value_enum, value_name = "PROMISE")]
    only: Option<Promise>,
}

/// What is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Promise {
    /// 200 means written
    Acknowledged,
    /// A freeze at any point of a request loses and doubles nothing
    Frozen,
    /// Archived exactly once
    Archived,
    /// Nobody is locked out when many start at once
    Storm,
    /// Bounded memory, and right answers or 429 and 503, when clients send too much
    Overload,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("error: {} of what was promised was not kept", problems.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What was not kept.
async fn run(Cli { seed, short, only }: Cli) -> Result<Vec<String>> {
    let plan = if short { Plan::short() } else { Plan::full() };
    let seed = seed.unwrap_or_else(rand::random);
    say(&format!("seed {seed}"));
    let wanted = |promise| only.is_none_or(|only| only == promise);
    let begun = Instant::now();
    let mut document = Document::new(seed);
    if wanted(Promise::Acknowledged) {
        document.acknowledged = Some(acknowledged::run(&plan, seed).await?);
    }
    if wanted(Promise::Frozen) {
        document.frozen = Some(frozen::run(&plan, seed).await?);
    }
    if wanted(Promise::Archived) {
        document.archived = Some(archived::run(&plan, seed).await?);
    }
    if wanted(Promise::Storm) {
        document.storm = Some(storm::run(&plan, seed).await?);
    }
    if wanted(Promise::Overload) {
        document.overload = Some(overload::run(&plan, seed).await?);
    }
    document.took = begun.elapsed();
    let text = document.markdown();
    if short || only.is_some() {
        eprintln!("{text}");
    } else {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../RELIABILITY.md");
        fs::write(&file, text)?;
        say(&format!("Written: {}", file.display()));
    }
    Ok(document.problems())
}

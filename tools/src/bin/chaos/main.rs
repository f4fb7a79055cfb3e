//! `make chaos`: tests the pipeline's promises under injected faults, and writes `docs/reliability.md`.
//!
//! [`acknowledged`] starts a [`system`], lets [`client`]s post while [`fault`] comes and goes, and compares the
//! [`topic`] with the [`journal`] of responses. [`archived`] compares an archive with its topic, and [`tables`] tables with
//! their archive. [`document`] formats the results.

#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{error::Error, fs, io::ErrorKind, path::Path, process::ExitCode, slice};

use clap::{Parser, ValueEnum};
use tokio::time::Instant;

mod acknowledged;
mod archived;
mod client;
mod document;
mod fault;
mod frozen;
mod journal;
mod overload;
mod plan;
mod post;
mod process;
mod progress;
mod response;
mod soak;
mod storage;
mod storm;
mod system;
mod tables;
mod topic;

use document::{Document, section};
use plan::Plan;
use progress::log_progress;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Tests the pipeline's promises while brokers, connections, storage and functions fail.
///
/// Fails if a promise was broken, and names it.
#[derive(Debug, Parser)]
#[command(name = "chaos", max_term_width = 100)]
struct Cli {
    /// Seed of the random choices: the same seed repeats the same faults in the same order. Random by default
    #[arg(long)]
    seed: Option<u64>,

    /// Amount of testing
    #[arg(long, value_enum, default_value_t, value_name = "AMOUNT")]
    amount: Amount,

    /// Test only this promise
    #[arg(long, value_enum, value_name = "PROMISE")]
    only: Option<Promise>,
}

/// The amount of testing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Amount {
    /// Everything; writes docs/reliability.md
    #[default]
    Full,
    /// Each kind of fault once; takes minutes
    Short,
    /// Random pairs of faults; takes minutes
    Random,
}

impl Amount {
    fn plan(self) -> Plan {
        match self {
            Self::Full => Plan::full(),
            Self::Short => Plan::short(),
            Self::Random => Plan::random(),
        }
    }

    /// The promises tested by default. Random runs leave out storms and overload, which do not depend on the seed.
    const fn promises(self) -> &'static [Promise] {
        use Promise::{Acknowledged, Archived, Frozen, Overload, Storm, Tables};
        match self {
            Self::Full | Self::Short => &[Acknowledged, Frozen, Archived, Tables, Storm, Overload],
            Self::Random => &[Acknowledged, Frozen, Archived, Tables],
        }
    }
}

/// A promise of the pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Promise {
    /// 200 means written
    Acknowledged,
    /// A freeze at any point of a request loses and duplicates nothing
    Frozen,
    /// Archived exactly once
    Archived,
    /// Each archived record is in its table exactly once
    Tables,
    /// Many simultaneous cold starts all get served
    Storm,
    /// Overload costs bounded memory, and responses are right, or 429 and 503
    Overload,
    /// Memory, files and threads of a process stay constant for half an hour. Not run by default
    Soak,
}

impl Promise {
    const fn title(self) -> &'static str {
        match self {
            Self::Acknowledged => "200 means written",
            Self::Frozen => "A freeze at any point of a request",
            Self::Archived => "Archived exactly once",
            Self::Tables => "In the tables exactly once",
            Self::Storm => "Storms",
            Self::Overload => "Overload",
            Self::Soak => "Long running",
        }
    }

    /// Runs the experiment. Returns the report and the violations.
    async fn run(self, plan: &Plan, seed: u64) -> Result<(String, Vec<String>)> {
        Ok(match self {
            Self::Acknowledged => {
                let acknowledged = acknowledged::run(plan, seed).await?;
                (acknowledged.markdown(), acknowledged.problems())
            }
            Self::Frozen => {
                let frozen = frozen::run(plan, seed).await?;
                (frozen.markdown(), frozen.problems)
            }
            Self::Archived => {
                let archived = archived::run(plan, seed).await?;
                (archived.markdown(), archived.problems)
            }
            Self::Tables => {
                let tables = tables::run(plan, seed).await?;
                (tables.markdown(), tables.check.problems)
            }
            Self::Storm => {
                let storm = storm::run(plan, seed).await?;
                (storm.markdown(), storm.problems)
            }
            Self::Overload => {
                let overload = overload::run(plan, seed).await?;
                (overload.markdown(), overload.problems)
            }
            Self::Soak => {
                let soak = soak::run(plan, seed).await?;
                (soak.markdown(), soak.problems)
            }
        })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(problems) if problems.is_empty() => ExitCode::SUCCESS,
        Ok(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            eprintln!("error: {} violations of the promises", problems.len());
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Returns the violations.
async fn run(Cli { seed, amount, only }: Cli) -> Result<Vec<String>> {
    let plan = amount.plan();
    let seed = seed.unwrap_or_else(rand::random);
    log_progress(&format!("seed {seed}"));
    let mut problems = Vec::new();
    for promise in only.as_ref().map_or(amount.promises(), slice::from_ref) {
        let begun = Instant::now();
        match promise.run(&plan, seed).await {
            Ok((text, broken)) => {
                let text = section(promise.title(), seed, begun.elapsed(), &text);
                log_progress(&text);
                if amount == Amount::Full {
                    write(text)?;
                }
                problems.extend(broken);
            }
            // Other promises are still tested and reported.
            Err(error) => problems.push(format!("{}: {error}", promise.title())),
        }
    }
    Ok(problems)
}

fn write(section: String) -> Result<()> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/reliability.md");
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
        text => text?,
    };
    let mut document = Document::of(&text);
    document.put(section);
    Ok(fs::write(&file, document.markdown())?)
}

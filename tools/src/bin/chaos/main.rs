//! `make chaos`: holds the pipeline to its promises while things go wrong, and writes `docs/reliability.md`.
//!
//! [`acknowledged`] starts a [`world`], has [`client`]s post while [`trouble`] comes and goes, and holds the [`topic`] to the
//! [`journal`] of what was answered. [`archived`] holds an archive to its topic. [`document`] tells of all.

#![expect(clippy::print_stderr, reason = "a program for a terminal")]

use std::{error::Error, fs, io::ErrorKind, path::Path, process::ExitCode, slice};

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
mod soak;
mod storm;
mod topic;
mod trouble;
mod world;

use document::{Document, section};
use plan::Plan;
use progress::say;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Holds the pipeline to its promises while brokers, connections, storage and functions fail.
///
/// It ends with an error when a promise was broken, and says which.
#[derive(Debug, Parser)]
#[command(name = "chaos", max_term_width = 100)]
struct Cli {
    /// What decides by chance: the same one gives the same troubles in the same order. A new one unless it is given
    #[arg(long)]
    seed: Option<u64>,

    /// How much is tried
    #[arg(long, value_enum, default_value_t, value_name = "AMOUNT")]
    amount: Amount,

    /// Only this promise
    #[arg(long, value_enum, value_name = "PROMISE")]
    only: Option<Promise>,
}

/// How much is tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum Amount {
    /// All of it, written into docs/reliability.md
    #[default]
    Full,
    /// Each kind of trouble once, in minutes
    Short,
    /// Mixtures of trouble by chance, in minutes
    ByChance,
}

impl Amount {
    fn plan(self) -> Plan {
        match self {
            Self::Full => Plan::full(),
            Self::Short => Plan::short(),
            Self::ByChance => Plan::by_chance(),
        }
    }

    /// The promises that are tried unless one is asked for. Chance decides nothing of a storm's and an overload's course.
    const fn promises(self) -> &'static [Promise] {
        use Promise::{Acknowledged, Archived, Frozen, Overload, Storm};
        match self {
            Self::Full | Self::Short => &[Acknowledged, Frozen, Archived, Storm, Overload],
            Self::ByChance => &[Acknowledged, Frozen, Archived],
        }
    }
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
    /// A process that serves for half an hour takes no more and more of anything. Only when it is asked for
    Soak,
}

impl Promise {
    const fn title(self) -> &'static str {
        match self {
            Self::Acknowledged => "200 means written",
            Self::Frozen => "A freeze at any point of a request",
            Self::Archived => "Archived exactly once",
            Self::Storm => "Storms",
            Self::Overload => "Overload",
            Self::Soak => "A process that goes on",
        }
    }

    /// What was tried and came of it, and what was not kept.
    async fn try_to_break(self, plan: &Plan, seed: u64) -> Result<(String, Vec<String>)> {
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
async fn run(Cli { seed, amount, only }: Cli) -> Result<Vec<String>> {
    let plan = amount.plan();
    let seed = seed.unwrap_or_else(rand::random);
    say(&format!("seed {seed}"));
    let mut problems = Vec::new();
    for promise in only.as_ref().map_or(amount.promises(), slice::from_ref) {
        let begun = Instant::now();
        match promise.try_to_break(&plan, seed).await {
            Ok((text, broken)) => {
                let text = section(promise.title(), seed, begun.elapsed(), &text);
                say(&text);
                if amount == Amount::Full {
                    write(text)?;
                }
                problems.extend(broken);
            }
            // What was found before is told all the same.
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

//! `make bench`: compares the performance with alternatives, and writes `docs/benchmarks.md`.
//!
//! Each section measures all candidates in turn and adds to [`figures::Figures`]. [`document`] formats them as tables,
//! and [`goals`] compares them with the goals. [`peers`] are the functions, and [`load`] sends requests.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{error::Error, fs, process::ExitCode};

use clap::{Parser, ValueEnum};
use tokio::time::Instant;

mod archiving;
mod code;
mod cost;
mod cpu_share;
mod delta;
mod document;
mod figures;
mod folders;
mod freeze;
mod function;
mod goals;
mod growth;
mod limits;
mod load;
mod machine;
mod package;
mod payload;
mod peers;
mod plan;
mod process;
mod profile;
mod progress;
mod server;
mod starts;
mod user_ids;
mod versions;

use document::Run;
use figures::Figures;
use plan::Plan;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Compares the functions, the server, the archive and the tables with alternatives, and writes docs/benchmarks.md.
///
/// `make bench` fetches the peers and builds the programs first. Keep the machine idle meanwhile.
#[derive(Debug, Parser)]
#[command(name = "benches", max_term_width = 100)]
struct Cli {
    /// Run only this section and print it, without writing docs/benchmarks.md; may be repeated
    #[arg(long, value_enum, value_name = "SECTION")]
    only: Vec<Section>,

    /// Use few and short passes, to try the benchmark out; marked in docs/benchmarks.md
    #[arg(long)]
    quick: bool,
}

/// A section of the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Rows and requests without Kafka
    Code,
    /// Cold starts on both listeners
    Starts,
    /// Starts with 1, 23 and 100 user ids
    UserIds,
    /// One warm function under the Lambda runtime
    Function,
    /// The warm function's CPU profile
    Profile,
    /// The cost by records, partitions and user ids
    Growth,
    /// librdkafka alone
    Limits,
    /// `local`'s HTTP front
    Server,
    /// From Kafka to S3
    Archive,
    /// From S3 to a Delta table
    Tables,
    /// The cost of a freeze
    Freeze,
    /// Time by memory, and prices
    Cost,
}

impl Section {
    /// The approximate duration in minutes on two cores.
    const fn minutes(self) -> u64 {
        match self {
            Self::Limits => 1,
            Self::Code | Self::Cost => 4,
            Self::Archive | Self::Tables | Self::Profile | Self::Freeze | Self::UserIds => 2,
            Self::Starts => 3,
            Self::Growth | Self::Server => 5,
            Self::Function => 11,
        }
    }

    async fn run(self, plan: Plan, figures: &mut Figures) -> Result<()> {
        match self {
            Self::Code => code::run(plan, figures).await,
            Self::Starts => starts::run(plan, figures).await,
            Self::UserIds => user_ids::run(plan, figures).await,
            Self::Function => function::run(plan, figures).await,
            Self::Profile => profile::run(plan, figures).await,
            Self::Growth => growth::run(plan, figures).await,
            Self::Limits => limits::run(plan, figures).await,
            Self::Server => server::run(plan, figures).await,
            Self::Archive => archiving::run(plan, figures).await,
            Self::Tables => delta::run(plan, figures).await,
            Self::Freeze => freeze::run(plan, figures).await,
            Self::Cost => cost::run(plan, figures).await,
        }
    }
}

/// Single-threaded, to leave the machine to the measured programs, and because of [`process::command`].
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(Cli { only, quick }: Cli) -> Result<()> {
    let begun = Instant::now();
    let plan = if quick { Plan::QUICK } else { Plan::FULL };
    let run = Run { plan, load_before: machine::load() };
    let sections = if only.is_empty() { Section::value_variants().to_vec() } else { only.clone() };
    let mut minutes: u64 = sections.iter().map(|section| section.minutes()).sum();
    let mut figures = Figures::default();
    for section in &sections {
        let left = if quick { "quickly".to_owned() } else { format!("about {minutes} min left") };
        eprintln!("{section:?}, {left}");
        section.run(plan, &mut figures).await?;
        minutes -= section.minutes();
    }
    let document = run.document(&sections, &figures, begun.elapsed());
    if only.is_empty() {
        let file = folders::workspace().join("docs/benchmarks.md");
        fs::write(&file, document)?;
        eprintln!("Written: {}", file.display());
    } else {
        print!("{document}");
    }
    Ok(())
}

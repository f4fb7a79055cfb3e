//! The program `pinterest-data-pipeline`: the whole pipeline in one process, with the handlers that run on AWS.
//!
//! [`components`] opens what the [`cli`] asks for, [`pipeline`] starts and stops it in order: [`server`] is `ingest`'s HTTP front,
//! behind [`guard`], [`admission`] and [`drain`]; [`scheduler`] calls the emulator; [`archiver`] and [`table_writer`] run the
//! archive and its tables each second.
//! [`kafka`] is the embedded Kafka, and [`backpressure`] keeps it from dropping records. [`banner`], [`progress`] and [`summary`]
//! report on the [`terminal`], [`dashboard`] in a browser, for which [`analytics`] answers the questions from the tables. [`doctor`]
//! lists the optional parts, [`healthcheck`] asks a running pipeline.

use std::{
    io::{self, IsTerminal},
    num::NonZero,
    process::ExitCode,
    thread::available_parallelism,
};

use clap::{CommandFactory, Parser};
use clap_complete::generate;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tokio::runtime::Builder;
use tracing_subscriber::EnvFilter;

mod admission;
mod analytics;
mod archive_claim;
mod archiver;
mod backpressure;
mod banner;
mod browser;
mod cli;
mod clock;
mod components;
mod dashboard;
mod doctor;
mod drain;
mod error;
mod guard;
mod health;
mod healthcheck;
mod kafka;
mod pipeline;
mod port;
mod progress;
mod samples;
mod scheduler;
mod server;
mod signals;
mod startup_progress;
mod summary;
mod table_writer;
mod terminal;
mod totals;

use cli::{Cli, Command, NAME};
use error::StartError;

/// The default log filter: only what needs attention. `RUST_LOG` overrides it.
const LOG: &str = "warn,shared=error,ingest=error";

/// The threads in addition to the processors: while the largest bodies are parsed, the others serve the remaining requests.
const EXTRA_THREADS: usize = 4;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        None => run(cli),
        Some(Command::Doctor) => printed(doctor::report().as_bytes()),
        Some(Command::Completions { shell }) => {
            // Not to the terminal itself: `generate` panics when a reader such as `head` closes the pipe.
            let mut script = Vec::new();
            generate(shell, &mut Cli::command(), NAME, &mut script);
            printed(&script)
        }
        Some(Command::Healthcheck { listen }) => healthcheck::run(listen),
    }
}

fn printed(text: &[u8]) -> ExitCode {
    if terminal::print(text).is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run(cli: Cli) -> ExitCode {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    // It would panic if nobody reads stderr.
    let lines = lines.log_internal_errors(false);
    lines.with_ansi(io::stderr().is_terminal()).init();
    raise_file_limit();
    let form = cli.summary;
    let threads = available_parallelism().map_or(1, NonZero::get) + EXTRA_THREADS;
    let runtime = Builder::new_multi_thread().worker_threads(threads).enable_all().build();
    let summary = runtime.map_err(StartError::Runtime).and_then(|runtime| runtime.block_on(pipeline::run(cli)));
    match summary {
        Ok(summary) => summary.print(form),
        Err(error) => {
            terminal::report(format_args!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Allows as many open files and connections as the system lets this process have: shells start with fewer, for old programs.
fn raise_file_limit() {
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

//! The whole pipeline in one process, with the handlers that run on AWS: what `cargo run` starts.
//!
//! [`parts`] are opened as the [`cli`] says, [`pipeline`] starts them and stops them in order: [`server`] is the HTTP front of
//! `ingest`, behind [`guard`], [`ticker`] calls the emulator, [`archiver`] runs the archive each second. [`kafka`] is the embedded Kafka,
//! [`backlog`] keeps it from overflowing. [`greeting`], [`progress`] and [`summary`] say what happens, and [`live`] shows it in
//! a browser.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{
    io::{self, IsTerminal},
    process::ExitCode,
};

use clap::Parser;
use tracing_subscriber::EnvFilter;

mod archiver;
mod backlog;
mod bounded;
mod claim;
mod cli;
mod condition;
mod greeting;
mod guard;
mod kafka;
mod live;
mod parts;
mod pipeline;
mod progress;
mod room;
mod server;
mod starting;
mod stop;
mod summary;
mod ticker;
mod totals;
mod unread;

use cli::Cli;

/// Only what asks for a look; `RUST_LOG` overrides it.
const LOG: &str = "warn,shared=error,ingest=error,rskafka=error";

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(LOG));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    lines.with_ansi(io::stderr().is_terminal()).init();
    let form = cli.summary;
    match pipeline::run(cli).await {
        Ok(summary) => summary.print(form),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

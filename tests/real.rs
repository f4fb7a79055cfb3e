//! `make real`: `local` on the real parts, for people who want to look.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error, process::ExitCode, time::Instant};

use shared::{causes::in_one_line, kind::CATALOG};
use stack::lambda::built;
use tokio::{process::Command, signal::ctrl_c};

#[path = "support/deployed.rs"]
mod deployed;

use deployed::Deployed;

/// `local`'s own.
const USER_ID: &str = "demo";

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", in_one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    println!("Building");
    let local = built("local").await?;
    println!("Starting Kafka, MySQL and S3");
    #[expect(clippy::disallowed_methods, reason = "says how long it took, decides nothing")]
    let begun = Instant::now();
    let deployed = Deployed::start(USER_ID).await?;
    for kind in CATALOG {
        deployed.kafka.create_topic(&format!("{USER_ID}.{kind}"), 1).await?;
    }
    deployed.set_up_database().await?;
    println!("Ready after {:.1} s. They can be reached with", begun.elapsed().as_secs_f64());
    let variables = deployed.variables();
    for (name, value) in variables.iter().filter(|(name, _)| **name != "RUST_LOG") {
        println!("  export {name}='{value}'");
    }
    println!();
    let mut local = Command::new(local);
    local.args(["--security-protocol", "SASL_SSL", "--bootstrap-servers"]).arg(deployed.kafka.bootstrap_servers());
    local.arg("--ssl-ca-location").arg(deployed.authorities());
    local.args(["--database-url", &deployed.database_url(), "--archive", &Deployed::archive_url("archive")]);
    local.args(env::args_os().skip(1)).envs(variables).env_remove("RUST_LOG");
    let mut local = local.spawn()?;
    // The terminal's Ctrl-C is for `local` as well: it ends in order, and then so do we.
    let status = loop {
        tokio::select! {
            status = local.wait() => break status?,
            pressed = ctrl_c() => pressed?,
        }
    };
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

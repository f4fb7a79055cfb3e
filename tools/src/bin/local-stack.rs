//! `make local-stack`: runs `local` on Apache Kafka, MariaDB and an S3 server.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{env, error::Error, ffi::OsString, process::ExitCode, time::Instant};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use shared::{
    error_chain::one_line,
    topic::{UserId, UserIds},
};
use stack::lambda::built;
use tokio::{
    process::Command,
    signal::unix::{SignalKind, signal},
};
use tools::deployment::Deployment;

/// `local`'s default.
const DEFAULT_USER_ID: &str = "demo";

/// The flags that this program sets.
const RESERVED: [&str; 5] =
    ["--security-protocol", "--bootstrap-servers", "--ssl-ca-location", "--database-url", "--archive"];

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {}", one_line(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<ExitCode, Box<dyn Error + Send + Sync>> {
    let flags = Flags::read(env::args_os().skip(1).collect())?;
    println!("Building");
    let local = built("pinterest-data-pipeline").await?;
    if flags.prints_only() {
        let status = Command::new(local).args(flags.all).status().await?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    println!("Starting Kafka, MySQL and S3");
    let deployed = tokio::select! {
        deployed = start(&flags.user_ids) => deployed?,
        // Dropping the future stops the services that have started.
        _ = interrupt.recv() => return Err("interrupted while the services were starting".into()),
        _ = terminate.recv() => return Err("interrupted while the services were starting".into()),
    };
    let variables = deployed.variables();
    for (name, value) in variables.iter().filter(|(name, _)| **name != "RUST_LOG") {
        println!("  export {name}='{value}'");
    }
    println!();
    // `local` gets SIGTERM when this process is killed.
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "TERM", "--"]).arg(local);
    command.args(["--security-protocol", "SASL_SSL", "--bootstrap-servers"]).arg(deployed.kafka.bootstrap_servers());
    command.arg("--ssl-ca-location").arg(deployed.authorities());
    command.args(["--database-url", &deployed.database_url(), "--archive", &Deployment::archive_url("archive")]);
    command.args(flags.all).envs(variables).env_remove("RUST_LOG");
    let mut local = command.spawn()?;
    let status = loop {
        tokio::select! {
            status = local.wait() => break status?,
            // The terminal sends Ctrl-C to `local` too. It shuts down in order, and this program follows.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {
                if let Some(id) = local.id() {
                    kill(Pid::from_raw(id.try_into()?), Signal::SIGTERM)?;
                }
            }
        }
    };
    Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn start(user_ids: &UserIds) -> Result<Deployment, Box<dyn Error + Send + Sync>> {
    #[expect(clippy::disallowed_methods, reason = "only printed")]
    let started = Instant::now();
    let deployed = Deployment::start(user_ids).await?;
    for topic in user_ids.topic_names() {
        deployed.kafka.create_topic(&topic, 1).await?;
    }
    deployed.set_up_database().await?;
    println!("Ready after {:.1} s. To use them from another terminal:", started.elapsed().as_secs_f64());
    Ok(deployed)
}

/// The flags that are passed on to `local`.
struct Flags {
    all: Vec<OsString>,
    user_ids: UserIds,
}

impl Flags {
    fn read(all: Vec<OsString>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let text: Vec<_> = all.iter().map(|flag| flag.to_string_lossy()).collect();
        let name = |flag: &str| flag.split_once('=').map_or(flag, |(name, _)| name).to_owned();
        if let Some(reserved) = text.iter().find(|flag| RESERVED.contains(&&*name(flag))) {
            return Err(format!(
                "{reserved}: local-stack sets this flag; use `cargo run -- {reserved} …` to choose a value"
            )
            .into());
        }
        let mut user_ids = Vec::new();
        for (at, flag) in text.iter().enumerate().filter(|(_, flag)| name(flag) == "--user-id") {
            let value = flag.split_once('=').map(|(_, value)| value.to_owned());
            let value = value.or_else(|| text.get(at + 1).map(ToString::to_string)).unwrap_or_default();
            user_ids.push(value.parse::<UserId>().map_err(|error| format!("--user-id {value}: {error}"))?);
        }
        if user_ids.is_empty() {
            user_ids.push(DEFAULT_USER_ID.parse()?);
        }
        drop(text);
        Ok(Self { all, user_ids: UserIds::new(user_ids)? })
    }

    fn prints_only(&self) -> bool {
        self.all.iter().any(|flag| ["-h", "--help", "-V", "--version"].iter().any(|help| flag == help))
    }
}

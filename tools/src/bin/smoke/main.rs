//! `make smoke`: posts one record of each kind to a deployed API or to `local`, waits until the archive has them, and
//! reports failures with advice.

use std::{
    io::{Write, stderr, stdout},
    process::ExitCode,
    time::Duration,
};

use ::archive::bucket::ArchiveUrl;
use clap::Parser;
use rand::random;
use shared::{
    kind::{CATALOG, Kind, Rule},
    sample,
    topic::{Topic, UserId},
};
use tokio::time::Instant;

mod advice;
mod api;
mod archive;

use api::{Api, Failure};
use archive::{Archive, WrittenRecord};

/// Posts a record of each kind and follows it into the archive.
///
/// The records stay. Add a user id such as `smoke` to the stack's `UserIds` to keep them apart from yours. This program cannot
/// sign requests, so it does not work with `Authentication=iam`.
#[derive(Debug, Parser)]
#[command(name = "smoke", max_term_width = 100)]
struct Cli {
    #[arg(help = "The API with its stage, such as https://abcdefghij.execute-api.eu-west-1.amazonaws.com/test")]
    url: Option<String>,

    /// The user id whose topics get the records
    #[arg(long, value_name = "ID", default_value = "demo")]
    user_id: UserId,

    /// The API key
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,

    /// The archive, read with the environment's AWS credentials; without it the records are only posted
    #[arg(long, value_name = "FOLDER|s3://…")]
    archive: Option<ArchiveUrl>,

    /// The longest wait for the archive
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = humantime::parse_duration)]
    within: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            drop(writeln!(stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Runs the checks. An error means that none could run.
async fn run(Cli { url, user_id, api_key, archive, within }: Cli) -> Result<ExitCode, String> {
    let url = url.ok_or("no URL: make smoke URL=https://….execute-api.….amazonaws.com/<stage>")?;
    let api = Api::new(&url, api_key)?;
    let archive = match &archive {
        Some(url) => Some(Archive::open(url).await.map_err(|error| format!("--archive {url}: {error}"))?),
        None => None,
    };
    let mut checks = Checks::default();
    let health = api.health().await.map(|()| "Kafka is reachable".to_owned());
    let mut reached = checks.record_response("GET /health", health);
    let mut sent = Vec::new();
    for kind in CATALOG {
        if !reached {
            break;
        }
        let (topic, value) = (Topic::of(&user_id, kind).name, value(kind));
        let posted = api.post(&topic, &value).await;
        sent.extend(posted.as_ref().ok().map(|place| WrittenRecord { topic: topic.clone(), place: *place, value }));
        reached = checks.record_response(&format!("POST /topics/{topic}"), posted.map(|place| place.to_string()));
    }
    if let Some(archive) = archive {
        for (topic, found) in archive.wait(sent, Instant::now() + within).await {
            checks.record(&format!("archive of {topic}"), found);
        }
    }
    if !reached {
        print_line("The API is unreachable, so the other checks were skipped.");
    }
    Ok(checks.finish())
}

/// A sample row made unique by a random first text.
fn value(kind: &Kind) -> String {
    let row = sample::rows(kind.table).and_then(|rows| rows.lines().next()).unwrap_or("{}");
    let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).unwrap_or_default();
    if let Some(text) = kind.fields.iter().find(|field| field.rule == Rule::Text) {
        row.insert(text.name.to_owned(), format!("smoke test {:032x}", random::<u128>()).into());
    }
    serde_json::Value::Object(row).to_string()
}

/// Prints a line. A closed pipe, such as `| head`, is ignored: the exit code still reports the result.
fn print_line(line: &str) {
    drop(writeln!(stdout(), "{line}"));
}

/// The checks so far.
#[derive(Default)]
struct Checks {
    all: usize,
    failed: usize,
}

impl Checks {
    fn record(&mut self, what: &str, outcome: Result<String, String>) {
        self.all += 1;
        self.failed += usize::from(outcome.is_err());
        match outcome {
            Ok(detail) => print_line(&format!("ok      {what}: {detail}")),
            Err(advice) => print_line(&format!("FAILED  {what}: {advice}")),
        }
    }

    /// Records a response. Returns whether the API was reached: if not, no other request would reach it.
    fn record_response(&mut self, what: &str, response: Result<String, Failure>) -> bool {
        let reached = !matches!(response, Err(Failure::Unreachable(_)));
        self.record(what, response.map_err(|(Failure::Unreachable(advice) | Failure::Rejected(advice))| advice));
        reached
    }

    fn finish(self) -> ExitCode {
        let Self { all, failed } = self;
        if failed == 0 {
            print_line(&format!("All {all} checks passed."));
            return ExitCode::SUCCESS;
        }
        let checks = if all == 1 { "check" } else { "checks" };
        print_line(&format!("{failed} of {all} {checks} FAILED."));
        ExitCode::FAILURE
    }
}

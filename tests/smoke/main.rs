//! `make smoke`: posts one record of each kind to a deployed API, or to `local`, waits for them in the archive, and says what
//! is broken and where to look.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::{process::ExitCode, time::Duration};

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

use api::Api;
use archive::{Archive, Sent};

/// Posts a record of each kind, and follows it into the archive.
#[derive(Debug, Parser)]
#[command(name = "smoke")]
struct Cli {
    /// The API with its stage, such as <https://abcdefghij.execute-api.eu-west-1.amazonaws.com/prod>
    url: Option<String>,

    /// The user id whose topics the records go to
    #[arg(long, value_name = "ID", default_value = "demo")]
    user_id: UserId,

    /// The key that the API's usage plan asks for
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,

    /// Where the archive is, read with the environment's AWS credentials; without it the records are only posted
    #[arg(long, value_name = "FOLDER|s3://…")]
    archive: Option<ArchiveUrl>,

    /// How long to wait for the archive
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = humantime::parse_duration)]
    within: Duration,
}

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { url, user_id, api_key, archive, within } = Cli::parse();
    let Some(url) = url else {
        eprintln!("error: no URL: make smoke URL=https://….execute-api.….amazonaws.com/<stage>");
        return ExitCode::FAILURE;
    };
    let archive = match archive.as_ref().map(Archive::open).transpose() {
        Ok(archive) => archive,
        Err(error) => {
            eprintln!("error: --archive: {error}");
            return ExitCode::FAILURE;
        }
    };
    let mut checks = Checks::default();
    let api = Api::new(&url, api_key);
    checks.note("GET /health", api.health().await.map(|()| "a broker answers".to_owned()));
    let mut sent = Vec::new();
    for kind in CATALOG {
        let (topic, value) = (Topic::of(&user_id, kind).name, value(kind));
        let posted = api.post(&topic, &value).await;
        checks.note(&format!("POST /topics/{topic}"), posted.as_ref().map(ToString::to_string).map_err(Clone::clone));
        sent.extend(posted.ok().map(|place| Sent { topic, place, value }));
    }
    if let Some(archive) = archive {
        for (topic, found) in archive.wait(sent, Instant::now() + within).await {
            checks.note(&format!("archive of {topic}"), found);
        }
    }
    checks.end()
}

/// A row of the sample that can be told from every other one: its first text names this test.
fn value(kind: &Kind) -> String {
    let row = sample::rows(kind.table).and_then(|rows| rows.lines().next()).unwrap_or("{}");
    let mut row: serde_json::Map<String, serde_json::Value> = serde_json::from_str(row).unwrap_or_default();
    if let Some(text) = kind.fields.iter().find(|field| field.rule == Rule::Text) {
        row.insert(text.name.to_owned(), format!("smoke test {:032x}", random::<u128>()).into());
    }
    serde_json::Value::Object(row).to_string()
}

/// What was tried.
#[derive(Default)]
struct Checks {
    all: usize,
    broken: usize,
}

impl Checks {
    fn note(&mut self, what: &str, outcome: Result<String, String>) {
        self.all += 1;
        match outcome {
            Ok(said) => println!("ok      {what}: {said}"),
            Err(said) => {
                self.broken += 1;
                println!("BROKEN  {what}: {said}");
            }
        }
    }

    fn end(self) -> ExitCode {
        let Self { all, broken } = self;
        if broken == 0 {
            println!("All of {all} checks are ok.");
            return ExitCode::SUCCESS;
        }
        println!("{broken} of {all} checks are BROKEN.");
        ExitCode::FAILURE
    }
}

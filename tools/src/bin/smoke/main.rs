//! `make smoke`: posts one record of each kind to a deployed API, or to `local`, waits for them in the archive, and says what
//! is broken and where to look.

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
use archive::{Archive, Sent};

/// Posts a record of each kind, and follows it into the archive.
///
/// The records stay where they are written: with a user id of its own, such as `smoke` among the stack's `UserIds`, they
/// are not among yours. An API that asks for a signature (`Authentication` is `iam`) is not for this program, which cannot sign.
#[derive(Debug, Parser)]
#[command(name = "smoke", max_term_width = 100)]
struct Cli {
    #[arg(help = "The API with its stage: https://abcdefghij.execute-api.eu-west-1.amazonaws.com/test")]
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
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            drop(writeln!(stderr(), "error: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// What keeps it from trying anything is the error.
async fn run(Cli { url, user_id, api_key, archive, within }: Cli) -> Result<ExitCode, String> {
    let url = url.ok_or("no URL: make smoke URL=https://….execute-api.….amazonaws.com/<stage>")?;
    let api = Api::new(&url, api_key)?;
    let archive = match &archive {
        Some(url) => Some(Archive::open(url).await.map_err(|error| format!("--archive {url}: {error}"))?),
        None => None,
    };
    let mut checks = Checks::default();
    let health = api.health().await.map(|()| "a broker answers".to_owned());
    let mut reached = checks.note_answer("GET /health", health);
    let mut sent = Vec::new();
    for kind in CATALOG {
        if !reached {
            break;
        }
        let (topic, value) = (Topic::of(&user_id, kind).name, value(kind));
        let posted = api.post(&topic, &value).await;
        sent.extend(posted.as_ref().ok().map(|place| Sent { topic: topic.clone(), place: *place, value }));
        reached = checks.note_answer(&format!("POST /topics/{topic}"), posted.map(|place| place.to_string()));
    }
    if let Some(archive) = archive {
        for (topic, found) in archive.wait(sent, Instant::now() + within).await {
            checks.note(&format!("archive of {topic}"), found);
        }
    }
    if !reached {
        say("Nobody answers, so the rest was not tried.");
    }
    Ok(checks.end())
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

/// A line for whoever still reads: without a reader, such as a `head` that has enough, the exit code tells.
fn say(line: &str) {
    drop(writeln!(stdout(), "{line}"));
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
        self.broken += usize::from(outcome.is_err());
        match outcome {
            Ok(said) => say(&format!("ok      {what}: {said}")),
            Err(said) => say(&format!("BROKEN  {what}: {said}")),
        }
    }

    /// `false` when nobody answered: nobody would answer the next one.
    fn note_answer(&mut self, what: &str, answer: Result<String, Failure>) -> bool {
        let reached = !matches!(answer, Err(Failure::Unreachable(_)));
        self.note(what, answer.map_err(|(Failure::Unreachable(said) | Failure::Refused(said))| said));
        reached
    }

    fn end(self) -> ExitCode {
        let Self { all, broken } = self;
        if broken == 0 {
            say(&format!("All of {all} checks are ok."));
            return ExitCode::SUCCESS;
        }
        let (checks, are) = if all == 1 { ("check", "is") } else { ("checks", if broken == 1 { "is" } else { "are" }) };
        say(&format!("{broken} of {all} {checks} {are} BROKEN."));
        ExitCode::FAILURE
    }
}

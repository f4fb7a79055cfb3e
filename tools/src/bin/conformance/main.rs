//! `make conformance`: runs the vectors of the HTTP contract on an API, deployed or `local`, and says where it differs.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::process::ExitCode;

use clap::Parser;
use ingest::StatusPolicy;
use shared::topic::UserId;
use vectors::{Need, Outcome, Ran, Vector, run};

mod api;

use api::{Deployed, Described};

/// Sends the requests of the HTTP contract to an API, and compares its answers.
///
/// Tens of thousands of records are written, and stay there: choose a user id whose topics nobody needs.
#[derive(Debug, Parser)]
#[command(name = "conformance", max_term_width = 100)]
struct Cli {
    /// The API with its stage, such as <https://abcdefghij.execute-api.eu-west-1.amazonaws.com/prod>
    url: Option<String>,

    /// The user id whose topics the records go to
    #[arg(long, value_name = "ID", default_value = "demo")]
    user_id: UserId,

    /// A topic of the API's that takes any record, which records go to as well
    #[arg(long, value_name = "TOPIC")]
    pass_through: Option<String>,

    /// Which statuses the API is set to
    #[arg(long, value_name = "honest|confluent", default_value = "honest")]
    statuses: StatusPolicy,

    /// The key that the API's usage plan asks for
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,

    /// Something that this API gives and API Gateway does not, as tests/vectors/README.md names it; may be given several
    /// times
    #[arg(long = "gives", value_name = "NEED")]
    gives: Vec<Need>,

    /// Only vectors with this text in their file's name or their own
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// What the API's setting of statuses gives.
const STATUSES: [Need; 2] = [Need::HonestStatuses, Need::ConfluentStatuses];

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { url, user_id, pass_through, statuses, api_key: key, gives, only } = Cli::parse();
    for need in &gives {
        let flag = match need {
            Need::PassThrough => "--pass-through",
            need if STATUSES.contains(need) => "--statuses",
            _ => continue,
        };
        eprintln!("error: --gives {}: say it with {flag}", need.name());
        return ExitCode::FAILURE;
    }
    let Some(url) = url else {
        eprintln!("error: no URL: make conformance URL=https://….execute-api.….amazonaws.com/<stage>");
        return ExitCode::FAILURE;
    };
    let vectors = match vectors::all() {
        Ok(vectors) => vectors,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let vectors: Vec<_> = vectors.iter().filter(|vector| vector.to_string().contains(&only)).collect();
    let also = pass_through.as_ref().map_or(String::new(), |topic| format!(" and to {topic}"));
    let topics = format!("the topics of {user_id}{also}");
    let api = match Deployed::find(Described { url, key, user_id, pass_through, statuses, gives }).await {
        Ok(api) => api,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let records: usize = vectors.iter().map(|vector| api.records(vector)).sum();
    println!("{records} records go to {topics}. Only answers are compared: Kafka cannot be seen from here.");
    let mut ran = Vec::new();
    for file in vectors.chunk_by(|one, other| one.file == other.file) {
        ran.extend(run_file(file, &api).await);
    }
    summed_up(&ran)
}

/// Runs the vectors of one file, and says so.
async fn run_file<'v>(vectors: &[&'v Vector], api: &Deployed) -> Vec<Ran<'v>> {
    let mut ran = Vec::new();
    for vector in vectors {
        let one = run(vector, api).await;
        if matches!(one.outcome, Outcome::Skipped(_)) {
            println!("skipped {one}");
        }
        ran.push(one);
    }
    let failed = ran.iter().filter(|one| one.failed()).count();
    let run = ran.iter().filter(|one| !matches!(one.outcome, Outcome::Skipped(_))).count();
    let file = vectors.first().map_or("", |vector| &vector.file);
    match failed {
        0 => println!("ok      {file}: {run} vectors"),
        _ => println!("BROKEN  {file}: {failed} of {run} vectors"),
    }
    ran
}

/// Each difference, and how many vectors are kept.
fn summed_up(ran: &[Ran<'_>]) -> ExitCode {
    let failed: Vec<_> = ran.iter().filter(|one| one.failed()).collect();
    let skipped = ran.iter().filter(|one| matches!(one.outcome, Outcome::Skipped(_))).count();
    let run = ran.len() - skipped;
    for one in &failed {
        println!("\n{one}");
    }
    if run == 0 {
        println!("No vector was run.");
        return ExitCode::FAILURE;
    }
    if failed.is_empty() {
        println!("All of {run} vectors are kept; {skipped} were skipped.");
        return ExitCode::SUCCESS;
    }
    println!("\n{} of {run} vectors are NOT kept; {skipped} were skipped.", failed.len());
    if failed.iter().any(|one| one.vector.needs.iter().any(|need| STATUSES.contains(need))) {
        println!("Is the API set to other statuses? --statuses says to which.");
    }
    ExitCode::FAILURE
}

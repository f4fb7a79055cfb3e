//! `make conformance`: runs the vectors of the HTTP contract on an API, deployed or `local`, and prints each difference.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for a terminal")]

use std::process::ExitCode;

use clap::Parser;
use ingest::StatusPolicy;
use shared::topic::UserId;
use vectors::{Need, Outcome, Ran, Vector, run};

mod api;

use api::{Deployed, Target};

/// Sends the HTTP contract's requests to an API and compares its answers.
///
/// It writes tens of thousands of records, which stay: choose a user id whose topics nobody needs.
#[derive(Debug, Parser)]
#[command(name = "conformance", max_term_width = 100)]
struct Cli {
    /// The API with its stage, such as <https://abcdefghij.execute-api.eu-west-1.amazonaws.com/prod>
    url: Option<String>,

    /// The user id whose topics get the records
    #[arg(long, value_name = "ID", default_value = "demo")]
    user_id: UserId,

    /// A topic that accepts any record, which gets records too
    #[arg(long, value_name = "TOPIC")]
    pass_through: Option<String>,

    /// A stream that takes all kinds of the user id
    #[arg(long, value_name = "NAME")]
    shared_stream: Option<String>,

    /// The API's status policy
    #[arg(long, value_name = "honest|confluent", default_value = "honest")]
    statuses: StatusPolicy,

    /// The API key
    #[arg(long, value_name = "KEY")]
    api_key: Option<String>,

    /// A feature of this API that API Gateway lacks, by its name in tests/vectors/README.md; repeatable
    #[arg(long = "gives", value_name = "NEED")]
    supports: Vec<Need>,

    /// Only run vectors whose file name or title contains this text
    #[arg(long, value_name = "TEXT", default_value = "")]
    only: String,
}

/// The needs that the status policy meets.
const STATUS_NEEDS: [Need; 2] = [Need::HonestStatuses, Need::ConfluentStatuses];

#[tokio::main]
async fn main() -> ExitCode {
    let Cli { url, user_id, pass_through, shared_stream, statuses, api_key: key, supports, only } = Cli::parse();
    for need in &supports {
        let flag = match need {
            Need::PassThrough => "--pass-through",
            Need::SharedStream => "--shared-stream",
            need if STATUS_NEEDS.contains(need) => "--statuses",
            _ => continue,
        };
        eprintln!("error: --gives {}: use {flag} instead", need.name());
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
    let api = match Deployed::find(Target { url, key, user_id, pass_through, shared_stream, statuses, supports }).await
    {
        Ok(api) => api,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::FAILURE;
        }
    };
    let records: usize = vectors.iter().map(|vector| api.records(vector)).sum();
    println!("Writing {records} records to {topics}. Only the answers are compared, not Kafka's contents.");
    let mut ran = Vec::new();
    for file in vectors.chunk_by(|one, other| one.file == other.file) {
        ran.extend(run_file(file, &api).await);
    }
    summarize(&ran)
}

/// Runs the vectors of one file and prints its result.
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
        _ => println!("FAILED  {file}: {failed} of {run} vectors"),
    }
    ran
}

/// Prints each difference and the totals.
fn summarize(ran: &[Ran<'_>]) -> ExitCode {
    let failed: Vec<_> = ran.iter().filter(|one| one.failed()).collect();
    let skipped = ran.iter().filter(|one| matches!(one.outcome, Outcome::Skipped(_))).count();
    let run = ran.len() - skipped;
    for one in &failed {
        println!("\n{one}");
    }
    if run == 0 {
        println!("No vector ran.");
        return ExitCode::FAILURE;
    }
    if failed.is_empty() {
        println!("All {run} vectors passed; {skipped} skipped.");
        return ExitCode::SUCCESS;
    }
    println!("\n{} of {run} vectors FAILED; {skipped} skipped.", failed.len());
    if failed.iter().any(|one| one.vector.needs.iter().any(|need| STATUS_NEEDS.contains(need))) {
        println!("Does the API use the other status policy? Pass it with --statuses.");
    }
    ExitCode::FAILURE
}

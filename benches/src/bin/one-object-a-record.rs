//! `archive` as its library, told to store each record by itself, which no setting of the function asks for:
//! `one-object-a-record BOOTSTRAP_SERVERS USER_ID ARCHIVE_URL` archives the user id's topics and prints what it took as JSON. It ends
//! with its input, so that its memory can be looked at.

#![expect(clippy::print_stdout, reason = "its figures are read there")]

use std::{
    error::Error,
    io::{self, Read},
    time::Duration,
};

use archive::{
    bucket::{ArchiveUrl, Bucket},
    reader::Kafka,
    run,
    store::{Archiver, Limits},
};
use clap::Parser;
use serde_json::json;
use shared::{
    cluster::Cluster,
    topic::{UserId, UserIds},
};
use tokio::time::Instant;

/// More than it takes.
const TIME: Duration = Duration::from_mins(10);

#[derive(Debug, Parser)]
struct Cli {
    bootstrap_servers: String,
    user_id: UserId,
    archive: ArchiveUrl,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Cli { bootstrap_servers, user_id, archive } = Cli::parse();
    let limits = Limits { records: 1, ..Limits::default() };
    let archiver = Archiver::new(Bucket::open(&archive).await?, limits);
    let kafka = Kafka::connect(&Cluster::plaintext(bootstrap_servers)).await?;
    let topics = UserIds::new(vec![user_id])?.topic_names();
    let report = run::run(&kafka, &archiver, &topics, Instant::now() + TIME).await.into_result()?;
    let total = report.total();
    println!("{}", json!({"records": total.records, "objects": total.objects, "seconds": report.seconds}));
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

//! The library of `archive` with one object per record, for which the function has no setting: `one-object-a-record
//! BOOTSTRAP_SERVERS USER_ID ARCHIVE_URL` archives the user id's topics and prints its figures as JSON. It exits at the
//! end of its input, so that its memory can be read.

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

/// Longer than a run takes.
const RUN_TIMEOUT: Duration = Duration::from_mins(10);

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
    let report = run::run(&kafka, &archiver, &topics, Instant::now() + RUN_TIMEOUT).await.into_result()?;
    let total = report.total();
    println!("{}", json!({"records": total.records, "objects": total.objects, "seconds": report.seconds}));
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

//! The records in the archive: each once, and byte for byte.

use std::{sync::Arc, time::Duration};

use archive::{
    bucket::ArchiveUrl,
    layout::{Folder, TopicPartition},
};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, local::LocalFileSystem, prefix::PrefixStore};
use shared::{
    causes::in_one_line,
    credentials::Signer,
    settings::{Reader, environment},
};
use tokio::time::{Instant, sleep};

use crate::{api::Place, say};

/// How often the archive is looked at.
const EVERY: Duration = Duration::from_secs(1);

/// How often it is said that it is waited for.
const SAID_EVERY: Duration = Duration::from_secs(10);

/// An object that holds an offset begins no further before it: `archive` stores up to 10,000 records in one.
const REACH: u64 = 20_000;

const NEVER: &str = "`archive` runs each minute: look at its log and its alarms; ArchiveLag and PartitionsFailed tell \
                     what it could not store";

pub(crate) struct Archive(Arc<dyn ObjectStore>);

/// A record that was written.
pub(crate) struct Sent {
    pub(crate) topic: String,
    pub(crate) place: Place,
    pub(crate) value: String,
}

/// Without them the store would ask an EC2 machine's metadata, again and again.
fn credentials() -> Result<(), String> {
    let mut reader = Reader::new(environment);
    let signer = Signer::read(&mut reader);
    let problems = reader.finish(signer).err().map(|error| error.to_string().replace('\n', "; "));
    problems.map_or(Ok(()), |problems| {
        Err(format!(
            "no AWS credentials: export AWS_REGION=<region>; eval \"$(aws configure export-credentials --format env)\" \
             ({problems})"
        ))
    })
}

impl Archive {
    /// Lists it once, so that what may not be read is told before anything is posted.
    pub(crate) async fn open(url: &ArchiveUrl) -> Result<Self, String> {
        let failed = |error: object_store::Error| format!("it cannot be read: {}", in_one_line(&error));
        let store: Arc<dyn ObjectStore> = match url {
            ArchiveUrl::S3 { bucket, prefix } => {
                credentials()?;
                let s3 = AmazonS3Builder::from_env().with_bucket_name(bucket).build().map_err(failed)?;
                Arc::new(PrefixStore::new(s3, prefix.as_str()))
            }
            ArchiveUrl::Folder(folder) => Arc::new(LocalFileSystem::new_with_prefix(folder).map_err(failed)?),
        };
        store.list_with_delimiter(None).await.map_err(failed)?;
        Ok(Self(store))
    }

    /// What became of each record by `deadline`, by topic.
    pub(crate) async fn wait(&self, mut sent: Vec<Sent>, deadline: Instant) -> Vec<(String, Result<String, String>)> {
        let (begun, all) = (Instant::now(), sent.len());
        let mut said = begun;
        let mut found = Vec::new();
        loop {
            let mut missing = Vec::new();
            for record in sent {
                match self.look(&record).await {
                    Ok(Some(outcome)) => found.push((record.topic, outcome)),
                    Ok(None) => missing.push((record, None)),
                    Err(error) => missing.push((record, Some(in_one_line(&error)))),
                }
            }
            let over = Instant::now() >= deadline;
            if over || missing.is_empty() {
                found.extend(missing.into_iter().map(|(record, error)| {
                    let seconds = begun.elapsed().as_secs();
                    let why = error.map_or_else(|| NEVER.to_owned(), |error| format!("it cannot be read: {error}"));
                    (record.topic, Err(format!("not there after {seconds} s: {why}")))
                }));
                return found;
            }
            if said.elapsed() >= SAID_EVERY {
                said = Instant::now();
                say(&format!("…       archive: {} of {all} after {} s", found.len(), begun.elapsed().as_secs()));
            }
            sent = missing.into_iter().map(|(record, _)| record).collect();
            sleep(EVERY).await;
        }
    }

    /// `None` while the record's offset is not archived.
    async fn look(&self, sent: &Sent) -> Result<Option<Result<String, String>>, object_store::Error> {
        let Place { partition, offset } = sent.place;
        let partition = TopicPartition { topic: sent.topic.clone(), partition };
        let (folder, from) = (Folder::Topics, offset.saturating_sub(REACH));
        let after = partition.before(folder, from);
        let objects: Vec<_> = self.0.list_with_offset(Some(&partition.folder(folder)), &after).try_collect().await?;
        let mut starts: Vec<_> = objects
            .into_iter()
            .filter_map(|object| Some((partition.offset_of(folder, &object.location)?, object.location)))
            .collect();
        starts.sort();
        let (mut there, mut copies) = (None, 0);
        // From the object that may hold it on: a second copy would come later.
        let first = starts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        for (start, location) in &starts[first.min(starts.len())..] {
            let bytes = self.0.get(location).await?.bytes().await?;
            for (at, line) in (*start..).zip(bytes.split(|byte| *byte == b'\n')) {
                if line.is_empty() {
                    continue;
                }
                copies += usize::from(line == sent.value.as_bytes());
                if at == offset {
                    there = Some((location.clone(), line == sent.value.as_bytes()));
                }
            }
        }
        Ok(there.map(|(location, same)| match (same, copies) {
            (true, 1) => Ok(format!("once and byte for byte in {location}")),
            (true, copies) => Err(format!("{copies} times from {location} on: is there a second archive at work?")),
            (false, _) => {
                Err(format!("another record stands at offset {offset} of {location}: is it of another cluster?"))
            }
        }))
    }
}

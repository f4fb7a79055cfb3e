//! The check that the archive holds each record once, byte for byte.

use std::{sync::Arc, time::Duration};

use archive::{
    bucket::ArchiveUrl,
    layout::{Folder, TopicPartition},
};
use futures::TryStreamExt;
use object_store::{ObjectStore, ObjectStoreExt, aws::AmazonS3Builder, local::LocalFileSystem, prefix::PrefixStore};
use shared::{
    credentials::Signer,
    error_chain::one_line,
    settings::{Reader, environment},
};
use tokio::time::{Instant, sleep};

use crate::{api::Place, print_line};

const POLL_INTERVAL: Duration = Duration::from_secs(1);

const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// The most offsets between an object's start and a record in it: `archive` stores up to 10,000 records in one.
const MAX_OBJECT_OFFSETS: u64 = 20_000;

const MISSING_ADVICE: &str = "`archive` runs each minute: check its log and its alarms; ArchiveLag and PartitionsFailed \
show what it could not store";

pub(crate) struct Archive(Arc<dyn ObjectStore>);

/// A written record.
pub(crate) struct WrittenRecord {
    pub(crate) topic: String,
    pub(crate) place: Place,
    pub(crate) value: String,
}

/// Checks for AWS credentials. Without them the store would retry EC2's metadata service.
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
    /// Opens the archive and lists it once, so that a missing right is reported before anything is posted.
    pub(crate) async fn open(url: &ArchiveUrl) -> Result<Self, String> {
        let failed = |error: object_store::Error| format!("it cannot be read: {}", one_line(&error));
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

    /// Waits for the records until `deadline`, and returns each one's outcome with its topic.
    pub(crate) async fn wait(
        &self,
        mut sent: Vec<WrittenRecord>,
        deadline: Instant,
    ) -> Vec<(String, Result<String, String>)> {
        let (started, all) = (Instant::now(), sent.len());
        let mut reported = started;
        let mut found = Vec::new();
        loop {
            let mut missing = Vec::new();
            for record in sent {
                match self.find(&record).await {
                    Ok(Some(outcome)) => found.push((record.topic, outcome)),
                    Ok(None) => missing.push((record, None)),
                    Err(error) => missing.push((record, Some(one_line(&error)))),
                }
            }
            let expired = Instant::now() >= deadline;
            if expired || missing.is_empty() {
                found.extend(missing.into_iter().map(|(record, error)| {
                    let seconds = started.elapsed().as_secs();
                    let why =
                        error.map_or_else(|| MISSING_ADVICE.to_owned(), |error| format!("it cannot be read: {error}"));
                    (record.topic, Err(format!("not archived after {seconds} s: {why}")))
                }));
                return found;
            }
            if reported.elapsed() >= PROGRESS_INTERVAL {
                reported = Instant::now();
                print_line(&format!(
                    "…       archive: {} of {all} records after {} s",
                    found.len(),
                    started.elapsed().as_secs()
                ));
            }
            sent = missing.into_iter().map(|(record, _)| record).collect();
            sleep(POLL_INTERVAL).await;
        }
    }

    /// Looks a record up. `None` means that its offset is not archived yet.
    async fn find(&self, sent: &WrittenRecord) -> Result<Option<Result<String, String>>, object_store::Error> {
        let Place { partition, offset } = sent.place;
        let partition = TopicPartition { topic: sent.topic.clone(), partition };
        let (folder, from) = (Folder::Topics, offset.saturating_sub(MAX_OBJECT_OFFSETS));
        let after = partition.before(folder, from);
        let objects: Vec<_> = self.0.list_with_offset(Some(&partition.folder(folder)), &after).try_collect().await?;
        let mut starts: Vec<_> = objects
            .into_iter()
            .filter_map(|object| Some((partition.offset_of(folder, &object.location)?, object.location)))
            .collect();
        starts.sort();
        let (mut found, mut copies) = (None, 0);
        // A second copy would be in a later object.
        let first = starts.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        for (start, location) in &starts[first.min(starts.len())..] {
            let bytes = self.0.get(location).await?.bytes().await?;
            for (at, line) in (*start..).zip(bytes.split(|byte| *byte == b'\n')) {
                if line.is_empty() {
                    continue;
                }
                copies += usize::from(line == sent.value.as_bytes());
                if at == offset {
                    found = Some((location.clone(), line == sent.value.as_bytes()));
                }
            }
        }
        Ok(found.map(|(location, same)| match (same, copies) {
            (true, 1) => Ok(format!("once and byte for byte in {location}")),
            (true, copies) => Err(format!("{copies} copies from {location} on: does a second archive run?")),
            (false, _) => Err(format!(
                "another record has offset {offset} in {location}: does the archive belong to another cluster?"
            )),
        }))
    }
}

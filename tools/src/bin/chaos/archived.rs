//! **Archived exactly once**: several environments of `archive` store a topic while S3 and they themselves fail. Then
//! the archive is compared with the topic, offset for offset and byte for byte.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use archive::{
    layout::{Content, TopicPartition},
    reader::{Kafka as Reading, Reader},
    record::{ConsumerRecord, Form},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use futures::{TryStreamExt, future::try_join_all};
use object_store::{ObjectStore, ObjectStoreExt};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use shared::{
    cluster::Cluster,
    kafka::Producer,
    metrics::Metrics,
    publish::{ProducerRecord, Publish},
};
use stack::{
    kafka::{Kafka, Options},
    lambda::Lambda,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    Result,
    plan::Plan,
    progress::log_progress,
    storage::{Storage, WRITERS, finish},
};

/// The function's timeout, short enough to be hit at times.
const FUNCTION_TIMEOUT: Duration = Duration::from_secs(5);

/// The delay before the topic is read again.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The result.
#[derive(Debug, Default)]
pub(crate) struct Archived {
    pub(crate) schedules: usize,
    pub(crate) records: usize,
    pub(crate) objects: usize,
    pub(crate) invocations: u64,
    /// Invocations that failed or got no response.
    pub(crate) failed: u64,
    pub(crate) kills: u64,
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Archived> {
    let (kafka, storage) = tokio::join!(Kafka::start(Options::default()), Storage::start(seed));
    let (kafka, storage) = (kafka?, storage?);
    let mut archived = Archived::default();
    for number in 0..plan.schedules {
        log_progress(&format!("archived, {} of {}", number + 1, plan.schedules));
        let schedule = Schedule::start(&kafka, &storage, number).await?;
        schedule.run(plan, seed.wrapping_add(number as u64), &mut archived).await?;
        archived.schedules += 1;
    }
    Ok(archived)
}

/// One topic with its archive and its writers.
struct Schedule<'a> {
    kafka: &'a Kafka,
    storage: &'a Storage,
    partition: TopicPartition,
    user_id: String,
    lambda: Arc<Lambda>,
}

impl<'a> Schedule<'a> {
    async fn start(kafka: &'a Kafka, storage: &'a Storage, number: usize) -> Result<Self> {
        let user_id = format!("s{number}");
        for kind in shared::kind::CATALOG {
            kafka.create_topic(&format!("{user_id}.{kind}"), 1).await?;
        }
        let variables =
            [("BOOTSTRAP_SERVERS", kafka.internal_servers()), ("SECURITY_PROTOCOL", "PLAINTEXT".to_owned())];
        let lambda = storage.function("archive", &user_id, &user_id, FUNCTION_TIMEOUT, variables).await?;
        let partition = TopicPartition { topic: format!("{user_id}.geo"), partition: 0 };
        Ok(Self { kafka, storage, partition, user_id, lambda: Arc::new(lambda) })
    }

    async fn run(self, plan: &Plan, seed: u64, archived: &mut Archived) -> Result<()> {
        let (going, seen) = watch::channel(true);
        let work = Arc::new(Work::default());
        let writers = (0..WRITERS).map(|writer| {
            let (lambda, work, seen) = (Arc::clone(&self.lambda), Arc::clone(&work), seen.clone());
            let random = StdRng::seed_from_u64(seed ^ (writer as u64 + 1) << 32);
            let servers = self.kafka.internal_servers();
            tokio::spawn(write(lambda, servers, self.partition.clone(), work, seen, random))
        });
        let writers: Vec<_> = writers.collect();
        let mut random = StdRng::seed_from_u64(seed);
        let producing = tokio::spawn(produce(
            self.kafka.internal_servers(),
            self.partition.topic.clone(),
            seen,
            StdRng::seed_from_u64(seed ^ 1 << 60),
        ));
        let end = Instant::now() + plan.schedule;
        while Instant::now() < end {
            archived.kills += self.storage.inject_fault(&self.lambda, &mut random).await?;
        }
        going.send_replace(false);
        producing.await??;
        for writer in writers {
            writer.await?;
        }
        archived.invocations += work.invocations.load(Ordering::Relaxed);
        archived.failed += work.failed.load(Ordering::Relaxed);

        // Check before the final runs, which would store records acknowledged too early.
        let acknowledged = work.acknowledged.load(Ordering::Relaxed);
        let archive = self.storage.archive(&self.user_id)?;
        let (known, _) = stored(&archive, &self.partition).await?;
        let records = read(self.kafka.internal_servers(), &self.partition).await?;
        let missing =
            records.iter().filter(|record| record.offset < acknowledged && !known.contains_key(&record.offset));
        archived.problems.extend(missing.map(|record| format!("{}: acknowledged but not archived", record.offset)));

        let last_report = finish(&self.lambda).await;
        if records.is_empty() {
            archived.problems.push(format!("{}: the topic is empty", self.partition));
        }
        let (stored, objects) = stored(&archive, &self.partition).await?;
        let expected: BTreeMap<u64, Form> =
            records.iter().map(|record| (record.offset, Form::of(record.value.as_ref()))).collect();
        archived.problems.extend(differences(&expected, &stored, &self.partition, &last_report));
        archived.records += expected.len();
        archived.objects += objects;
        Ok(())
    }
}

/// The state shared by a schedule's writers.
#[derive(Debug, Default)]
struct Work {
    invocations: AtomicU64,
    failed: AtomicU64,
    /// The first offset that has not been acknowledged with a batch.
    acknowledged: AtomicU64,
}

/// Invokes runs and batches. Like an event source mapping's, batches start at the acknowledged offset, earlier, or
/// later after discarded ones.
async fn write(
    lambda: Arc<Lambda>,
    servers: String,
    partition: TopicPartition,
    work: Arc<Work>,
    going: watch::Receiver<bool>,
    mut random: StdRng,
) {
    while *going.borrow() {
        let mut delivered = None;
        let event = if random.random_bool(0.5) {
            json!({})
        } else {
            let count = random.random_range(1..200);
            let Ok(records) = read(servers.clone(), &partition).await else {
                sleep(RETRY_DELAY).await;
                continue;
            };
            // Unarchived records, possibly archived ones, or those after discarded batches.
            let acknowledged = work.acknowledged.load(Ordering::Relaxed);
            let end = records.last().map_or(0, |last| last.offset + 1);
            let from = match random.random_range(0..4) {
                0 | 1 => acknowledged,
                2 => random.random_range(0..=acknowledged),
                _ => random.random_range(0..=end),
            };
            let batch: Vec<_> = records.into_iter().skip_while(|record| record.offset < from).take(count).collect();
            delivered = batch.last().map(|last| last.offset + 1);
            event_of(&partition, &batch)
        };
        work.invocations.fetch_add(1, Ordering::Relaxed);
        match lambda.invoke(&event).await {
            Ok(report) if report["left_behind"] == json!([]) => {
                if let Some(end) = delivered {
                    work.acknowledged.fetch_max(end, Ordering::Relaxed);
                }
            }
            Ok(_) | Err(_) => {
                work.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
        sleep(Duration::from_millis(random.random_range(0..100))).await;
    }
}

fn event_of(TopicPartition { topic, partition }: &TopicPartition, records: &[ConsumerRecord]) -> Value {
    let records: Vec<_> = records
        .iter()
        .map(|ConsumerRecord { offset, value }| {
            let value = value.as_ref().map(|value| BASE64_STANDARD.encode(value));
            json!({
                "topic": topic, "partition": partition, "offset": offset, "timestamp": 0,
                "timestampType": "CREATE_TIME", "value": value, "headers": [],
            })
        })
        .collect();
    json!({"eventSource": "aws:kafka", "records": {format!("{topic}-{partition}"): records}})
}

/// Writes records of every form until the end.
async fn produce(servers: String, topic: String, going: watch::Receiver<bool>, mut random: StdRng) -> Result<()> {
    let producer = Producer::new(&Cluster::plaintext(servers), Metrics::default())?;
    let topic: Arc<str> = topic.into();
    let mut number = 0_u64;
    while *going.borrow() {
        let records: Vec<_> = (0..random.random_range(1..60))
            .map(|_| {
                number += 1;
                let value = match random.random_range(0..20) {
                    0 => None,
                    1 => Some(format!("not JSON: {number}")),
                    2 => Some(format!("{{ \"n\" : {number},\n \"spaced\": true }}")),
                    3 => Some(format!("{{\"n\":{number},\"large\":\"{}\"}}", "x".repeat(100_000))),
                    _ => Some(format!("{{\"n\":{number}}}")),
                };
                ProducerRecord { topic: Arc::clone(&topic), value: value.map(Into::into), ..ProducerRecord::default() }
            })
            .collect();
        producer.publish(records, Instant::now() + Duration::from_secs(20)).await;
        sleep(Duration::from_millis(random.random_range(0..120))).await;
    }
    Ok(())
}

async fn read(servers: String, partition: &TopicPartition) -> Result<Vec<ConsumerRecord>> {
    let kafka = Reading::connect(&Cluster::plaintext(servers)).await?;
    let bounds = kafka.bounds(partition).await?;
    let (mut records, mut next) = (Vec::new(), bounds.start);
    while next < bounds.end {
        let read = kafka.read(partition, next).await?;
        let Some(last) = read.last() else { break };
        next = last.offset + 1;
        records.extend(read);
    }
    Ok(records)
}

/// Returns the archived records by offset, and the number of objects. An offset may occur more than once.
async fn stored(archive: &impl ObjectStore, partition: &TopicPartition) -> Result<(BTreeMap<u64, Vec<Form>>, usize)> {
    let objects: Vec<_> = archive.list(None).try_collect().await?;
    let read = objects.iter().map(async |object| {
        let bytes = archive.get(&object.location).await?.bytes().await?;
        Ok::<_, object_store::Error>((object.location.clone(), bytes))
    });
    let mut stored: BTreeMap<u64, Vec<Form>> = BTreeMap::new();
    for (location, bytes) in try_join_all(read).await? {
        let (content, offset) =
            found(partition, location.as_ref()).ok_or_else(|| format!("unexpected object {location}"))?;
        let forms: Vec<Form> = match content {
            Content::Lines => {
                let text = bytes.strip_suffix(b"\n").ok_or_else(|| format!("{location} has no last line break"))?;
                text.split(|byte| *byte == b'\n').map(|line| Form::Line(line.to_vec().into())).collect()
            }
            Content::NotJson => vec![Form::NotJson(bytes)],
            Content::Null => vec![Form::Null],
        };
        for (at, form) in (offset..).zip(forms) {
            stored.entry(at).or_default().push(form);
        }
    }
    Ok((stored, objects.len()))
}

/// Parses the name of an object.
fn found(partition: &TopicPartition, name: &str) -> Option<(Content, u64)> {
    let (stem, extension) = name.rsplit_once('.')?;
    let content = match extension {
        "json" => Content::Lines,
        "bin" => Content::NotJson,
        "null" => Content::Null,
        _ => return None,
    };
    let offset = stem.rsplit_once('+')?.1.parse().ok()?;
    (partition.object(content, offset).as_ref() == name).then_some((content, offset))
}

fn differences(
    expected: &BTreeMap<u64, Form>,
    stored: &BTreeMap<u64, Vec<Form>>,
    partition: &TopicPartition,
    last_report: &Value,
) -> Vec<String> {
    let offsets = expected.keys().chain(stored.keys()).collect::<BTreeSet<_>>();
    let mut problems: Vec<String> = offsets
        .into_iter()
        .filter_map(|offset| match (expected.get(offset), stored.get(offset).map(Vec::as_slice)) {
            (Some(form), Some([only])) if form == only => None,
            (Some(_), None) => Some(format!("{partition}: {offset} is not archived")),
            (None, Some(_)) => Some(format!("{partition}: {offset} is archived but not in the topic")),
            (Some(_), Some([_])) => Some(format!("{partition}: {offset} is archived with other content")),
            (Some(_), Some(forms)) => Some(format!("{partition}: {offset} is archived {} times", forms.len())),
            (None, None) => None,
        })
        .collect();
    if !problems.is_empty() {
        problems.push(format!("{partition}: the last run returned {last_report}"));
    }
    problems
}

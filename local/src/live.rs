//! The page at `/`: the pipeline, alive.
//!
//! What is counted comes from the same counters as the functions' metrics: [`samples`] keeps what they say of each second. What
//! no counter has the parts tell [`Live`]: [`observed`] sees the records that are written, which become [`posts`], [`refusals`]
//! the requests that are refused, [`objects`] what is archived. While somebody looks, all of it becomes one state a second, the
//! same for every viewer; who is slow gets the next one. [`routes`] serves it, and the page's own files.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use archive::{bucket::Bucket, layout::TopicPartition, store::Stored};
use axum::body::Bytes;
use chrono::Utc;
use serde::Serialize;
use shared::{
    metadata::Describe,
    publish::{Outcome, Record},
    topic::UserIds,
};
use tokio::{
    sync::{mpsc::UnboundedReceiver, watch},
    time::{MissedTickBehavior, interval, sleep},
};

use crate::{
    condition::Condition,
    totals::{Figures, Totals},
};

mod files;
mod objects;
mod observed;
mod pipeline;
mod posts;
mod refusals;
mod routes;
mod samples;

pub(crate) use observed::Observed;
pub(crate) use pipeline::{Pipeline, rows};
pub(crate) use refusals::observe;
pub(crate) use routes::routes;
pub(crate) use samples::Second;

use objects::Objects;
use pipeline::Topic;
use posts::{Posts, Unread};
use refusals::{Refusal, Refusals};
use samples::{Sample, Samples};

/// Between two states.
const EVERY: Duration = Duration::from_secs(1);

/// How long Kafka may take to answer that it is there.
const TIME_TO_REACH: Duration = Duration::from_secs(2);

/// Whether each part works.
#[derive(Debug, Default)]
pub(crate) struct Conditions {
    pub(crate) emulator: Condition,
    pub(crate) kafka: Condition,
    pub(crate) archive: Condition,
}

/// What the page is told. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Live(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    pipeline: Pipeline,
    figures: Figures,
    conditions: Conditions,
    bucket: Option<Bucket>,
    samples: Mutex<Samples>,
    posts: Mutex<Posts>,
    objects: Mutex<Objects>,
    refusals: Mutex<Refusals>,
    /// The newest state, as it is sent.
    newest: watch::Sender<Bytes>,
}

/// All that changes, as the page reads it.
#[derive(Serialize)]
struct State<'a> {
    sample: &'a Sample,
    totals: ShownTotals<'a>,
    parts: Parts,
    topics: Vec<TopicState<'a>>,
    #[serde(flatten)]
    posts: posts::Shown<'a>,
    refusals: Vec<&'a Refusal>,
    archive: Option<objects::Tree<'a>>,
}

#[derive(Serialize)]
struct ShownTotals<'a> {
    #[serde(flatten)]
    totals: &'a Totals,
    records_by_http: u64,
    archive_lag: u64,
}

/// Why a part does not work, if it does not.
#[derive(Serialize)]
struct Parts {
    emulator: Option<String>,
    kafka: Option<String>,
    archive: Option<String>,
}

/// A topic's offsets, summed over its partitions.
#[derive(Serialize)]
struct TopicState<'a> {
    name: &'a str,
    end: u64,
    /// `None` when it is not archived.
    archived: Option<u64>,
}

impl Live {
    /// Nothing has happened yet. `bucket` is where the archive's objects are read.
    pub(crate) fn new(pipeline: Pipeline, user_ids: &UserIds, figures: Figures, bucket: Option<Bucket>) -> Self {
        Self(Arc::new(Inner {
            pipeline,
            figures,
            conditions: Conditions::default(),
            bucket,
            samples: Mutex::default(),
            posts: Mutex::new(Posts::of(user_ids)),
            objects: Mutex::default(),
            refusals: Mutex::default(),
            newest: watch::Sender::default(),
        }))
    }

    pub(crate) fn conditions(&self) -> &Conditions {
        &self.0.conditions
    }

    /// Records were written, or not.
    fn written(&self, records: &[Record], outcomes: &[Outcome]) {
        let (mut posts, now_ms) = (lock(&self.0.posts), now_ms());
        for (record, outcome) in records.iter().zip(outcomes) {
            if let Ok(written) = outcome {
                posts.add(record, *written, now_ms);
            }
        }
    }

    fn refused(&self, note: impl FnOnce(&mut Refusals)) {
        note(&mut lock(&self.0.refusals));
    }

    /// Rows of the emulator's database were not valid.
    pub(crate) fn refused_rows(&self, rows: Vec<String>) {
        self.refused(|refusals| rows.into_iter().for_each(|row| refusals.add_row(row)));
    }

    /// Everything below offset `next` of a partition is archived.
    pub(crate) fn archived(&self, partition: &TopicPartition, next: u64) {
        lock(&self.0.objects).archived(partition, next);
    }

    /// Keeps a sample a second and tells the viewers, while `stored` is heard of what is archived. Goes on until it is dropped.
    pub(crate) async fn run(self, mut stored: UnboundedReceiver<Stored>) {
        let mut seconds = interval(EVERY);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first one is over at once.
        seconds.tick().await;
        loop {
            seconds.tick().await;
            let mut objects = lock(&self.0.objects);
            while let Ok(stored) = stored.try_recv() {
                objects.add(stored);
            }
            drop(objects);
            let (totals, second) = self.0.figures.second();
            lock(&self.0.samples).add(second, now_ms(), totals.archive_lag);
            if self.is_looked_at() {
                self.read_rows();
                self.0.newest.send_replace(self.state(&totals));
            }
        }
    }

    /// Asks now and then whether Kafka is there, while somebody looks. Goes on until it is dropped.
    pub(crate) async fn watch_kafka(self, kafka: impl Describe) {
        loop {
            if self.is_looked_at() {
                match kafka.reach(TIME_TO_REACH).await {
                    Ok(()) => self.0.conditions.kafka.works(),
                    Err(error) => drop(self.0.conditions.kafka.fails(error.to_string())),
                }
            }
            sleep(EVERY).await;
        }
    }

    fn is_looked_at(&self) -> bool {
        self.0.newest.receiver_count() > 0
    }

    /// Reads what was written since somebody looked last. Whoever writes does not wait for it.
    fn read_rows(&self) {
        let unread = lock(&self.0.posts).unread();
        let read = unread.into_iter().map(Unread::read).collect();
        lock(&self.0.posts).add_read(read);
    }

    /// The state now, as an event of the stream.
    fn state(&self, totals: &Totals) -> Bytes {
        let inner = &*self.0;
        let (samples, posts) = (lock(&inner.samples), lock(&inner.posts));
        let (objects, refusals) = (lock(&inner.objects), lock(&inner.refusals));
        let Conditions { emulator, kafka, archive } = &inner.conditions;
        let none = Sample::default();
        let state = State {
            sample: samples.latest().back().unwrap_or(&none),
            totals: ShownTotals { totals, records_by_http: totals.records_by_http, archive_lag: totals.archive_lag },
            parts: Parts { emulator: emulator.trouble(), kafka: kafka.trouble(), archive: archive.trouble() },
            topics: inner.pipeline.topics.iter().map(|topic| inner.topic(topic, &posts, &objects)).collect(),
            posts: posts.shown(&objects),
            refusals: refusals.shown(),
            archive: inner.pipeline.archive.as_ref().map(|_| objects.tree()),
        };
        // Numbers and strings always serialize, and have no line break.
        format!("data: {}\n\n", serde_json::to_string(&state).unwrap_or_default()).into()
    }
}

impl Inner {
    fn topic<'a>(&self, topic: &'a Topic, posts: &Posts, objects: &Objects) -> TopicState<'a> {
        let mut ends: BTreeMap<&TopicPartition, u64> = BTreeMap::new();
        let mut archived = 0;
        for (partition, next) in objects.ends().filter(|(partition, _)| partition.topic == topic.name) {
            archived += next;
            ends.insert(partition, next);
        }
        for (partition, next) in posts.ends().filter(|(partition, _)| partition.topic == topic.name) {
            let end = ends.entry(partition).or_default();
            *end = next.max(*end);
        }
        let is_archived = self.pipeline.archive.is_some() && !topic.is_passed_through();
        TopicState { name: &topic.name, end: ends.values().sum(), archived: is_archived.then_some(archived) }
    }
}

#[expect(clippy::disallowed_methods, reason = "dates what is shown, decides nothing")]
pub(crate) fn now_ms() -> i64 {
    Utc::now().timestamp_millis()
}

fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

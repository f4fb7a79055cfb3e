//! The state that the page shows, and the news of each second.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use archive::{bucket::Bucket, layout::TopicPartition, store::Stored};
use axum::body::Bytes;
use serde::Serialize;
use shared::{
    metadata::Describe,
    publish::{Outcome, ProducerRecord},
    topic::UserIds,
};
use tokio::{
    sync::{Notify, Semaphore, mpsc::UnboundedReceiver, watch},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    objects::{self, Objects},
    posts::{self, Posts, Unread},
    refusals::{Refusal, Refusals},
    setup::{Setup, Topic},
};
use crate::{
    clock::now_ms,
    health::Health,
    samples::{Sample, Samples},
    totals::{RunningTotals, Totals},
};

/// Between two samples, and the news of them.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// How soon after somebody came the news are made.
const ARRIVAL_DELAY: Duration = Duration::from_millis(50);

/// How many objects are read at once.
const MAX_CONCURRENT_READS: usize = 4;

/// How long Kafka may take to answer that it is there.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(2);

/// Whether each part works.
#[derive(Debug, Default)]
pub(crate) struct ComponentHealth {
    pub(crate) emulator: Health,
    pub(crate) kafka: Health,
    pub(crate) archive: Health,
}

/// What the page is told. A clone is the same.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) setup: Setup,
    running_totals: RunningTotals,
    health: ComponentHealth,
    pub(super) bucket: Option<Bucket>,
    pub(super) samples: Mutex<Samples>,
    posts: Mutex<Posts>,
    pub(super) objects: Mutex<Objects>,
    refusals: Mutex<Refusals>,
    /// The newest news, as they are sent.
    pub(super) newest: watch::Sender<Bytes>,
    /// Somebody came to look.
    pub(super) arrived: Notify,
    /// How many objects are read at once, which may be large.
    pub(super) reads: Semaphore,
}

/// All that changes, as the page reads it.
#[derive(Serialize)]
struct News<'a> {
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

/// Where a topic ends, summed over its partitions.
#[derive(Serialize)]
struct TopicState<'a> {
    name: &'a str,
    end: u64,
}

impl Dashboard {
    /// Nothing has happened yet. `bucket` is where the archive's objects are read.
    pub(crate) fn new(setup: Setup, user_ids: &UserIds, running_totals: RunningTotals, bucket: Option<Bucket>) -> Self {
        Self(Arc::new(Inner {
            setup,
            running_totals,
            health: ComponentHealth::default(),
            bucket,
            samples: Mutex::default(),
            posts: Mutex::new(Posts::of(user_ids)),
            objects: Mutex::default(),
            refusals: Mutex::default(),
            newest: watch::Sender::default(),
            arrived: Notify::new(),
            reads: Semaphore::new(MAX_CONCURRENT_READS),
        }))
    }

    pub(crate) fn health(&self) -> &ComponentHealth {
        &self.0.health
    }

    /// Records for `topics` were written, or not. Of the last ones there is more to tell.
    pub(super) fn written(&self, topics: &[Arc<str>], latest: &[ProducerRecord], outcomes: &[Outcome]) {
        let mut ends: BTreeMap<(&str, i32), i64> = BTreeMap::new();
        for (topic, written) in topics.iter().zip(outcomes).filter_map(|(topic, outcome)| Some((topic, outcome.ok()?)))
        {
            let end = ends.entry((topic, written.partition)).or_default();
            *end = (written.offset + 1).max(*end);
        }
        let (mut posts, now_ms) = (lock(&self.0.posts), now_ms());
        for ((topic, partition), next) in ends {
            posts.add_end(TopicPartition { topic: topic.to_owned(), partition }, next.try_into().unwrap_or_default());
        }
        for (record, outcome) in latest.iter().zip(&outcomes[outcomes.len() - latest.len()..]) {
            if let Ok(written) = outcome {
                posts.add(record, *written, now_ms);
            }
        }
    }

    pub(super) fn refused(&self, note: impl FnOnce(&mut Refusals)) {
        note(&mut lock(&self.0.refusals));
    }

    /// Rows of the emulator's database were not valid.
    pub(crate) fn refused_rows(&self, rows: Vec<String>) {
        self.refused(|refusals| rows.into_iter().for_each(|row| refusals.add_row(row, now_ms())));
    }

    /// Keeps a sample a second and tells the viewers, while `stored` is heard of what is archived. Goes on until it is dropped.
    pub(crate) async fn run(self, mut stored: UnboundedReceiver<Stored>) {
        let mut seconds = interval(SAMPLE_INTERVAL);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first one is over at once.
        seconds.tick().await;
        loop {
            tokio::select! {
                _ = seconds.tick() => self.end_second(&mut stored),
                // Not more often than that, however many come and go.
                () = self.0.arrived.notified() => sleep(ARRIVAL_DELAY).await,
            }
            if self.is_looked_at() {
                self.read_rows();
                self.0.newest.send_replace(self.news(&self.0.running_totals.snapshot()));
            }
        }
    }

    fn end_second(&self, stored: &mut UnboundedReceiver<Stored>) {
        {
            let mut objects = lock(&self.0.objects);
            while let Ok(stored) = stored.try_recv() {
                objects.add(stored);
            }
        }
        let (totals, second) = self.0.running_totals.take_second();
        lock(&self.0.samples).add(second, now_ms(), totals.archive_lag);
    }

    /// Asks where the topics end, and then each second whether Kafka is there. Goes on until it is dropped.
    pub(crate) async fn watch_kafka(self, kafka: impl Describe) {
        for topic in &self.0.setup.topics {
            for partition in kafka.partitions(&topic.name, KAFKA_TIMEOUT).await.unwrap_or_default() {
                let of = TopicPartition { topic: topic.name.clone(), partition: partition.partition };
                if let Ok(offsets) = kafka.offsets(&of.topic, of.partition, KAFKA_TIMEOUT).await {
                    lock(&self.0.posts).add_end(of, offsets.end_offset.try_into().unwrap_or_default());
                }
            }
        }
        let health = &self.0.health.kafka;
        loop {
            match kafka.reach(KAFKA_TIMEOUT).await {
                Ok(()) => health.mark_healthy(),
                Err(error) => {
                    let error = error.to_string();
                    if health.mark_failed(error.clone()) {
                        eprintln!("kafka: {error}; trying again");
                    }
                }
            }
            sleep(SAMPLE_INTERVAL).await;
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

    /// What is so now, as an event of the stream.
    fn news(&self, totals: &Totals) -> Bytes {
        let inner = &*self.0;
        let (samples, posts) = (lock(&inner.samples), lock(&inner.posts));
        let (objects, refusals) = (lock(&inner.objects), lock(&inner.refusals));
        let ComponentHealth { emulator, kafka, archive } = &inner.health;
        let none = Sample::default();
        let news = News {
            sample: samples.latest().back().unwrap_or(&none),
            totals: ShownTotals { totals, records_by_http: totals.records_by_http, archive_lag: totals.archive_lag },
            parts: Parts { emulator: emulator.error(), kafka: kafka.error(), archive: archive.error() },
            topics: inner.setup.topics.iter().map(|topic| TopicState::of(topic, &posts)).collect(),
            posts: posts.shown(&objects),
            refusals: refusals.shown(),
            archive: inner.setup.archive.as_ref().map(|_| objects.tree()),
        };
        // Numbers and strings always serialize, and have no line break.
        format!("data: {}\n\n", serde_json::to_string(&news).unwrap_or_default()).into()
    }
}

impl<'a> TopicState<'a> {
    fn of(topic: &'a Topic, posts: &Posts) -> Self {
        let ends = posts.ends().filter(|(partition, _)| partition.topic == topic.name);
        Self { name: &topic.name, end: ends.map(|(_, next)| next).sum() }
    }
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

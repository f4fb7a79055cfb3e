//! The state that the page shows, and the event of each second.

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
    posts::{self, Posts, UnparsedRow},
    refusals::{Refusal, Refusals},
    setup::{Setup, Topic},
};
use crate::{
    analytics::Analytics,
    clock::now_ms,
    health::Health,
    samples::{Sample, Samples},
    totals::{RunningTotals, Totals},
};

/// The interval of the samples and of the events.
const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);

/// The delay of the first event for a new browser.
const FIRST_EVENT_DELAY: Duration = Duration::from_millis(50);

/// The number of objects read at the same time.
const MAX_CONCURRENT_READS: usize = 4;

/// The timeout of a request to Kafka.
const KAFKA_TIMEOUT: Duration = Duration::from_secs(2);

/// The health of each component.
#[derive(Debug, Default)]
pub(crate) struct ComponentHealth {
    pub(crate) emulator: Health,
    pub(crate) kafka: Health,
    pub(crate) archive: Health,
    pub(crate) tables: Health,
}

/// The state that the page shows. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Dashboard(pub(super) Arc<Inner>);

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) setup: Setup,
    running_totals: RunningTotals,
    health: ComponentHealth,
    pub(super) bucket: Option<Bucket>,
    /// `None` without tables.
    pub(super) analytics: Option<Analytics>,
    pub(super) samples: Mutex<Samples>,
    posts: Mutex<Posts>,
    pub(super) objects: Mutex<Objects>,
    refusals: Mutex<Refusals>,
    /// The newest event, as it is sent.
    pub(super) newest: watch::Sender<Bytes>,
    /// Notified when a browser connects.
    pub(super) browser_connected: Notify,
    /// Limits concurrent reads, because objects may be large.
    pub(super) reads: Semaphore,
}

/// The event of one second, in the names that the page reads.
#[derive(Serialize)]
struct Event<'a> {
    sample: &'a Sample,
    totals: TotalsView<'a>,
    errors: ComponentErrors,
    topics: Vec<TopicState<'a>>,
    #[serde(flatten)]
    posts: posts::PostsView<'a>,
    refusals: Vec<&'a Refusal>,
    archive: Option<objects::ArchiveView<'a>>,
}

#[derive(Serialize)]
struct TotalsView<'a> {
    #[serde(flatten)]
    totals: &'a Totals,
    records_by_http: u64,
    table_files: u64,
    archive_lag: u64,
}

/// The error of each component that does not work.
#[derive(Serialize)]
struct ComponentErrors {
    emulator: Option<String>,
    kafka: Option<String>,
    archive: Option<String>,
    tables: Option<String>,
}

/// The end offset of a topic, summed over its partitions.
#[derive(Serialize)]
struct TopicState<'a> {
    name: &'a str,
    end: u64,
}

impl Dashboard {
    /// Creates the state before the first record. The archive's objects are read from `bucket`.
    pub(crate) fn new(
        setup: Setup,
        user_ids: &UserIds,
        running_totals: RunningTotals,
        bucket: Option<Bucket>,
        analytics: Option<Analytics>,
    ) -> Self {
        Self(Arc::new(Inner {
            setup,
            running_totals,
            health: ComponentHealth::default(),
            bucket,
            analytics,
            samples: Mutex::default(),
            posts: Mutex::new(Posts::of(user_ids)),
            objects: Mutex::default(),
            refusals: Mutex::default(),
            newest: watch::Sender::default(),
            browser_connected: Notify::new(),
            reads: Semaphore::new(MAX_CONCURRENT_READS),
        }))
    }

    pub(crate) fn health(&self) -> &ComponentHealth {
        &self.0.health
    }

    /// Records the outcomes of a publish call: the topics of all its records, and the `latest` records themselves.
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

    /// Records the invalid rows of the emulator's database.
    pub(crate) fn refused_rows(&self, rows: Vec<String>) {
        self.refused(|refusals| rows.into_iter().for_each(|row| refusals.add_row(row, now_ms())));
    }

    /// Takes a sample and sends an event each second. `stored` receives the objects that the archiver stores. Runs until dropped.
    pub(crate) async fn run(self, mut stored: UnboundedReceiver<Stored>) {
        let mut seconds = interval(SAMPLE_INTERVAL);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        // The first tick completes immediately.
        seconds.tick().await;
        loop {
            tokio::select! {
                _ = seconds.tick() => self.end_second(&mut stored),
                // The delay limits the rate, however often browsers reconnect.
                () = self.0.browser_connected.notified() => sleep(FIRST_EVENT_DELAY).await,
            }
            if self.has_viewers() {
                self.parse_rows();
                self.0.newest.send_replace(self.event(&self.0.running_totals.snapshot()));
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

    /// Fetches the end offsets of the topics once, and checks each second that Kafka can be reached. Runs until dropped.
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
                Err(error) => health.report_failure("kafka", &error.to_string()),
            }
            sleep(SAMPLE_INTERVAL).await;
        }
    }

    fn has_viewers(&self) -> bool {
        self.0.newest.receiver_count() > 0
    }

    /// Parses the rows that are not parsed yet, without blocking publishers.
    fn parse_rows(&self) {
        let rows = lock(&self.0.posts).unparsed();
        let parsed = rows.into_iter().map(UnparsedRow::parse).collect();
        lock(&self.0.posts).add_parsed(parsed);
    }

    /// Builds the event of the current state.
    fn event(&self, totals: &Totals) -> Bytes {
        let inner = &*self.0;
        let (samples, posts) = (lock(&inner.samples), lock(&inner.posts));
        let (objects, refusals) = (lock(&inner.objects), lock(&inner.refusals));
        let ComponentHealth { emulator, kafka, archive, tables } = &inner.health;
        let none = Sample::default();
        let event = Event {
            sample: samples.latest().back().unwrap_or(&none),
            totals: TotalsView {
                totals,
                records_by_http: totals.records_by_http,
                table_files: totals.table_files,
                archive_lag: totals.archive_lag,
            },
            errors: ComponentErrors {
                emulator: emulator.error(),
                kafka: kafka.error(),
                archive: archive.error(),
                tables: tables.error(),
            },
            topics: inner.setup.topics.iter().map(|topic| TopicState::of(topic, &posts)).collect(),
            posts: posts.view(&objects),
            refusals: refusals.view(),
            archive: inner.setup.archive.as_ref().map(|_| objects.view()),
        };
        // Unwrap safety: numbers and strings always serialize, without line breaks.
        format!("data: {}\n\n", serde_json::to_string(&event).unwrap_or_default()).into()
    }
}

impl<'a> TopicState<'a> {
    fn of(topic: &'a Topic, posts: &Posts) -> Self {
        let ends = posts.ends().filter(|(partition, _)| partition.topic == topic.name);
        Self { name: &topic.name, end: ends.map(|(_, next)| next).sum() }
    }
}

pub(super) fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds a lock.
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

//! [`EventProducer`] on librdkafka's mock cluster. `make sanitize` runs this under AddressSanitizer and LeakSanitizer.

#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use event_queue::{EventProducer, may_be_written};
use rdkafka::{
    ClientConfig, ClientContext,
    mocking::MockCluster,
    producer::{BaseRecord, DefaultProducerContext, DeliveryResult, ProducerContext},
    types::{RDKafkaApiKey, RDKafkaRespErr},
};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

const TOPIC: &str = "demo.pin";
const RECORDS: usize = 1_000;
const TIMEOUT: Duration = Duration::from_secs(30);

/// Counts delivery reports.
#[derive(Debug, Default)]
struct Reports {
    acknowledged: AtomicUsize,
    failed: AtomicUsize,
    failed_but_maybe_written: AtomicUsize,
    added: Notify,
}

#[derive(Debug, Default, Clone)]
struct Context(Arc<Reports>);

impl ClientContext for Context {}

impl ProducerContext for Context {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = match result {
            Ok(_) => &self.0.acknowledged,
            Err((_, record)) if may_be_written(record) => &self.0.failed_but_maybe_written,
            Err(_) => &self.0.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
        self.0.added.notify_one();
    }
}

impl Reports {
    fn all(&self) -> [usize; 3] {
        [&self.acknowledged, &self.failed, &self.failed_but_maybe_written].map(|count| count.load(Ordering::Relaxed))
    }
}

fn spawn(servers: &str, settings: &[(&str, &str)]) -> (Arc<EventProducer<Context>>, Arc<Reports>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers);
    for (key, value) in settings {
        config.set(*key, *value);
    }
    let context = Context::default();
    let reports = Arc::clone(&context.0);
    (EventProducer::spawn(config.create_with_context(context).unwrap()).unwrap(), reports)
}

fn send(producer: &EventProducer<Context>, records: usize) {
    for _ in 0..records {
        producer.producer().send(BaseRecord::<(), str>::to(TOPIC).payload("{}")).unwrap();
    }
}

/// Waits until this many records have been reported, and returns the counts.
async fn reported(reports: &Reports, records: usize) -> [usize; 3] {
    let all = async {
        while reports.all().iter().sum::<usize>() < records {
            reports.added.notified().await;
        }
    };
    timeout(TIMEOUT, all).await.unwrap_or_else(|_| panic!("only {:?} of {records}", reports.all()));
    reports.all()
}

fn cluster() -> MockCluster<'static, DefaultProducerContext> {
    let cluster = MockCluster::new(1).unwrap();
    cluster.create_topic(TOPIC, 3, 1).unwrap();
    cluster
}

#[tokio::test]
async fn each_record_of_successive_batches_is_reported_once() {
    let cluster = cluster();
    let (producer, reports) = spawn(&cluster.bootstrap_servers(), &[]);
    for batches in 1..=RECORDS / 100 {
        send(&producer, 100);
        assert_eq!(reported(&reports, 100 * batches).await, [100 * batches, 0, 0]);
    }
}

#[tokio::test]
async fn a_record_that_was_never_sent_is_reported_as_not_written() {
    // Nothing listens there.
    let (producer, reports) = spawn("127.0.0.1:1", &[("message.timeout.ms", "200")]);
    send(&producer, RECORDS);
    assert_eq!(reported(&reports, RECORDS).await, [0, RECORDS, 0]);
}

#[tokio::test]
async fn a_record_whose_write_timed_out_on_the_broker_is_reported_as_maybe_written() {
    let cluster = cluster();
    cluster.request_errors(RDKafkaApiKey::Produce, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT]);
    let (producer, reports) = spawn(&cluster.bootstrap_servers(), &[("retries", "0")]);
    send(&producer, 1);
    assert_eq!(reported(&reports, 1).await, [0, 0, 1]);
}

/// The producers' threads still write to their sockets while these are closed.
#[tokio::test(flavor = "multi_thread")]
async fn producers_are_dropped_while_reports_arrive() {
    let cluster = cluster();
    for round in 0..50 {
        let (producer, reports) = spawn(&cluster.bootstrap_servers(), &[]);
        send(&producer, RECORDS);
        // Dropped before, while and after the broker responds.
        sleep(Duration::from_millis(round % 10)).await;
        tokio::task::spawn_blocking(move || mem::drop(producer)).await.unwrap();
        assert_eq!(reported(&reports, RECORDS).await.iter().sum::<usize>(), RECORDS, "round {round}");
    }
}

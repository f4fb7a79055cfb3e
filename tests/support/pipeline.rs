//! The router of `ingest` on librdkafka's mock cluster, and what is then in Kafka.
//!
//! The mock cluster proves the client's side of the protocol: retries, errors, timeouts, what is on the wire. It does not
//! prove logging in, TLS, replication or a broker's own limits.

use std::time::Duration;

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use ingest::{App, Deadline, router};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    mocking::MockCluster,
    producer::DefaultProducerContext,
};
use serde_json::Value;
use shared::{cluster::Cluster, kafka::Producer, metrics::Metrics, topic::UserIds};
use tokio::time::Instant;
use tower::ServiceExt;

pub(crate) const JSON: &str = "application/vnd.kafka.json.v2+json";
pub(crate) const BINARY: &str = "application/vnd.kafka.binary.v2+json";

/// One broker, and the topics of two user ids: `u` with one partition each, `v` with three.
pub(crate) struct Pipeline {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    consumer: BaseConsumer,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    /// How long a request may take; a test that waits for the deadline makes it short.
    pub(crate) time: Duration,
}

/// An answer, read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

/// A key and a value, as they are in Kafka.
pub(crate) type KeyValue = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Pipeline {
    pub(crate) async fn start() -> Self {
        Self::start_for("u,v").await
    }

    pub(crate) async fn start_for(user_ids: &str) -> Self {
        Self::start_as(user_ids, |app| app).await
    }

    /// As a deployment that sets more than whose topics there are.
    pub(crate) async fn start_as(user_ids: &str, set: impl FnOnce(App<Producer>) -> App<Producer>) -> Self {
        let user_ids: UserIds = user_ids.parse().unwrap();
        let cluster = MockCluster::new(1).unwrap();
        for topic in user_ids.topics() {
            let partitions = if topic.name.starts_with('v') { 3 } else { 1 };
            cluster.create_topic(&topic.name, partitions, 1).unwrap();
        }
        let metrics = Metrics::default();
        let producer = Producer::new(&Cluster::plaintext(cluster.bootstrap_servers()), metrics.clone()).unwrap();
        producer.warm_up(user_ids.topic_names(), Duration::from_secs(10)).await.unwrap();
        let router = router(set(App::new(producer, &user_ids, metrics.clone())));
        let consumer = consumer(&cluster.bootstrap_servers());
        Self { cluster, consumer, router, metrics, time: Duration::from_secs(20) }
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Deadline(Instant::now() + self.time));
        answer(&self.router, request).await
    }

    pub(crate) async fn post_as(&self, content_type: &str, path: &str, body: impl Into<Body>) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, content_type).body(body.into()).unwrap();
        self.send(request).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).unwrap()).await
    }

    /// Posts in the JSON format.
    pub(crate) async fn post(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.post_as(JSON, path, body).await
    }

    /// How many records a topic of one partition holds.
    pub(crate) fn count(&self, topic: &str) -> usize {
        let (_, end) = self.consumer.fetch_watermarks(topic, 0, Duration::from_secs(10)).unwrap();
        usize::try_from(end).unwrap()
    }

    /// Everything that a topic of one partition holds.
    pub(crate) fn records(&self, topic: &str) -> Vec<KeyValue> {
        // A new one each time: one that is assigned another topic stays silent on the mock cluster.
        let consumer = consumer(&self.cluster.bootstrap_servers());
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, 0, Offset::Beginning).unwrap();
        consumer.assign(&place).unwrap();
        let next = || {
            let message = consumer.poll(Duration::from_secs(10)).expect("a record before the end").unwrap();
            (message.key().map(<[u8]>::to_vec), message.payload().map(<[u8]>::to_vec))
        };
        (0..self.count(topic)).map(|_| next()).collect()
    }

    /// The values of a topic of one partition, as text.
    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.records(topic).into_iter().map(|(_, value)| String::from_utf8(value.unwrap()).unwrap()).collect()
    }
}

fn consumer(bootstrap_servers: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers).set("group.id", "tests").set("fetch.wait.max.ms", "10");
    config.create().unwrap()
}

/// Sends a request to a router.
pub(crate) async fn answer(router: &Router, request: Request<Body>) -> Answer {
    let (parts, body) = router.clone().oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

/// An envelope of these values.
pub(crate) fn envelope(values: &[&str]) -> String {
    let records: Vec<_> = values.iter().map(|value| format!(r#"{{"value":{value}}}"#)).collect();
    format!(r#"{{"records":[{}]}}"#, records.join(","))
}

//! The router of `ingest` on librdkafka's mock cluster, and a consumer of its topics.
//!
//! The mock cluster proves the client's side of the protocol: retries, errors, timeouts, what is on the wire. It does not
//! prove authentication, TLS, replication or a broker's own limits.

use std::{ops::Range, time::Duration};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode, header},
};
use http_body_util::BodyExt;
use ingest::{App, Deadline, StatusPolicy, router};
use rdkafka::{
    ClientConfig, Message, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    message::OwnedMessage,
    mocking::MockCluster,
    producer::DefaultProducerContext,
};
use serde_json::Value;
use shared::{
    cluster::Cluster,
    kafka::{Producer, mock::create_topics},
    metrics::Metrics,
    topic::{PassThroughTopics, UserIds},
};
use tokio::time::Instant;
use tower::ServiceExt;

pub(crate) const JSON: &str = "application/vnd.kafka.json.v2+json";
pub(crate) const BINARY: &str = "application/vnd.kafka.binary.v2+json";

/// One broker with the topics of two user ids: `u` has one partition per topic, `v` three.
pub(crate) struct Pipeline {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    consumer: BaseConsumer,
    topics: Vec<String>,
    /// The application behind both fronts.
    pub(crate) app: App<Producer, Producer>,
    pub(crate) router: Router,
    pub(crate) metrics: Metrics,
    /// The time until a request's deadline. Tests of the deadline shorten it.
    pub(crate) request_timeout: Duration,
}

/// A response with its whole body.
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

/// A record's key and value in Kafka.
pub(crate) type KeyValue = (Option<Vec<u8>>, Option<Vec<u8>>);

impl Pipeline {
    pub(crate) async fn start() -> Self {
        Self::start_for("u,v").await
    }

    pub(crate) async fn start_for(user_ids: &str) -> Self {
        Self::start_as(user_ids, "", "", StatusPolicy::Strict).await
    }

    /// Starts with pass-through topics, shared streams and a status policy.
    pub(crate) async fn start_as(
        user_ids: &str,
        pass_through: &str,
        shared_streams: &str,
        statuses: StatusPolicy,
    ) -> Self {
        let (user_ids, pass_through): (UserIds, PassThroughTopics) =
            (user_ids.parse().unwrap(), pass_through.parse().unwrap());
        let topics = [user_ids.topic_names(), pass_through.iter().map(str::to_owned).collect()].concat();
        let cluster = MockCluster::new(1).unwrap();
        create_topics(&cluster, topics.iter().map(|topic| (topic.as_str(), Self::partitions(topic))), 1).unwrap();
        let metrics = Metrics::default();
        let producer = Producer::new(&Cluster::plaintext(cluster.bootstrap_servers()), metrics.clone()).unwrap();
        producer.warm_up(topics.clone(), Duration::from_secs(10)).await.unwrap();
        let app = App::new(producer.clone(), producer, &user_ids, metrics.clone())
            .with_pass_through(&pass_through)
            .with_shared_streams(shared_streams.parse().unwrap())
            .with_status_policy(statuses);
        let router = router(app.clone());
        let consumer = consumer(&cluster.bootstrap_servers());
        Self { cluster, consumer, topics, app, router, metrics, request_timeout: Duration::from_secs(20) }
    }

    /// The number of a topic's partitions.
    pub(crate) fn partitions(topic: &str) -> i32 {
        if topic.starts_with('v') { 3 } else { 1 }
    }

    /// Every topic.
    pub(crate) fn topics(&self) -> Vec<String> {
        self.topics.clone()
    }

    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.extensions_mut().insert(Deadline(Instant::now() + self.request_timeout));
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

    /// The number of records in a topic with one partition.
    pub(crate) fn count(&self, topic: &str) -> usize {
        usize::try_from(self.end(topic, 0)).unwrap()
    }

    /// The end offset of a partition.
    pub(crate) fn end(&self, topic: &str, partition: i32) -> i64 {
        self.consumer.fetch_watermarks(topic, partition, Duration::from_secs(10)).unwrap().1
    }

    /// All records of a topic with one partition.
    pub(crate) fn records(&self, topic: &str) -> Vec<KeyValue> {
        self.read(topic, 0, 0..self.end(topic, 0))
    }

    /// The records at these offsets of a partition.
    pub(crate) fn read(&self, topic: &str, partition: i32, offsets: Range<i64>) -> Vec<KeyValue> {
        if offsets.is_empty() {
            return Vec::new();
        }
        let read = next(&self.reader(topic, partition, offsets.start), offsets);
        let key_value =
            |record: &OwnedMessage| (record.key().map(<[u8]>::to_vec), record.payload().map(<[u8]>::to_vec));
        read.iter().map(key_value).collect()
    }

    /// A consumer that starts at an offset of a partition.
    pub(crate) fn reader(&self, topic: &str, partition: i32, start: i64) -> BaseConsumer {
        // On the mock cluster a consumer that is assigned another topic receives nothing more.
        let consumer = consumer(&self.cluster.bootstrap_servers());
        let mut place = TopicPartitionList::new();
        place.add_partition_offset(topic, partition, Offset::Offset(start)).unwrap();
        consumer.assign(&place).unwrap();
        consumer
    }

    /// The values of a topic with one partition, as text.
    pub(crate) fn values(&self, topic: &str) -> Vec<String> {
        self.records(topic).into_iter().map(|(_, value)| String::from_utf8(value.unwrap()).unwrap()).collect()
    }
}

/// Reads the next records and asserts that they have these offsets.
pub(crate) fn next(reader: &BaseConsumer, offsets: Range<i64>) -> Vec<OwnedMessage> {
    let next = |offset| {
        let message = reader.poll(Duration::from_secs(10)).expect("a record before the end").unwrap();
        assert_eq!(message.offset(), offset, "{}", message.topic());
        message.detach()
    };
    offsets.map(next).collect()
}

fn consumer(bootstrap_servers: &str) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap_servers).set("group.id", "tests").set("fetch.wait.max.ms", "10");
    // A commit would end a poll early.
    config.set("enable.auto.commit", "false");
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

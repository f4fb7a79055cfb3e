//! Metadata requests are answered by the cluster, in bounded time, without delaying records.

use std::time::Duration;

use axum::{
    body::Body,
    http::{Request, header},
};
use bytes::Bytes;
use ingest::{App, router};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use rdkafka::{mocking::MockCluster, types::RDKafkaRespErr};
use serde_json::json;
use shared::{
    cluster::Cluster,
    kafka::{Producer, mock::create_topics},
    kind::GEO,
    metadata::{Describe, DescribeError, Offsets, Partition},
    metrics::Metrics,
    publish::{Failure, ProducerRecord, Publish, Unreachable},
    read_back::{ReadBack, ReadBackError, ReadLimits, ReadRecords, Selection},
    topic::UserIds,
};
use stack::kafka::{Kafka, Operation, Options, Topics};
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

use crate::support::{
    msk::{Ingest, Role, cluster, tenant},
    pipeline::{Pipeline, answer, envelope},
    recorder::Recorder,
    rows::with,
};

fn geo() -> String {
    envelope(&[&with(&GEO, &[])])
}

#[tokio::test]
async fn a_written_record_advances_its_partitions_end_offset() {
    let pipeline = Pipeline::start().await;
    for _ in 0..2 {
        assert_eq!(pipeline.post("/topics/v.geo/partitions/1", geo()).await.status, 200);
    }
    for (partition, end) in [(0, 0), (1, 2)] {
        let offsets = pipeline.get(&format!("/topics/v.geo/partitions/{partition}/offsets")).await;
        assert_eq!(offsets.json(), json!({"beginning_offset": 0, "end_offset": end}), "{partition}");
    }
}

/// A cluster that lists partitions slowly, and never returns offsets.
#[derive(Debug, Clone, Default)]
struct Slow(Recorder);

impl Describe for Slow {
    async fn reach(&self, within: Duration) -> Result<(), Unreachable> {
        self.0.reach(within).await
    }

    async fn cluster_id(&self, within: Duration) -> Result<String, DescribeError> {
        self.0.cluster_id(within).await
    }

    async fn brokers(&self, within: Duration) -> Result<Vec<i32>, DescribeError> {
        self.0.brokers(within).await
    }

    async fn partitions(&self, topic: &str, within: Duration) -> Result<Vec<Partition>, DescribeError> {
        sleep(Duration::from_millis(1_500)).await;
        self.0.partitions(topic, within).await
    }

    async fn offsets(&self, _: &str, _: i32, within: Duration) -> Result<Offsets, DescribeError> {
        sleep(within).await;
        Err(Unreachable::NoResponse { within, source: None }.into())
    }
}

impl ReadBack for Slow {
    async fn read_back(
        &self,
        topic: &str,
        selection: Selection,
        limits: ReadLimits,
        within: Duration,
    ) -> Result<ReadRecords, ReadBackError> {
        self.0.read_back(topic, selection, limits, within).await
    }
}

#[tokio::test(start_paused = true)]
async fn two_metadata_requests_share_one_deadline() {
    let router = router(App::new(Recorder::default(), Slow::default(), &"u".parse().unwrap(), Metrics::default()));
    let begun = Instant::now();
    let request = Request::get("/topics/u.geo/partitions/0/offsets").body(Body::empty()).unwrap();
    let answer = answer(&router, request).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
    assert_eq!(begun.elapsed().as_millis().div_ceil(100), 20);
}

#[tokio::test]
async fn a_missing_topic_is_a_404_and_a_forbidden_one_a_403() {
    let pipeline = Pipeline::start().await;
    for (error, status, code) in [
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, 404, 40401),
        (RDKafkaRespErr::RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 403, 40301),
    ] {
        pipeline.cluster.topic_error("u.geo", error).unwrap();
        let answer = pipeline.get("/topics/u.geo/partitions").await;
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json()["error_code"], code, "{}", answer.body);
    }
}

#[tokio::test]
async fn without_a_broker_the_response_is_a_503_within_two_seconds() {
    let pipeline = Pipeline::start().await;
    pipeline.cluster.broker_down(1).unwrap();
    for path in ["/topics/u.geo", "/topics/u.geo/partitions/0/offsets", "/brokers"] {
        let begun = Instant::now();
        let answer = pipeline.get(path).await;
        assert_eq!(answer.status, 503, "{path}: {}", answer.body);
        assert_eq!((&answer.json()["error_code"], answer.header(header::RETRY_AFTER)), (&50003.into(), "1"), "{path}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{path}: {:?}", begun.elapsed());
    }
    assert_eq!(pipeline.get("/topics").await.status, 200, "which are served, no broker has to say");
}

#[tokio::test]
async fn a_start_sends_one_metadata_request_for_any_number_of_topics() {
    const ROUND_TRIP: Duration = Duration::from_millis(100);
    let cluster = MockCluster::new(3).unwrap();
    let user_ids: Vec<_> = (0..100).map(|id| format!("u{id}")).collect();
    let user_ids: UserIds = user_ids.join(",").parse().unwrap();
    let topics = user_ids.topic_names();
    // The last one is missing, and nothing waits for it.
    let created = &topics[..topics.len() - 1];
    create_topics(&cluster, created.iter().map(|topic| (topic.as_str(), 1)), 3).unwrap();
    for broker in 1..=3 {
        cluster.broker_round_trip_time(broker, ROUND_TRIP).unwrap();
    }
    let servers = Cluster::plaintext(cluster.bootstrap_servers());
    let producer = Producer::new(&servers, Metrics::default()).unwrap();
    let begun = Instant::now();
    producer.warm_up(topics.clone(), Duration::from_secs(20)).await.unwrap();
    // One by one they would take thirty seconds.
    assert!(begun.elapsed() < 25 * ROUND_TRIP, "{:?}", begun.elapsed());

    let value = || Some(Bytes::from_static(b"{}"));
    let record = |topic: &str| ProducerRecord {
        topic: topic.into(),
        partition: None,
        key: None,
        value: value(),
        timestamp_ms: None,
        headers: Vec::new(),
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let outcomes = producer.publish(vec![record(&topics[0]), record(topics.last().unwrap())], deadline).await;
    assert!(outcomes[0].is_ok(), "{outcomes:?}");
    assert_eq!(outcomes[1], Err(Failure::NoSuchTopic));
    // The cluster makes topics for clients that allow it.
    assert!(cluster.create_topic(topics.last().unwrap(), 1, 3).is_ok(), "a producer has made the topic");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn three_real_brokers_list_their_replicas_and_drop_a_lost_broker() {
    let kafka = Kafka::start(Options::three().with("broker.session.timeout.ms", "3000")).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "described").await;
    let ingest = Ingest::start(&cluster(&kafka, kafka.region(), role.credentials()), &user_ids).await;
    assert_eq!(ingest.post("/topics/described.geo", geo()).await.status, 200);
    assert_eq!(ingest.get("/brokers").await.json(), json!({"brokers": [1, 2, 3]}));
    let topic = ingest.get("/topics/described.geo").await.json();
    let replicas = topic["partitions"][0]["replicas"].as_array().unwrap();
    assert_eq!(replicas.len(), 3);
    assert!(replicas.iter().all(|replica| replica["in_sync"] == true), "{topic}");
    let leaders: Vec<_> = replicas.iter().filter(|replica| replica["leader"] == true).collect();
    assert_eq!((leaders.len(), &leaders[0]["broker"]), (1, &topic["partitions"][0]["leader"]));
    let offsets = ingest.get("/topics/described.geo/partitions/0/offsets").await.json();
    assert_eq!(offsets, json!({"beginning_offset": 0, "end_offset": 1}));

    kafka.kill_broker(3).await.unwrap();
    let gone = async {
        while ingest.get("/brokers").await.json() != json!({"brokers": [1, 2]}) {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("the lost broker is no longer listed");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn a_client_without_the_right_to_describe_a_topic_gets_403() {
    let kafka = Kafka::start(Options::default()).await.unwrap();
    let user_ids = "hidden".parse().unwrap();
    kafka.create_topic("hidden.geo", 1).await.unwrap();
    let role = Role::new("nobody").registered_with(&kafka);
    kafka.allow("nobody", &[Operation::Describe], Topics::Prefixed("other.")).await.unwrap();
    let ingest = Ingest::start(&cluster(&kafka, kafka.region(), role.credentials()), &user_ids).await;
    let answer = ingest.get("/topics/hidden.geo").await;
    assert_eq!(answer.status, 403, "{}", answer.body);
}

/// The durations of 200 successful requests, longest first.
async fn times(ingest: &Ingest) -> Vec<Duration> {
    let mut times = Vec::new();
    for _ in 0..200 {
        let begun = Instant::now();
        let answer = ingest.post("/topics/stopped.geo", geo()).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        times.push(begun.elapsed());
    }
    times.sort_unstable_by(|one, other| other.cmp(one));
    times
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Kafka: make test"]
async fn metadata_requests_to_a_hanging_broker_delay_no_record() {
    /// On one connection with the questions it would be 300 ms and more.
    const NOT_DELAYED: Duration = Duration::from_millis(200);
    let kafka = Kafka::start(Options::three().with("broker.session.timeout.ms", "3000")).await.unwrap();
    let (user_ids, role) = tenant(&kafka, "stopped").await;
    let cluster = cluster(&kafka, kafka.region(), role.credentials());
    let ingest = Ingest::start(&cluster, &user_ids).await;
    // So that the questions' connections to each broker are there, and believed in.
    for _ in 0..20 {
        assert_eq!(ingest.get("/topics/stopped.geo").await.status, 200);
    }
    let topic = ingest.get("/topics/stopped.geo").await.json();
    let follower = (1..=3).find(|broker| topic["partitions"][0]["leader"] != *broker).unwrap();
    let process = kafka.broker_process_id(follower).await.unwrap().unwrap();
    kill(Pid::from_raw(process.try_into().unwrap()), Signal::SIGSTOP).unwrap();
    // The first record waits until the replica is given up: longer than a request may, where it was the controller's and the
    // machine is busy.
    let given_up = async { while ingest.post("/topics/stopped.geo", geo()).await.status != 200 {} };
    tokio::time::timeout(Duration::from_mins(2), given_up).await.expect("two replicas go on without the third");

    let alone = times(&ingest).await;
    let asking: Vec<_> = (0..16).map(|_| ask_on(ingest.clone())).collect();
    let beside = times(&ingest).await;
    for asking in asking {
        assert!(!asking.is_finished(), "a question was not answered as it should");
        asking.abort();
    }
    let p99 = |times: &[Duration]| times[times.len() / 100];
    assert!(p99(&beside) < p99(&alone) + NOT_DELAYED, "{:?}, then {:?}", p99(&alone), p99(&beside));
}

/// Requests the topic repeatedly, checking that each response is in time.
fn ask_on(ingest: Ingest) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let begun = Instant::now();
            let status = ingest.get("/topics/stopped.geo").await.status.as_u16();
            assert!(matches!(status, 200 | 503), "{status}");
            assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
        }
    })
}

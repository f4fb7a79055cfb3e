//! Access control lists, and brokers that stop and restart.

use std::{collections::BTreeMap, io::ErrorKind};

use rskafka::{
    chrono::DateTime,
    client::{
        Client,
        partition::{Compression, OffsetAt, UnknownTopicHandling},
    },
    record::Record,
};
use shared::{client::connect, cluster::Cluster};
use tokio::{net::TcpStream, time::timeout};

use super::{ONCE, STEP_TIMEOUT, kafka, log_in, partition, role, user};
use crate::kafka::{Operation, Options, Topics};

async fn produce(client: &Client, topic: &str) -> Result<(), String> {
    let handling = UnknownTopicHandling::Error;
    let partition = client.partition_client(topic, 0, handling).await.map_err(|error| error.to_string())?;
    let value = Some(b"{}".to_vec());
    let record = Record { key: None, value, headers: BTreeMap::new(), timestamp: DateTime::UNIX_EPOCH };
    let produced = timeout(STEP_TIMEOUT, partition.produce(vec![record], Compression::NoCompression)).await.unwrap();
    produced.map(drop).map_err(|error| error.to_string())
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_permission_covers_only_its_principal_and_topics() {
    let kafka = kafka(Options::default()).await;
    for topic in ["a.pin", "a.geo", "b.pin"] {
        kafka.create_topic(topic, 1).await.unwrap();
    }
    let (role, user) = (log_in(&kafka, role()).await.unwrap(), log_in(&kafka, user()).await.unwrap());
    assert_refused(produce(&role, "a.pin").await);

    let write = [Operation::Write, Operation::Describe];
    kafka.allow("role", &write, Topics::Prefixed("a.")).await.unwrap();
    kafka.deny("role", &[Operation::Write], Topics::Named("a.geo")).await.unwrap();
    assert_eq!(produce(&role, "a.pin").await, Ok(()));
    assert_refused(produce(&role, "a.geo").await);
    assert_refused(produce(&role, "b.pin").await);
    assert_refused(produce(&user, "a.pin").await);

    kafka.revoke("role", &[Operation::Write], Topics::Named("a.geo")).await.unwrap();
    assert_eq!(produce(&role, "a.geo").await, Ok(()));
    kafka.revoke("role", &write, Topics::Prefixed("a.")).await.unwrap();
    assert_refused(produce(&role, "a.geo").await);
}

fn assert_refused(produced: Result<(), String>) {
    let error = produced.unwrap_err();
    assert!(error.contains("AuthorizationFailed"), "{error}");
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_restarted_broker_keeps_its_ports_and_records() {
    let kafka = kafka(Options::default()).await;
    kafka.create_topic("t", 1).await.unwrap();
    let cluster = Cluster::plaintext(kafka.internal_servers());
    let client = connect(&cluster, "test", ONCE).await.unwrap();
    assert_eq!(produce(&client, "t").await, Ok(()));
    for by_killing in [false, true] {
        if by_killing {
            kafka.kill_broker(1).await.unwrap();
        } else {
            kafka.stop_broker(1).await.unwrap();
        }
        assert!(kafka.broker_process_id(1).await.unwrap().is_none());
        let refused = TcpStream::connect(("localhost", kafka.proxy().port())).await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        kafka.restart_broker(1).await.unwrap();
        assert!(log_in(&kafka, user()).await.is_some());
        let client = connect(&cluster, "test", ONCE).await.unwrap();
        assert_eq!(partition(&client, "t").await.get_offset(OffsetAt::Latest).await.unwrap(), 1, "{by_killing}");
    }
    kafka.delete_topic("t").await.unwrap();
    assert!(produce(&connect(&cluster, "test", ONCE).await.unwrap(), "t").await.is_err());
}

#[tokio::test]
#[ignore = "needs Kafka: make test"]
async fn a_cluster_of_three_works_without_one_broker() {
    let quick = Options::three().with("broker.session.timeout.ms", "3000").with("broker.heartbeat.interval.ms", "500");
    let kafka = kafka(quick).await;
    kafka.create_topic("t", 3).await.unwrap();
    kafka.allow("user", &[Operation::Write, Operation::Describe], Topics::Named("t")).await.unwrap();
    assert_eq!(kafka.proxies().count(), 3);
    kafka.stop_broker(2).await.unwrap();
    let client = log_in(&kafka, user()).await.expect("one of the two that are left");
    assert_eq!(produce(&client, "t").await, Ok(()));
    kafka.restart_broker(2).await.unwrap();
    kafka.create_topic("u", 3).await.unwrap();
}

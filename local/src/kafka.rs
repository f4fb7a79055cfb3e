//! The embedded Kafka: librdkafka's own mock cluster, which any Kafka client can talk to.

use rdkafka::{error::KafkaError, mocking::MockCluster, producer::DefaultProducerContext};
use shared::kafka::mock::create_topics;

/// As the course's cluster.
const BROKERS: i32 = 3;

/// One, so that a topic's files stand in one folder, which is what the course's notebooks read.
const PARTITIONS: i32 = 1;

/// Three brokers in this process's memory. They go with it.
pub(crate) struct EmbeddedKafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedKafka {
    /// Starts it with these topics, on ports that are free.
    pub(crate) fn start<'a>(topics: impl Iterator<Item = &'a str>) -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(BROKERS)?;
        create_topics(&cluster, topics.map(|topic| (topic, PARTITIONS)), BROKERS)?;
        Ok(Self { cluster })
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

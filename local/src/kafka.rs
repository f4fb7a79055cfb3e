//! The embedded Kafka: librdkafka's mock cluster.

use rdkafka::{error::KafkaError, mocking::MockCluster, producer::DefaultProducerContext};
use shared::kafka::mock::create_topics;

/// The number of brokers, as in the course's cluster.
const BROKERS: i32 = 3;

/// One partition per topic, so that its objects are in one folder, which the course's notebooks read.
const PARTITIONS: i32 = 1;

/// Brokers in the memory of this process.
pub(crate) struct EmbeddedKafka {
    cluster: MockCluster<'static, DefaultProducerContext>,
}

impl EmbeddedKafka {
    /// Starts it with these topics, on free ports.
    pub(crate) fn start<'a>(topics: impl Iterator<Item = &'a str>) -> Result<Self, KafkaError> {
        let cluster = MockCluster::new(BROKERS)?;
        create_topics(&cluster, topics.map(|topic| (topic, PARTITIONS)), BROKERS)?;
        Ok(Self { cluster })
    }

    pub(crate) fn bootstrap_servers(&self) -> String {
        self.cluster.bootstrap_servers()
    }
}

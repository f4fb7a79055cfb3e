//! librdkafka's settings, each with its reason.

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use crate::cluster::{Cluster, Security};

const CONFIG: &[(&str, &str)] = &[
    // Milliseconds. A half-open connection is dropped while there is time for another one. The default (60 s) would use up the
    // whole request.
    ("socket.timeout.ms", "10000"),
    // A wrong user id must not create topics on a cluster with `auto.create.topics.enable` (default for producers: true).
    ("allow.auto.create.topics", "false"),
    // Keep-alive detects a connection that died during a freeze sooner. librdkafka adds jitter to the back-off, so that many
    // environments do not reconnect at once.
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.ms", "20"),
    ("reconnect.backoff.max.ms", "1000"),
];

const PRODUCER: &[(&str, &str)] = &[
    // 200 means written to the in-sync replicas, exactly once: a retry inside librdkafka creates no duplicate.
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // The Java client's partitioner. librdkafka's default (CRC32) would send keyed records to other partitions than the
    // REST Proxy did.
    ("partitioner", "murmur2_random"),
    // Bytes. Above Lambda's 6 MB event, so that the topic's own limit decides, not librdkafka's default of 1 MB.
    ("message.max.bytes", "8000000"),
    // Never. Once a record expires, librdkafka numbers the others anew, and writes those twice that a broker has not acknowledged
    // yet. Instead, a request that misses its deadline retires the connection, and its records end with that.
    ("message.timeout.ms", "0"),
    // Milliseconds. As `socket.timeout.ms`; the default is 30 s.
    ("request.timeout.ms", "10000"),
    // Milliseconds. Topics are created by the deployment, so an unknown one will not appear soon (default: 30 s).
    ("topic.metadata.propagation.max.ms", "5000"),
];

const CONSUMER: &[(&str, &str)] = &[
    // librdkafka assigns partitions only in a group. Nothing joins it and nothing is committed.
    ("group.id", "read-back"),
    ("enable.auto.commit", "false"),
    ("enable.auto.offset.store", "false"),
    ("isolation.level", "read_committed"),
    // Every offset is explicit: a reset would return other records.
    ("auto.offset.reset", "error"),
    ("enable.partition.eof", "true"),
    // Milliseconds. A reader at the end learns so after this time (default: 500).
    ("fetch.wait.max.ms", "50"),
    // Records. A read takes 1000 at most: librdkafka would fetch 100,000 ahead.
    ("queued.min.messages", "1000"),
];

const IAM: &[(&str, &str)] = &[
    ("security.protocol", "SASL_SSL"),
    ("sasl.mechanisms", "OAUTHBEARER"),
    // Only these log lines have the session lifetime that a broker grants. They appear once per connection.
    ("debug", "security"),
];

/// The settings of every client of `cluster`.
fn config(cluster: &Cluster) -> ClientConfig {
    let mut config = with(ClientConfig::new(), CONFIG);
    match &cluster.security {
        Security::Plaintext => {
            // librdkafka logs its internals below this level.
            config.set_log_level(RDKafkaLogLevel::Warning);
        }
        Security::Iam { authorities, .. } => {
            config = with(config, IAM);
            // `probe` has to be set as well: the vendored OpenSSL's default folder does not exist on Amazon Linux.
            config.set("ssl.ca.location", authorities.to_string());
            config.set_log_level(RDKafkaLogLevel::Debug);
        }
    }
    config.set("bootstrap.servers", &cluster.bootstrap_servers);
    config
}

/// The settings of the client that produces records.
pub(super) fn producer_config(cluster: &Cluster) -> ClientConfig {
    let mut config = with(config(cluster), PRODUCER);
    // Milliseconds. Requests wait to share a batch only where there are many: `LINGER_FROM`.
    config.set("linger.ms", "0");
    config
}

/// The settings of the client that fetches metadata and never produces.
pub(super) fn metadata_config(cluster: &Cluster) -> ClientConfig {
    let mut config = with(config(cluster), PRODUCER);
    // An idempotent producer would request a producer id.
    config.set("enable.idempotence", "false");
    config
}

/// The settings of a consumer that reads records back.
pub(super) fn consumer_config(cluster: &Cluster) -> ClientConfig {
    with(config(cluster), CONSUMER)
}

fn with(mut config: ClientConfig, settings: &[(&str, &str)]) -> ClientConfig {
    config.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    config
}

#[cfg(test)]
mod tests {
    use std::{
        sync::mpsc::{Sender, channel},
        time::Duration,
    };

    use aws_credential_types::Credentials;
    use rdkafka::{ClientContext, producer::FutureProducer};

    use super::*;
    use crate::{cluster::Authorities, credentials::Signer};

    struct Lines(Sender<String>);

    impl ClientContext for Lines {
        fn log(&self, _: RDKafkaLogLevel, _: &str, line: &str) {
            // The test may have ended.
            drop(self.0.send(line.to_owned()));
        }
    }

    /// A build by librdkafka's own script looks in the vendored OpenSSL's folder, which does not exist on Lambda.
    #[test]
    fn the_systems_authorities_are_found() {
        let credentials = Credentials::new("AKIA", "secret", None, None, "test");
        let signer = Signer { region: "eu-west-1".to_owned(), credentials };
        let security = Security::Iam { signer, authorities: Authorities::System };
        let cluster = Cluster { bootstrap_servers: "127.0.0.1:1".to_owned(), security };
        let (sender, lines) = channel();
        let _producer: FutureProducer<Lines> = config(&cluster).create_with_context(Lines(sender)).unwrap();
        let found = std::iter::from_fn(|| lines.recv_timeout(Duration::from_secs(10)).ok())
            .find(|line| line.contains("Setting default CA certificate location"))
            .unwrap();
        let file = found.split('"').nth(1).unwrap();
        assert!(std::path::Path::new(file).is_file(), "{file}");
    }
}

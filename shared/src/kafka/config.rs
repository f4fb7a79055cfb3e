//! librdkafka's settings, each with its reason.

use rdkafka::{ClientConfig, config::RDKafkaLogLevel};

use crate::cluster::{Cluster, Security};

const CONFIG: &[(&str, &str)] = &[
    // 200 means written to the in-sync replicas, and once: a retry inside librdkafka is no duplicate.
    ("acks", "all"),
    ("enable.idempotence", "true"),
    // The Java client's. librdkafka's own (CRC32) would send keyed records to other partitions than the REST Proxy did.
    ("partitioner", "murmur2_random"),
    // Bytes. Above Lambda's 6 MB event, so that the topic's own limit decides and not librdkafka's 1 MB.
    ("message.max.bytes", "8000000"),
    // Milliseconds. Behind every request's deadline (29 s at the gateway): a backstop that frees the queue.
    ("message.timeout.ms", "30000"),
    // Milliseconds. A connection that was cut without a word is given up while there is time for another one. The default
    // (30 s) would be the whole request's.
    ("request.timeout.ms", "10000"),
    ("socket.timeout.ms", "10000"),
    // Milliseconds. A topic is made at deployment, so one that is unknown will not appear soon (default: 30 s).
    ("topic.metadata.propagation.max.ms", "5000"),
    // A wrong user id must not make topics on a cluster that creates those it is asked for (default for producers: true).
    ("allow.auto.create.topics", "false"),
    // A connection that died while the environment was frozen shows sooner, and is made again soon: librdkafka spreads the
    // pauses at random, so that many environments do not come at once.
    ("socket.keepalive.enable", "true"),
    ("reconnect.backoff.ms", "20"),
    ("reconnect.backoff.max.ms", "1000"),
];

const IAM: &[(&str, &str)] = &[
    ("security.protocol", "SASL_SSL"),
    ("sasl.mechanisms", "OAUTHBEARER"),
    // How long a broker admits a connection is told in no other way. Lines of this kind come when a connection is made.
    ("debug", "security"),
];

/// Whose records share a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Batching {
    /// Those of one request, which waits for no other: for who serves one at a time.
    OneRequest,
    /// Those of requests at the same time: each waits 1 ms for others. A server's requests take less of everyone's processor
    /// so, and with many of them less time.
    Concurrent,
}

/// The settings for a client of `cluster`.
fn config(cluster: &Cluster) -> ClientConfig {
    let mut config = ClientConfig::new();
    let mut set = |settings: &[(&str, &str)]| {
        config.extend(settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())));
    };
    set(CONFIG);
    match &cluster.security {
        Security::Plaintext => {
            // Below warnings librdkafka tells of its own workings.
            config.set_log_level(RDKafkaLogLevel::Warning);
        }
        Security::Iam { authorities, .. } => {
            set(IAM);
            // Also for the system's: where the vendored OpenSSL would look by itself there is nothing on Amazon Linux.
            config.set("ssl.ca.location", authorities.to_string());
            config.set_log_level(RDKafkaLogLevel::Debug);
        }
    }
    config.set("bootstrap.servers", &cluster.bootstrap_servers);
    config
}

/// The settings for a client that writes.
pub(super) fn config_to_write(cluster: &Cluster, batching: Batching) -> ClientConfig {
    let mut config = config(cluster);
    let linger_ms = match batching {
        Batching::OneRequest => "0",
        Batching::Concurrent => "1",
    };
    config.set("linger.ms", linger_ms);
    config
}

/// The settings for a client that asks and never writes.
pub(super) fn config_to_ask(cluster: &Cluster) -> ClientConfig {
    let mut config = config(cluster);
    // It would ask for a producer id.
    config.set("enable.idempotence", "false");
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
            // The test may be over.
            drop(self.0.send(line.to_owned()));
        }
    }

    /// A build by librdkafka's own script looks where the vendored OpenSSL would be installed: nowhere on Lambda.
    #[test]
    fn the_systems_authorities_are_found_where_the_system_keeps_them() {
        let credentials = Credentials::new("AKIA", "secret", None, None, "test");
        let signer = Signer { region: "eu-west-1".to_owned(), credentials };
        let security = Security::Iam { signer, authorities: Authorities::System };
        let cluster = Cluster { bootstrap_servers: "127.0.0.1:1".to_owned(), security };
        let (sender, lines) = channel();
        let _producer: FutureProducer<Lines> = config(&cluster).create_with_context(Lines(sender)).unwrap();
        let found = std::iter::from_fn(|| lines.recv_timeout(Duration::from_secs(10)).ok())
            .find(|line| line.contains("Setting default CA certificate location"))
            .unwrap();
        let place = found.split('"').nth(1).unwrap();
        assert!(std::path::Path::new(place).is_file(), "{place}");
    }
}

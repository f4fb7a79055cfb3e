//! A broker's `server.properties`.

use std::{collections::BTreeMap, fmt, path::Path};

use crate::kafka::broker::Broker;

#[derive(Debug, Clone)]
pub(super) struct Properties(BTreeMap<String, String>);

/// Writes one line per setting. A repeated setting replaces the earlier one.
impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, value)| writeln!(f, "{name}={value}"))
    }
}

impl Properties {
    /// The settings that all brokers of a cluster share.
    pub(super) fn for_cluster(brokers: &[Broker], control: &Path, keystore: &Path) -> Self {
        let voters: Vec<_> =
            brokers.iter().map(|broker| format!("{}@127.0.0.1:{}", broker.number, broker.ports.controller)).collect();
        let replicas = brokers.len().to_string();
        // MSK's defaults: three replicas, of which two must be in sync.
        let in_sync = brokers.len().div_ceil(2).to_string();
        let control = format!(r#"{MODULE} required control="{}";"#, control.display());
        let mut properties = Self(BTreeMap::new());
        properties.set([
            ("process.roles", "broker,controller"),
            ("controller.quorum.voters", &voters.join(",")),
            ("controller.listener.names", "CONTROLLER"),
            ("inter.broker.listener.name", "INTERNAL"),
            ("listener.security.protocol.map", "CONTROLLER:PLAINTEXT,INTERNAL:PLAINTEXT,IAM:SASL_SSL"),
            ("log.dirs", "data"),
            ("ssl.keystore.type", "PEM"),
            ("ssl.keystore.location", &keystore.display().to_string()),
            ("sasl.enabled.mechanisms", "OAUTHBEARER"),
            ("listener.name.iam.oauthbearer.sasl.jaas.config", &control),
            // The broker logs in on its own listener too, and fails with the default handler.
            ("listener.name.iam.oauthbearer.sasl.login.callback.handler.class", "stack.MskIamVerifier"),
            ("listener.name.iam.oauthbearer.sasl.server.callback.handler.class", "stack.MskIamVerifier"),
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer"),
            ("allow.everyone.if.no.acl.found", "false"),
            // The principal of unauthenticated connections: the brokers' and ours, on listeners of 127.0.0.1.
            ("super.users", "User:ANONYMOUS"),
            ("auto.create.topics.enable", "false"),
            ("default.replication.factor", &replicas),
            ("min.insync.replicas", &in_sync),
            ("offsets.topic.replication.factor", &replicas),
            ("transaction.state.log.replication.factor", &replicas),
            ("transaction.state.log.min.isr", &in_sync),
            // Small, for a broker that lives for minutes.
            ("group.initial.rebalance.delay.ms", "0"),
            ("log.cleaner.dedupe.buffer.size", "8388608"),
            ("log.segment.bytes", "67108864"),
            ("offsets.topic.num.partitions", "4"),
            ("transaction.state.log.num.partitions", "4"),
        ]);
        properties
    }

    /// Adds the settings that differ between brokers.
    pub(super) fn for_broker(&self, broker: &Broker) -> Self {
        let mut properties = self.clone();
        let ports = broker.ports;
        let (internal, iam) = (format!("INTERNAL://127.0.0.1:{}", ports.internal), broker.iam());
        let listeners = format!("CONTROLLER://127.0.0.1:{},{internal},IAM://127.0.0.1:{}", ports.controller, ports.iam);
        properties.set([
            ("node.id", broker.number.to_string().as_str()),
            ("listeners", &listeners),
            // Clients connect through the proxy, if there is one.
            ("advertised.listeners", &format!("{internal},IAM://localhost:{iam}")),
        ]);
        properties
    }

    pub(super) fn set<'a>(&mut self, settings: impl IntoIterator<Item = (&'a str, &'a str)>) {
        self.0.extend(settings.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())));
    }
}

const MODULE: &str = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule";

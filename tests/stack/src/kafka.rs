//! Apache Kafka with a listener that takes MSK's tokens: what stands in for an MSK cluster.
//!
//! What it proves: that the tokens are what Signature Version 4 asks for, that the clients get on with Kafka itself, and how
//! they take its refusals. What it does not: MSK's own verifier and its quotas, IAM's policies (access control lists stand in
//! for them), and the rights of `Connect` and `WriteDataIdempotently`, which Kafka does not know.

use std::{fs, io, net::SocketAddr, path::Path};

pub use crate::kafka::{
    admin::{Operation, Topics},
    control::Identity,
    options::Options,
    refusal::Refusal,
};
use crate::{
    StackError,
    folder::Folder,
    kafka::{
        broker::{Broker, Program},
        control::Control,
        properties::Properties,
    },
    pki::Authority,
    proxy::Proxy,
    tools::tool,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};

mod admin;
mod broker;
mod control;
mod log_ins;
mod options;
mod properties;
mod refusal;
mod topics;
mod wire;

/// The version that is tried unless `KAFKA_VERSION` names another. It is the Makefile's.
const VERSION: &str = "4.3.1";

/// A running cluster. It ends with this value.
#[derive(Debug)]
pub struct Kafka {
    // Before the folder, since fields go in order: the brokers write there until they end.
    brokers: Vec<Broker>,
    authority: Authority,
    control: Control,
    program: Program,
    cluster_id: String,
    region: String,
    _folder: Folder,
}

impl Kafka {
    /// Starts a cluster and waits until its brokers know each other.
    ///
    /// # Errors
    /// When it was not fetched, or does not start.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        let program = program()?;
        let folder = Folder::new("kafka")?;
        let authority = Authority::new(folder.path())?;
        let (certificate, key) = authority.issue("localhost")?;
        let keystore = concatenated(&[&key, &certificate, authority.ca_file()])
            .and_then(|text| folder.write("keystore.pem", &text))?;
        let control = Control::new(folder.path(), &options.region)?;
        let brokers = (1..=options.brokers).map(|number| Broker::new(number, folder.path(), options.to_measure));
        let brokers = brokers.collect::<Result<Vec<_>, _>>()?;
        // Never one from Kafka's own examples: brokers of other people's may have it too.
        let cluster_id = random_id();
        let mut properties = Properties::of_cluster(&brokers, control.file(), &keystore);
        properties.set(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for broker in &brokers {
            broker.format(&program, &cluster_id, &random_id(), &properties.of_broker(broker))?;
        }
        let region = options.region;
        let kafka = Self { brokers, authority, control, program, cluster_id, region, _folder: folder };
        for broker in &kafka.brokers {
            broker.start(&kafka.program).await?;
        }
        for broker in &kafka.brokers {
            broker.ready(&kafka.cluster_id, kafka.brokers.len()).await?;
        }
        Ok(kafka)
    }

    /// Where clients log in by IAM over TLS, through the proxies unless it is started to measure.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let servers: Vec<_> = self.brokers.iter().map(|broker| format!("localhost:{}", broker.iam())).collect();
        servers.join(",")
    }

    /// Where nobody logs in and everyone may do everything.
    #[must_use]
    pub fn internal_servers(&self) -> String {
        let servers: Vec<_> = self.brokers.iter().map(|broker| broker.internal().to_string()).collect();
        servers.join(",")
    }

    /// Whom clients have to trust, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.authority.ca_file()
    }

    /// The region that tokens are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The way to each broker, in their order.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.brokers.iter().map(|broker| &broker.proxy)
    }

    /// The way to the first broker, or to the only one.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        &self.brokers[0].proxy
    }

    /// Stops a broker in order; they are counted from 1. Clients find its port closed.
    ///
    /// # Errors
    /// When there is no such broker.
    pub async fn stop_broker(&self, number: usize) -> Result<(), StackError> {
        self.broker(number)?.stop().await
    }

    /// Ends a broker at once. The others notice when its session ends: after 9 s, unless `broker.session.timeout.ms` says
    /// otherwise.
    ///
    /// # Errors
    /// When there is no such broker.
    pub async fn kill_broker(&self, number: usize) -> Result<(), StackError> {
        self.broker(number)?.kill().await;
        Ok(())
    }

    /// Starts a broker that does not run, where it was before, and waits until it has found the others that do.
    ///
    /// # Errors
    /// When there is no such broker, or it does not start.
    pub async fn restart_broker(&self, number: usize) -> Result<(), StackError> {
        let broker = self.broker(number)?;
        broker.start(&self.program).await?;
        let running = self.running().await.len();
        broker.ready(&self.cluster_id, running).await
    }

    /// A broker's process, while it runs.
    ///
    /// # Errors
    /// When there is no such broker.
    pub async fn broker_process_id(&self, number: usize) -> Result<Option<u32>, StackError> {
        Ok(self.broker(number)?.id().await)
    }

    /// What the brokers had to say, one after the other.
    ///
    /// # Errors
    /// When a log cannot be read.
    pub fn log(&self) -> Result<String, StackError> {
        self.brokers.iter().map(|broker| read(&broker.log)).collect()
    }

    fn broker(&self, number: usize) -> Result<&Broker, StackError> {
        let found = number.checked_sub(1).and_then(|index| self.brokers.get(index));
        found.ok_or_else(|| StackError::io(format!("broker {number}"))(io::ErrorKind::NotFound.into()))
    }

    /// The brokers that run, where they ask nobody who it is.
    async fn running(&self) -> Vec<SocketAddr> {
        let mut running = Vec::new();
        for broker in &self.brokers {
            if broker.is_running().await {
                running.push(broker.internal());
            }
        }
        running
    }
}

/// The version that is started.
#[must_use]
pub fn version() -> String {
    #[expect(clippy::disallowed_methods, reason = "a choice of whoever runs the tests, as is the Makefile's")]
    std::env::var("KAFKA_VERSION").unwrap_or_else(|_| VERSION.to_owned())
}

fn program() -> Result<Program, StackError> {
    let version = version();
    let part = |name: &str| tool(&format!("kafka-{version}/{name}"));
    Ok(Program { jars: part("lib")?, classes: part("classes")?, checkpoint: part("bootstrap.checkpoint")? })
}

/// 16 bytes in base64, as Kafka's ids are.
fn random_id() -> String {
    BASE64_URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>())
}

fn concatenated(files: &[&Path]) -> Result<String, StackError> {
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Result<String, StackError> {
    fs::read_to_string(file).map_err(StackError::io(format!("reading {}", file.display())))
}

#[cfg(test)]
mod tests;

//! Apache Kafka with a listener that accepts MSK's tokens, in place of an MSK cluster.
//!
//! It proves that tokens satisfy Signature Version 4, that clients work with Kafka itself, and how they handle its
//! refusals. It does not prove MSK's own verifier and quotas, IAM policies (access control lists stand in for them), or
//! the permissions `Connect` and `WriteDataIdempotently`, which Kafka does not have.

use std::{fs, io, net::SocketAddr, path::Path, process::Command};

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

/// The default version, overridden by `KAFKA_VERSION`. It equals the Makefile's.
const VERSION: &str = "4.3.1";

/// A running cluster. Dropping it stops the brokers.
#[derive(Debug)]
pub struct Kafka {
    // Dropped before the folder, because the brokers write there until they end.
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
    /// When Kafka was not fetched or does not start.
    pub async fn start(options: Options) -> Result<Self, StackError> {
        let program = program()?;
        let folder = Folder::new("kafka")?;
        let authority = Authority::new(folder.path())?;
        let (certificate, key) = authority.issue("localhost")?;
        let keystore = concatenated(&[&key, &certificate, authority.ca_file()])
            .and_then(|text| folder.write("keystore.pem", &text))?;
        let control = Control::new(folder.path(), &options.region)?;
        let brokers = (1..=options.brokers).map(|number| Broker::new(number, folder.path(), options.for_benchmarks));
        let brokers = brokers.collect::<Result<Vec<_>, _>>()?;
        // Random, because other brokers on this machine may use the id of Kafka's examples.
        let cluster_id = random_id();
        let mut properties = Properties::for_cluster(&brokers, control.file(), &keystore);
        properties.set(options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for broker in &brokers {
            broker.format(&program, &cluster_id, &random_id(), &properties.for_broker(broker))?;
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

    /// The listener for IAM log-ins over TLS, behind the proxies unless the cluster is for benchmarks.
    #[must_use]
    pub fn bootstrap_servers(&self) -> String {
        let servers: Vec<_> = self.brokers.iter().map(|broker| format!("localhost:{}", broker.iam())).collect();
        servers.join(",")
    }

    /// The listener without authentication, on which every client is a super user.
    #[must_use]
    pub fn internal_servers(&self) -> String {
        let servers: Vec<_> = self.brokers.iter().map(|broker| broker.internal().to_string()).collect();
        servers.join(",")
    }

    /// The certificate of the authority, in PEM.
    #[must_use]
    pub fn ca_file(&self) -> &Path {
        self.authority.ca_file()
    }

    /// The region that tokens are signed for.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// The proxies in front of the brokers, in the brokers' order.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.brokers.iter().map(|broker| &broker.proxy)
    }

    /// The proxy in front of the first broker.
    #[must_use]
    pub fn proxy(&self) -> &Proxy {
        &self.brokers[0].proxy
    }

    /// A command that runs a class of `java/` with the clients of this Kafka's version.
    #[must_use]
    pub fn java(&self, class: &str) -> Command {
        let mut java = Command::new("java");
        java.arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error").arg("-cp").arg(self.program.class_path()).arg(class);
        java
    }

    /// Stops a broker gracefully; brokers count from 1. Its port is closed afterwards.
    ///
    /// # Errors
    /// When there is no such broker.
    pub async fn stop_broker(&self, number: usize) -> Result<(), StackError> {
        self.broker(number)?.stop().await
    }

    /// Kills a broker. The others notice when its session expires: after 9 s, unless `broker.session.timeout.ms` is
    /// set.
    ///
    /// # Errors
    /// When there is no such broker.
    pub async fn kill_broker(&self, number: usize) -> Result<(), StackError> {
        self.broker(number)?.kill().await;
        Ok(())
    }

    /// Starts a stopped broker on the same ports, and waits until it has found the other running ones.
    ///
    /// # Errors
    /// When there is no such broker, or it does not start.
    pub async fn restart_broker(&self, number: usize) -> Result<(), StackError> {
        let broker = self.broker(number)?;
        broker.start(&self.program).await?;
        let running = self.running().await.len();
        broker.ready(&self.cluster_id, running).await
    }

    /// The process id of a broker, while it runs.
    ///
    /// # Errors
    /// When there is no such broker.
    pub async fn broker_process_id(&self, number: usize) -> Result<Option<u32>, StackError> {
        Ok(self.broker(number)?.id().await)
    }

    /// The brokers' logs, one after the other.
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

    /// The internal listeners of the running brokers.
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

/// The version to start.
#[must_use]
pub fn version() -> String {
    #[expect(clippy::disallowed_methods, reason = "the tests' operator chooses the version, as in the Makefile")]
    std::env::var("KAFKA_VERSION").unwrap_or_else(|_| VERSION.to_owned())
}

fn program() -> Result<Program, StackError> {
    let version = version();
    let part = |name: &str| tool(&format!("kafka-{version}/{name}"));
    Ok(Program { jars: part("lib")?, classes: part("classes")?, checkpoint: part("bootstrap.checkpoint")? })
}

/// Returns 16 random bytes in base64, the format of Kafka's ids.
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

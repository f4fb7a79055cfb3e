//! One broker: its files, its ports, its process.

use std::{
    ffi::OsString,
    fmt, fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{net::TcpStream, sync::Mutex};

use crate::{StackError, kafka::admin::metadata, ports::free_port, process::Process, proxy::Proxy};

/// Limits a broker to about 220 MB; Java's default is a quarter of the machine.
const SMALL: [&str; 2] = [
    "-Xmx256m",
    // Starts faster and smaller, at the cost of slower TLS.
    "-XX:TieredStopAtLevel=1",
];

/// JVM options for benchmarks.
const FAST: [&str; 2] = ["-Xms512m", "-Xmx1g"];

/// Starting takes 2 s, or 8 s for three brokers on two busy cores.
const START_TIMEOUT: Duration = Duration::from_mins(2);

/// More than a broker takes to hand its partitions over, less than it waits for a lost quorum.
const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// A broker's ports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) controller: u16,
    pub(super) internal: u16,
    pub(super) iam: u16,
}

/// The program that a broker runs.
#[derive(Debug)]
pub(super) struct Program {
    /// The jars of `make tools`, and the classes of `java/`.
    pub(super) jars: PathBuf,
    pub(super) classes: PathBuf,
    /// The snapshot that `kafka-storage format` writes. Except for ids, it is the same for every broker of a version.
    pub(super) checkpoint: PathBuf,
}

impl Program {
    pub(super) fn class_path(&self) -> OsString {
        let mut class_path = OsString::from(&self.classes);
        class_path.push(":");
        class_path.push(self.jars.join("*"));
        class_path
    }
}

#[derive(Debug)]
pub(super) struct Broker {
    pub(super) number: usize,
    pub(super) ports: Ports,
    pub(super) proxy: Proxy,
    pub(super) log: PathBuf,
    folder: PathBuf,
    for_benchmarks: bool,
    process: Mutex<Option<Process>>,
}

impl Broker {
    pub(super) fn new(number: usize, folder: &Path, for_benchmarks: bool) -> Result<Self, StackError> {
        let port = || free_port().map_err(StackError::io("looking for a port"));
        let ports = Ports { controller: port()?, internal: port()?, iam: port()? };
        let proxy = Proxy::start((Ipv4Addr::LOCALHOST, ports.iam).into())?;
        let (folder, log) = (folder.join(format!("broker-{number}")), folder.join(format!("broker-{number}.log")));
        Ok(Self { number, ports, proxy, log, folder, for_benchmarks, process: Mutex::default() })
    }

    /// The listener on which every client is a super user.
    pub(super) fn internal(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.internal).into()
    }

    /// The port of `localhost` for IAM log-ins.
    pub(super) fn iam(&self) -> u16 {
        if self.for_benchmarks { self.ports.iam } else { self.proxy.port() }
    }

    /// Writes the settings and the files of `kafka-storage format`, which would take a second to start.
    pub(super) fn format(
        &self,
        program: &Program,
        cluster_id: &str,
        directory_id: &str,
        properties: &impl fmt::Display,
    ) -> Result<(), StackError> {
        let data = self.folder.join("data");
        let ids = format!("version=1\ncluster.id={cluster_id}\nnode.id={}\ndirectory.id={directory_id}\n", self.number);
        fs::create_dir_all(&data)
            .and_then(|()| fs::write(data.join("meta.properties"), ids))
            .and_then(|()| fs::copy(&program.checkpoint, data.join("bootstrap.checkpoint")))
            .and_then(|_| fs::write(self.folder.join("server.properties"), properties.to_string()))
            .map_err(StackError::io(format!("formatting {}", data.display())))
    }

    /// Starts the process, unless it runs. [`Broker::ready`] waits for it.
    pub(super) async fn start(&self, program: &Program) -> Result<(), StackError> {
        let mut process = self.process.lock().await;
        if process.is_none() {
            let name = format!("Kafka's broker {}", self.number);
            let folder = &self.folder;
            *process = Some(Process::start(
                &name,
                "java",
                arguments(program, self.for_benchmarks),
                NO_ENVIRONMENT,
                folder,
                &self.log,
            )?);
        }
        drop(process);
        self.proxy.pass()
    }

    /// Waits until the broker answers as a member of its own cluster and knows `members` brokers. A bare response could
    /// come from another Kafka that took the port.
    pub(super) async fn ready(&self, cluster_id: &str, members: usize) -> Result<(), StackError> {
        let mut process = self.process.lock().await;
        let Some(process) = process.as_mut() else { return Ok(()) };
        let is_ready = async || {
            let member = metadata(self.internal(), None).await.is_ok_and(|metadata| {
                metadata.cluster_id.as_deref() == Some(cluster_id) && metadata.brokers >= members
            });
            member && TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.iam)).await.is_ok()
        };
        process.ready(START_TIMEOUT, is_ready).await
    }

    pub(super) async fn is_running(&self) -> bool {
        self.process.lock().await.is_some()
    }

    /// Stops the broker gracefully. Its port refuses connections then.
    pub(super) async fn stop(&self) -> Result<(), StackError> {
        let mut process = self.process.lock().await;
        if let Some(running) = process.as_mut() {
            running.stop(STOP_TIMEOUT).await?;
            *process = None;
        }
        self.proxy.refuse().await;
        Ok(())
    }

    /// Kills the broker, as if its machine failed.
    pub(super) async fn kill(&self) {
        // Dropping the process kills it.
        drop(self.process.lock().await.take());
        self.proxy.refuse().await;
    }

    /// The process id, while the broker runs.
    pub(super) async fn id(&self) -> Option<u32> {
        self.process.lock().await.as_ref().map(Process::id)
    }
}

const NO_ENVIRONMENT: [(&str, &str); 0] = [];

fn arguments(program: &Program, for_benchmarks: bool) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = if for_benchmarks { FAST } else { SMALL }.map(OsString::from).into();
    let constant = [
        "-XX:+UseSerialGC",
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        // Brokers that start together look for each other ten times a second.
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.clients.NetworkClient=error",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
        "-Dorg.slf4j.simpleLogger.showThreadName=false",
        "-cp",
    ];
    arguments.extend(constant.map(OsString::from));
    arguments.extend([program.class_path(), "kafka.Kafka".into(), "server.properties".into()]);
    arguments
}

//! One broker: its files, its ports, its process.

use std::{
    ffi::OsString,
    fs,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::{net::TcpStream, sync::Mutex};

use crate::{
    StackError,
    kafka::{admin::metadata, properties::Properties},
    ports::free_port,
    process::Process,
    proxy::Proxy,
};

/// With it a broker takes about 220 MB; Java would take a quarter of the machine.
const SMALL: [&str; 2] = [
    "-Xmx256m",
    // Starts sooner and smaller, with slower TLS: no place to measure throughput.
    "-XX:TieredStopAtLevel=1",
];

/// For figures.
const FAST: [&str; 2] = ["-Xms512m", "-Xmx1g"];

/// A broker starts in 2 s, and three at once in 8 on two busy cores.
const START: Duration = Duration::from_mins(2);

/// More than a broker takes that hands its partitions over, less than one that waits for a quorum which is gone.
const STOP: Duration = Duration::from_secs(20);

/// Where a broker listens.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ports {
    pub(super) controller: u16,
    pub(super) internal: u16,
    pub(super) iam: u16,
}

/// What a broker's process is started with.
#[derive(Debug)]
pub(super) struct Program {
    /// The jars of `make tools`, and the verifier.
    pub(super) jars: PathBuf,
    pub(super) classes: PathBuf,
    /// The snapshot that `kafka-storage format` writes, but for ids the same for every broker of a version.
    pub(super) checkpoint: PathBuf,
}

#[derive(Debug)]
pub(super) struct Broker {
    pub(super) number: usize,
    pub(super) ports: Ports,
    pub(super) proxy: Proxy,
    pub(super) log: PathBuf,
    folder: PathBuf,
    to_measure: bool,
    process: Mutex<Option<Process>>,
}

impl Broker {
    pub(super) fn new(number: usize, folder: &Path, to_measure: bool) -> Result<Self, StackError> {
        let port = || free_port().map_err(StackError::io("looking for a port"));
        let ports = Ports { controller: port()?, internal: port()?, iam: port()? };
        let proxy = Proxy::start((Ipv4Addr::LOCALHOST, ports.iam).into())?;
        let (folder, log) = (folder.join(format!("broker-{number}")), folder.join(format!("broker-{number}.log")));
        Ok(Self { number, ports, proxy, log, folder, to_measure, process: Mutex::default() })
    }

    /// The listener where everyone is a super user.
    pub(super) fn internal(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.ports.internal).into()
    }

    /// The port of `localhost` where clients log in by IAM.
    pub(super) fn iam(&self) -> u16 {
        if self.to_measure { self.ports.iam } else { self.proxy.port() }
    }

    /// Writes what `kafka-storage format` writes, without the second that it takes to start, and the settings.
    pub(super) fn format(
        &self,
        program: &Program,
        cluster_id: &str,
        directory_id: &str,
        properties: &Properties,
    ) -> Result<(), StackError> {
        let data = self.folder.join("data");
        let ids = format!("version=1\ncluster.id={cluster_id}\nnode.id={}\ndirectory.id={directory_id}\n", self.number);
        fs::create_dir_all(&data)
            .and_then(|()| fs::write(data.join("meta.properties"), ids))
            .and_then(|()| fs::copy(&program.checkpoint, data.join("bootstrap.checkpoint")))
            .and_then(|_| fs::write(self.folder.join("server.properties"), properties.to_string()))
            .map_err(StackError::io(format!("formatting {}", data.display())))
    }

    /// Starts the process, unless it runs; [`Broker::ready`] waits for it.
    pub(super) async fn start(&self, program: &Program) -> Result<(), StackError> {
        let mut process = self.process.lock().await;
        if process.is_none() {
            let name = format!("Kafka's broker {}", self.number);
            let folder = &self.folder;
            *process = Some(Process::start(
                &name,
                "java",
                arguments(program, self.to_measure),
                NO_ENVIRONMENT,
                folder,
                &self.log,
            )?);
        }
        drop(process);
        self.proxy.pass()
    }

    /// Waits until it answers as a member of its own cluster that knows `members` brokers: an answer alone may come from
    /// somebody else's Kafka that took the port.
    pub(super) async fn ready(&self, cluster_id: &str, members: usize) -> Result<(), StackError> {
        let mut process = self.process.lock().await;
        let Some(process) = process.as_mut() else { return Ok(()) };
        let is_ready = async || {
            let member = metadata(self.internal(), None).await.is_ok_and(|metadata| {
                metadata.cluster_id.as_deref() == Some(cluster_id) && metadata.brokers >= members
            });
            member && TcpStream::connect((Ipv4Addr::LOCALHOST, self.ports.iam)).await.is_ok()
        };
        process.ready(START, is_ready).await
    }

    pub(super) async fn is_running(&self) -> bool {
        self.process.lock().await.is_some()
    }

    /// Stops it in order. Its port is closed then, as that of a machine would be where nobody listens.
    pub(super) async fn stop(&self) -> Result<(), StackError> {
        let mut process = self.process.lock().await;
        if let Some(running) = process.as_mut() {
            running.stop(STOP).await?;
            *process = None;
        }
        self.proxy.refuse().await;
        Ok(())
    }

    /// Ends it at once, as a machine that fails does.
    pub(super) async fn kill(&self) {
        // The value's end is the process's.
        drop(self.process.lock().await.take());
        self.proxy.refuse().await;
    }

    /// The process's number, while it runs.
    pub(super) async fn id(&self) -> Option<u32> {
        self.process.lock().await.as_ref().map(Process::id)
    }
}

const NO_ENVIRONMENT: [(&str, &str); 0] = [];

fn arguments(program: &Program, to_measure: bool) -> Vec<OsString> {
    let mut class_path = OsString::from(&program.classes);
    class_path.push(":");
    class_path.push(program.jars.join("*"));
    let mut arguments: Vec<OsString> = if to_measure { FAST } else { SMALL }.map(OsString::from).into();
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
    arguments.extend([class_path, "kafka.Kafka".into(), "server.properties".into()]);
    arguments
}

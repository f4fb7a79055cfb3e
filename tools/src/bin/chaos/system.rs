//! The system under test: three brokers, `ingest` in several environments behind API Gateway, and `local`.

use std::{sync::Arc, time::Duration};

use shared::topic::UserId;
use stack::{
    gateway::{Api, Gateway},
    kafka::{Identity, Kafka, Operation, Options, Topics},
    lambda::{Function, Lambda, built, deployed_timeout},
    ports::free_port,
    process::Process,
};
use tempfile::TempDir;
use tokio::net::TcpStream;

use crate::Result;

pub(crate) const USER_ID: &str = "chaos";
/// The clients' topic.
pub(crate) const TOPIC: &str = "chaos.geo";
pub(crate) const PARTITIONS: i32 = 3;

/// The functions' principal.
pub(crate) const PRINCIPAL: &str = "pipeline";
const ACCESS_KEY: &str = "ASIACHAOS";
const SECRET: &str = "chaos/secret+key";

const START_TIMEOUT: Duration = Duration::from_secs(30);

/// Flags with which `local` neither archives nor posts.
pub(crate) const PASSIVE: &[&str] = &["--no-archive", "--posts-per-second", "0"];

/// The number of `ingest` environments.
pub(crate) const ENVIRONMENTS: usize = 4;

#[derive(Debug)]
pub(crate) struct System {
    // Dropped in this order.
    _local: Process,
    local_port: u16,
    gateway: Gateway,
    pub(crate) lambda: Arc<Lambda>,
    pub(crate) kafka: Kafka,
    pub(crate) function_timeout: Duration,
    _folder: TempDir,
}

impl System {
    /// Builds the programs and starts the system.
    pub(crate) async fn start() -> Result<Self> {
        // Shorter than the brokers' default of 9 s, to detect lost brokers sooner.
        let kafka = kafka(Options::three().with("broker.session.timeout.ms", "3000")).await?;
        let function = Function { concurrency: ENVIRONMENTS, ..ingest(&kafka).await? };
        let lambda = Arc::new(Lambda::start(&function).await?);
        let gateway = Gateway::start(Arc::clone(&lambda), Api::rest("chaos")).await?;

        let folder = tempfile::tempdir()?;
        let local_port = free_port()?;
        let local = local(&kafka, &folder, local_port, PASSIVE).await?;
        Ok(Self {
            _local: local,
            local_port,
            gateway,
            lambda,
            kafka,
            function_timeout: function.timeout,
            _folder: folder,
        })
    }

    /// The topic's URL at each frontend.
    pub(crate) fn urls(&self) -> [String; 2] {
        [
            format!("{}/topics/{TOPIC}", self.gateway.url()),
            format!("http://127.0.0.1:{}/topics/{TOPIC}", self.local_port),
        ]
    }

    /// Adds or removes the functions' identity.
    pub(crate) fn admit(&self, admitted: bool) -> Result<()> {
        let changed =
            if admitted { self.kafka.add_identity(identity()) } else { self.kafka.remove_identity(ACCESS_KEY) };
        Ok(changed?)
    }
}

/// Starts a cluster with the topics, and with a role that may write to them.
pub(crate) async fn kafka(options: Options) -> Result<Kafka> {
    let kafka = Kafka::start(options).await?;
    let user_id: UserId = USER_ID.parse()?;
    for kind in shared::kind::CATALOG {
        kafka.create_topic(&format!("{user_id}.{kind}"), PARTITIONS).await?;
    }
    kafka.add_identity(identity())?;
    let actions = [Operation::Describe, Operation::Write, Operation::Read];
    kafka.allow(PRINCIPAL, &actions, Topics::Prefixed(&format!("{user_id}."))).await?;
    Ok(kafka)
}

/// Returns `ingest` as it is deployed.
pub(crate) async fn ingest(kafka: &Kafka) -> Result<Function> {
    let mut variables = variables(kafka);
    variables.push(("USER_IDS", USER_ID.to_owned()));
    let ingest = Function::new(&built("ingest").await?, variables);
    Ok(Function { timeout: deployed_timeout("ingest")?, quiet: true, ..ingest })
}

fn identity() -> Identity {
    Identity::new(ACCESS_KEY, SECRET, PRINCIPAL)
}

fn variables(kafka: &Kafka) -> Vec<(&'static str, String)> {
    vec![
        ("BOOTSTRAP_SERVERS", kafka.bootstrap_servers()),
        ("SSL_CA_LOCATION", kafka.ca_file().display().to_string()),
        ("AWS_REGION", kafka.region().to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
    ]
}

/// Starts `local` on this cluster.
pub(crate) async fn local(kafka: &Kafka, folder: &TempDir, port: u16, flags: &[&str]) -> Result<Process> {
    let (address, servers, authorities) =
        (format!("127.0.0.1:{port}"), kafka.bootstrap_servers(), kafka.ca_file().display().to_string());
    let mut arguments = vec!["--listen", &address, "--user-id", USER_ID];
    arguments.extend(flags);
    arguments.extend(["--bootstrap-servers", &servers, "--security-protocol", "SASL_SSL"]);
    arguments.extend(["--ssl-ca-location", &authorities]);
    let log = folder.path().join("local.log");
    let program = built("pinterest-data-pipeline").await?;
    let mut process = Process::start("local", program, arguments, variables(kafka), folder.path(), &log)?;
    process.ready(START_TIMEOUT, async || TcpStream::connect(("127.0.0.1", port)).await.is_ok()).await?;
    Ok(process)
}

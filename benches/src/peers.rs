//! The functions under the Lambda runtime: ours, alternatives that one would write instead, and two echoes that do
//! nothing.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use shared::topic::UserIds;
use stack::{
    kafka::{Identity, Kafka, Operation, Options, Topics},
    lambda::{Function, deployed_timeout},
};
use tempfile::TempDir;

use crate::{Result, folders, payload::MANY};

/// Our function.
pub(crate) const INGEST: &str = "`ingest`, Rust";
/// The Python alternative, also with IAM.
pub(crate) const CONFLUENT_KAFKA: &str = "Python, confluent-kafka";
/// The lower bound for all candidates.
pub(crate) const ECHO: &str = "echo, standard library";
/// The lower bound for our function.
pub(crate) const ECHO_ON_LAMBDA_RUNTIME: &str = "echo, `lambda_runtime`";

/// The user id of the topic.
pub(crate) const USER_ID: &str = "bench";
/// The topic of all candidates.
pub(crate) const TOPIC: &str = "bench.pin";
const PARTITIONS: i32 = 3;

const ACCESS_KEY: &str = "AKIABENCH";
const SECRET_KEY: &str = "secret";
const SESSION_TOKEN: &str = "token";

/// A listener of Kafka.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Listener {
    Plain,
    /// TLS and a log-in by IAM.
    Iam,
}

/// A function.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    binary: PathBuf,
    /// The package to upload, without the part that Lambda provides.
    pub(crate) package: Option<PathBuf>,
    /// The minimum number of offsets in the response to [`MANY`] records.
    pub(crate) entries: usize,
    with_iam: bool,
}

impl Peer {
    /// Returns the function as it is deployed for this cluster.
    pub(crate) fn function(&self, kafka: &Kafka, listener: Listener) -> Result<Function> {
        let (protocol, servers) = match listener {
            Listener::Plain => ("PLAINTEXT", kafka.internal_servers()),
            Listener::Iam => ("SASL_SSL", kafka.bootstrap_servers()),
        };
        let mut function = Function::new(
            &self.binary,
            [
                ("BOOTSTRAP_SERVERS", servers),
                ("SECURITY_PROTOCOL", protocol.to_owned()),
                ("USER_IDS", USER_ID.to_owned()),
                ("AWS_REGION", kafka.region().to_owned()),
                ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
                ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
                ("AWS_SESSION_TOKEN", SESSION_TOKEN.to_owned()),
            ],
        );
        if listener == Listener::Iam {
            function.environment.push(("SSL_CA_LOCATION".to_owned(), kafka.ca_file().display().to_string()));
        }
        function.timeout = deployed_timeout("ingest")?;
        Ok(function)
    }
}

/// Returns the function with other user ids.
pub(crate) fn with_user_ids(mut function: Function, user_ids: &UserIds) -> Function {
    function.environment.retain(|(name, _)| name != "USER_IDS");
    function.environment.push(("USER_IDS".to_owned(), user_ids.to_string()));
    function
}

/// Starts a cluster in which all candidates may write to [`TOPIC`] through either listener.
pub(crate) async fn kafka(options: Options) -> Result<Kafka> {
    let kafka = Kafka::start(options).await?;
    kafka.create_topic(TOPIC, PARTITIONS).await?;
    kafka.add_identity(Identity::new(ACCESS_KEY, SECRET_KEY, USER_ID).with_session_token(SESSION_TOKEN))?;
    let topics = Topics::Prefixed("bench.");
    kafka.allow(USER_ID, &[Operation::Describe, Operation::Write], topics).await?;
    Ok(kafka)
}

/// Returns options for fast brokers that discard most of the gigabytes written in a run.
pub(crate) fn for_benchmarks() -> Options {
    let options = Options { for_benchmarks: true, ..Options::default() };
    options.with("log.retention.bytes", "134217728").with("log.retention.check.interval.ms", "5000")
}

/// Returns `ingest` as built with symbols, for [`crate::profile`].
pub(crate) fn unstripped() -> Peer {
    let binary = folders::workspace().join("target/profile/release/ingest");
    Peer { name: INGEST, binary, package: None, entries: MANY, with_iam: true }
}

/// Returns the candidates for a listener, ours first. Their start scripts are in `folder`.
pub(crate) fn peers(folder: &TempDir, listener: Listener) -> Result<Vec<Peer>> {
    let ours = |name, program| Peer {
        name,
        binary: folders::program(program),
        package: None,
        entries: if name == INGEST { MANY } else { 1 },
        with_iam: name == INGEST,
    };
    let theirs = |name, folder_name: &str, entries, start: &str| -> Result<Peer> {
        let (package, binary) = start_script(folder, folder_name, start)?;
        Ok(Peer { name, binary, package: Some(package), entries, with_iam: name == CONFLUENT_KAFKA })
    };
    // Lambda's own flags, except for the heap, which Lambda derives from the function's memory.
    let java = "java -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Xmx256m -cp '.:lib/*:../runtime/*' \
                com.amazonaws.services.lambda.runtime.api.client.AWSLambda App::handleRequest";
    let all = vec![
        ours(INGEST, "ingest"),
        theirs(CONFLUENT_KAFKA, "confluent-kafka", MANY, &python())?,
        theirs("Node, kafkajs", "kafkajs", 1, "node ../../../../benches/peers/kafkajs/runtime.js \"$PWD/index.js\"")?,
        theirs("Java, kafka-clients", "kafka-clients", MANY, java)?,
        ours(ECHO_ON_LAMBDA_RUNTIME, "echo-on-lambda-runtime"),
        ours(ECHO, "echo"),
    ];
    Ok(all.into_iter().filter(|peer| listener == Listener::Plain || peer.with_iam).collect())
}

/// Returns whether the candidate is an echo, which writes no records.
pub(crate) fn is_echo(candidate: &str) -> bool {
    candidate == ECHO || candidate == ECHO_ON_LAMBDA_RUNTIME
}

/// Returns the command that starts a package like Lambda, without writing beside the sources. `awslambdaric` is AWS's own
/// runtime for Python.
pub(crate) fn python() -> String {
    let python = folders::tools().join("venv/bin/python");
    format!("env PYTHONDONTWRITEBYTECODE=1 '{}' -m awslambdaric app.handle", python.display())
}

/// Returns a peer's package, and a script in `folder` that runs `start` in it.
pub(crate) fn start_script(folder: &TempDir, name: &str, start: &str) -> Result<(PathBuf, PathBuf)> {
    let package = folders::tools().join("peers").join(name).join("package");
    let file = folder.path().join(name);
    fs::write(&file, format!("#!/bin/sh\ncd '{}' && exec {start}\n", package.display()))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    Ok((package, file))
}

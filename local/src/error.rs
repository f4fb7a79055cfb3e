//! The errors that keep the pipeline from starting. A message begins with the flag that caused the error, if one did.

use std::{io, net::SocketAddr, path::PathBuf};

use archive::{
    bucket::{ArchiveUrl, ArchiveUrlError, OpenError},
    reader::ReadError,
};
use emulator::source::{DatabaseUrlError, SourceError};
use rdkafka::error::KafkaError;
use shared::{
    error_chain::one_line,
    kafka::ProducerError,
    publish::Unreachable,
    settings::SettingsError,
    stream::SharedStreamsError,
    topic::{PassThroughError, UserIdsError},
};

/// The reason the pipeline cannot start.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("--user-id: {0}")]
    UserIds(#[from] UserIdsError),
    #[error("--pass-through: {0}")]
    PassThrough(#[from] PassThroughError),
    #[error("--shared-stream: {0}")]
    SharedStreams(#[from] SharedStreamsError),
    #[error("cannot start the embedded Kafka: {0}")]
    EmbeddedKafka(#[from] KafkaError),
    #[error("--security-protocol: {0}")]
    Cluster(#[source] SettingsError),
    #[error("--security-protocol SASL_SSL: this build has no TLS for Kafka: cargo run --features kafka-tls -- ...")]
    NoTls,
    #[error("--ssl-ca-location has no effect without --security-protocol SASL_SSL")]
    AuthoritiesUnused,
    #[error("--bootstrap-servers: {}", one_line(.0))]
    Producer(#[from] ProducerError),
    #[error("--bootstrap-servers {servers}: {source}")]
    NoKafka { servers: String, source: Unreachable },
    #[error("the embedded Kafka at {servers}: {source}")]
    NoEmbeddedKafka { servers: String, source: Unreachable },
    #[error("{}", one_line(.0))]
    Reader(#[from] ReadError),
    #[error("--database-url: {}", one_line(.0))]
    DatabaseUrl(#[source] DatabaseUrlError),
    #[error("--database-url: {0}")]
    Login(#[source] SettingsError),
    #[error("--database-url: {}", one_line(.0))]
    Source(#[from] SourceError),
    #[error("--archive {text}: {source}")]
    ArchiveUrl { text: String, source: ArchiveUrlError },
    #[error("--archive: {}", one_line(.0))]
    Archive(#[source] OpenError),
    #[error("{}: choose a folder with --archive", one_line(.0))]
    DefaultArchive(#[source] OpenError),
    #[error("--archive: {}; these variables are not set: {unset}", one_line(.source.as_ref()))]
    ArchiveWithout { source: Box<OpenError>, unset: String },
    #[error("--archive {0}: cannot be claimed: {source}", source = one_line(.1))]
    Unclaimable(ArchiveUrl, #[source] object_store::Error),
    #[error(
        "--archive {0}: it holds records already, and the embedded Kafka starts at offset 0 again: choose another place, or omit \
         --archive for a new one"
    )]
    ArchiveUsed(ArchiveUrl),
    #[error(
        "--archive {0}: another process archives there, and both start at offset 0: choose another place; if none does, delete \
         .in-use there, which a killed process left behind"
    )]
    ArchiveClaimed(ArchiveUrl),
    #[error("--listen {address}: {holder} listens there; {advice}")]
    PortInUse { address: SocketAddr, holder: String, advice: String },
    #[error("--listen {address}: {source}; choose another address, or port 0 for any free port")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("--env-file {file}: {source}", file = file.display())]
    EnvFile { file: PathBuf, source: io::Error },
    #[error("cannot start the threads: {0}")]
    Runtime(#[source] io::Error),
    #[error("cannot listen for signals: {0}")]
    Signals(#[source] io::Error),
    #[error("stopped before anything was sent")]
    Stopped,
}

//! Opens the components that the command line specifies. A flag whose value is valid but unusable fails here, before anything
//! is sent.

use std::{fs, io, net::SocketAddr, path::Path, time::Duration};

use archive::{
    bucket::{ArchiveUrl, Bucket},
    reader::Kafka,
};
use emulator::{DatabaseUrl, Order, Source, order::POST_ORDER};
use ingest::{
    StatusPolicy,
    read_back::{READ_BACK, ReadBackSwitch},
    status_policy::STATUSES,
};
use rand::{SeedableRng, rngs::StdRng};
use shared::{
    cluster::{
        Authorities, BOOTSTRAP_SERVERS, BootstrapServers, Cluster, Protocol, SECURITY_PROTOCOL, SSL_CA_LOCATION,
        Security,
    },
    credentials::Signer,
    kafka::Producer,
    metrics::Metrics,
    sample::COURSE_ORDER,
    settings::{Reader, environment},
    stream::{SHARED_STREAMS, SharedStreams},
    topic::{PASS_THROUGH_TOPICS, PassThroughTopics, UserIds},
};
use tokio::net::TcpListener;

use crate::{
    archive_claim::ArchiveClaim, cli::Cli, doctor::unset_aws_variables, error::StartError, kafka::EmbeddedKafka,
    port::listen, startup_progress::StartupProgress,
};

/// The time to connect to Kafka.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The folder of the archives that no flag names, in the current one.
const ARCHIVES: &str = "pinterest-archive";

/// All components, open and connected.
pub(crate) struct Components {
    pub(crate) user_ids: UserIds,
    pub(crate) pass_through: PassThroughTopics,
    pub(crate) shared_streams: SharedStreams,
    pub(crate) statuses: StatusPolicy,
    pub(crate) listener: TcpListener,
    pub(crate) address: SocketAddr,
    pub(crate) source: Source,
    /// Stops when dropped. `None` if Kafka is a real cluster.
    pub(crate) embedded: Option<EmbeddedKafka>,
    pub(crate) cluster: Cluster,
    pub(crate) producer: Producer,
    /// `None` with `--no-archive`.
    pub(crate) archive: Option<Archive>,
    /// `Some` if the embedded Kafka writes to an archive.
    pub(crate) claim: Option<ArchiveClaim>,
}

/// The archive, and the Kafka client that reads for it.
pub(crate) struct Archive {
    pub(crate) kafka: Kafka,
    pub(crate) url: ArchiveUrl,
    pub(crate) bucket: Bucket,
}

impl Components {
    /// Opens each component. The archive is last, because it creates a folder.
    pub(crate) async fn open(cli: &Cli, metrics: &Metrics) -> Result<Self, StartError> {
        let progress = StartupProgress::new("reading the database");
        let user_ids = UserIds::new(cli.user_ids.clone())?;
        let pass_through = PassThroughTopics::new(cli.pass_through.clone())?.checked_against(&user_ids)?;
        let shared_streams = SharedStreams::new(cli.shared_streams.iter().map(String::as_str))?;
        let shared_streams = shared_streams.checked_against(&user_ids)?;
        let archive_url = if cli.no_archive { None } else { Some(archive_url(cli)?) };
        let database_url = cli.database_url.as_deref().map_or(Ok(DatabaseUrl::Sample), str::parse);
        let database_url = database_url.map_err(StartError::DatabaseUrl)?;
        let (listener, address) = listen(cli.listen).await?;
        let source = Source::open(&database_url, environment).map_err(StartError::Login)?;
        if cli.posts_per_second > 0.0 {
            match cli.order {
                Order::Random => source.draw(1, &mut StdRng::from_os_rng()).await?,
                Order::Course => source.read(COURSE_ORDER).await?,
            };
        }
        let (embedded, cluster) = if let Some(BootstrapServers(servers)) = &cli.bootstrap_servers {
            (None, cluster(cli, servers)?)
        } else {
            let kinds = user_ids.topic_names();
            progress.step(format!("creating {} topics in the embedded Kafka", kinds.len()));
            let topics = kinds.iter().map(String::as_str).chain(pass_through.iter());
            let embedded = EmbeddedKafka::start(topics)?;
            let cluster = Cluster::plaintext(embedded.bootstrap_servers());
            (Some(embedded), cluster)
        };
        progress.step(format!("connecting to Kafka at {cluster}"));
        let producer = connect(&cluster, embedded.is_some(), &user_ids, metrics).await?;
        let archive = match archive_url {
            Some(url) => {
                let kafka = Kafka::connect(&cluster).await?;
                progress.step(format!("opening the archive {url}"));
                let bucket = Bucket::open(&url).await.map_err(|error| match (&url, unset_aws_variables()) {
                    _ if cli.archive.is_none() => StartError::DefaultArchive(error),
                    (ArchiveUrl::S3 { .. }, unset) if !unset.is_empty() => {
                        StartError::ArchiveWithout { source: error.into(), unset: unset.join(", ") }
                    }
                    _ => StartError::Archive(error),
                })?;
                Some(Archive { kafka, url, bucket })
            }
            None => None,
        };
        let mut components = Self {
            user_ids,
            pass_through,
            shared_streams,
            statuses: cli.statuses,
            listener,
            address,
            source,
            embedded,
            cluster,
            producer,
            archive,
            claim: None,
        };
        if let Some(file) = &cli.env_file {
            components
                .write_env_file(file, &database_url, cli)
                .map_err(|source| StartError::EnvFile { file: file.clone(), source })?;
        }
        if let (Some(archive), Some(_)) = (&components.archive, &components.embedded) {
            components.claim = Some(ArchiveClaim::take(&archive.url, &archive.bucket).await?);
        }
        Ok(components)
    }

    /// Writes the settings with which `cargo lambda watch` runs the functions on the same Kafka and archive.
    fn write_env_file(&self, file: &Path, database_url: &DatabaseUrl, cli: &Cli) -> io::Result<()> {
        let archive = match self.archive.as_ref().map(|archive| &archive.url) {
            Some(ArchiveUrl::Folder(folder)) => format!("ARCHIVE_URL={}\n", folder.canonicalize()?.display()),
            Some(url @ ArchiveUrl::S3 { .. }) => format!("ARCHIVE_URL={url}\n"),
            None => String::new(),
        };
        if let Some(folder) = file.parent() {
            fs::create_dir_all(folder)?;
        }
        let (servers, user_ids) = (&self.cluster.bootstrap_servers, &self.user_ids);
        let (pass_through, shared_streams, statuses) = (&self.pass_through, &self.shared_streams, self.statuses);
        let (read_back, order) = (ReadBackSwitch(!cli.no_read_back), cli.order);
        let security = match &self.cluster.security {
            Security::Plaintext => format!("{}={}", SECURITY_PROTOCOL.name, Protocol::Plaintext),
            Security::Iam { authorities, .. } => format!("{}=\"{authorities}\"", SSL_CA_LOCATION.name),
        };
        let rows = match database_url {
            DatabaseUrl::Sample => "DATABASE_URL=sample",
            DatabaseUrl::MySql(_) => "# Export DATABASE_URL: it may hold a password, which does not belong in a file.",
        };
        let text = format!(
            "{}={servers}\n{security}\nUSER_IDS={user_ids}\n{}={pass_through}\n{}={shared_streams}\n{}={read_back}\n{}={statuses}\n{rows}\n{}={order}\nPOSTS_PER_RUN=1\n\
             {archive}RUST_LOG=\"info\"\n",
            BOOTSTRAP_SERVERS.name,
            PASS_THROUGH_TOPICS.name,
            SHARED_STREAMS.name,
            READ_BACK.name,
            STATUSES.name,
            POST_ORDER.name
        );
        fs::write(file, text)
    }
}

/// Returns the settings of a real cluster, with the credentials of the environment if it requires authentication.
fn cluster(cli: &Cli, bootstrap_servers: &str) -> Result<Cluster, StartError> {
    let security = match (cli.security_protocol, cli.ssl_ca_location.clone()) {
        (Protocol::Plaintext, None) => Security::Plaintext,
        (Protocol::Plaintext, Some(_)) => return Err(StartError::AuthoritiesUnused),
        (Protocol::SaslSsl, _) if cfg!(not(feature = "kafka-tls")) => return Err(StartError::NoTls),
        (Protocol::SaslSsl, authorities) => {
            let mut reader = Reader::new(environment);
            let signer = Signer::read(&mut reader);
            let signer = reader.finish(signer).map_err(StartError::Cluster)?;
            Security::Iam { signer, authorities: authorities.unwrap_or(Authorities::System) }
        }
    };
    Ok(Cluster { bootstrap_servers: bootstrap_servers.to_owned(), security })
}

async fn connect(
    cluster: &Cluster,
    is_embedded: bool,
    user_ids: &UserIds,
    metrics: &Metrics,
) -> Result<Producer, StartError> {
    let producer = Producer::new(cluster, metrics.clone())?;
    match producer.warm_up(user_ids.topic_names(), CONNECT_TIMEOUT).await {
        Ok(()) => Ok(producer),
        Err(source) if is_embedded => Err(StartError::NoEmbeddedKafka { servers: cluster.to_string(), source }),
        Err(source) => Err(StartError::NoKafka { servers: cluster.to_string(), source }),
    }
}

/// Returns the archive of the command line, or a new folder under [`ARCHIVES`], named after the current time.
fn archive_url(cli: &Cli) -> Result<ArchiveUrl, StartError> {
    if let Some(text) = &cli.archive {
        return text.parse().map_err(|source| StartError::ArchiveUrl { text: text.clone(), source });
    }
    #[expect(clippy::disallowed_methods, reason = "names a folder, decides nothing")]
    let now = chrono::Local::now().format("%Y-%m-%dT%H-%M-%S%.3f");
    Ok(ArchiveUrl::Folder(Path::new(ARCHIVES).join(now.to_string())))
}

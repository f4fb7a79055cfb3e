//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use emulator::Order;
use ingest::StatusPolicy;
use shared::{
    cluster::{Authorities, BootstrapServers, Protocol},
    error_chain::one_line,
    topic::UserId,
};

use crate::guard::{Host, Origin};

/// The program's name on the PATH.
pub(crate) const NAME: &str = env!("CARGO_BIN_NAME");

/// The whole Pinterest data pipeline in one process: the HTTP API, Kafka, the emulator, the archive and its tables.
///
/// Needs neither installed software nor an AWS account: Kafka and the rows are embedded, the archive is a folder.
/// Each of them can be replaced by a real one.
#[derive(Debug, Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
#[command(
    name = NAME,
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true
)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Address of the HTTP API; the default port is the REST Proxy's
    #[arg(long, env = "LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8082", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// Open the page in a browser
    #[arg(long)]
    pub(crate) open: bool,

    /// Additional host name that the HTTP API accepts, such as this machine's on a LAN; repeatable
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) allow_hosts: Vec<Host>,

    /// Origin whose pages may send requests and read responses, such as `http://localhost:3000`; repeatable. `*` allows every origin,
    /// as a deployed API does
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allow_origins: Vec<Origin>,

    /// User id whose topics ID.pin, ID.geo and ID.user are served; repeatable
    #[arg(long = "user-id", value_name = "ID", default_value = "demo")]
    pub(crate) user_ids: Vec<UserId>,

    /// Additional topic whose records are neither validated nor archived; repeatable. The embedded Kafka keeps its last 5 MiB
    #[arg(long = "pass-through", value_name = "TOPIC", value_delimiter = ',')]
    pub(crate) pass_through: Vec<String>,

    /// Stream of /streams that takes all kinds of a user id, such as Kinesis-Prod-Stream=demo; repeatable
    #[arg(long = "shared-stream", value_name = "NAME=ID", value_delimiter = ',')]
    pub(crate) shared_streams: Vec<String>,

    /// Status of a partially written request: `honest` answers 200 only if every record is written, `confluent` answers 200
    /// even if some are not, like the REST Proxy
    #[arg(long, value_name = "honest|confluent", default_value = "honest")]
    pub(crate) statuses: StatusPolicy,

    /// Refuse requests that read records back
    #[arg(long)]
    pub(crate) no_read_back: bool,

    /// Posts that the emulator sends per second; 0 sends none
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "1",
        value_parser = posts_per_second,
        allow_negative_numbers = true
    )]
    pub(crate) posts_per_second: f64,

    /// Posts after which the emulator stops, while everything else goes on; without it, it never does
    #[arg(long, value_name = "NUMBER")]
    pub(crate) posts: Option<u64>,

    /// Order of the emulator's posts: `random`, or `course` for those that the course's script draws, in its order, from the first
    /// at each start and again after the 909th
    #[arg(long, value_name = "random|course", default_value = "random")]
    pub(crate) order: Order,

    /// Stop after this time, such as 30s or 5m; without it, run until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// Comma-separated addresses of a Kafka to use instead of the embedded one; its topics have to exist
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap_servers: Option<BootstrapServers>,

    /// Security protocol of that Kafka: SASL_SSL is TLS with IAM authentication by the environment's AWS credentials
    #[arg(long, value_name = "PROTOCOL", default_value = "PLAINTEXT", requires = "bootstrap_servers")]
    pub(crate) security_protocol: Protocol,

    /// PEM file of the certificate authorities that it uses; without it, the ones that the system trusts
    #[arg(long, value_name = "FILE", requires = "bootstrap_servers", value_parser = authorities)]
    pub(crate) ssl_ca_location: Option<Authorities>,

    // Parsed later, because clap prints a wrong value in full, and this one may hold a password.
    /// MySQL database with the course's tables, instead of the sample rows
    #[arg(long, value_name = "mysql://…")]
    pub(crate) database_url: Option<String>,

    /// Folder or S3 URL of the archive; without it, a new folder under pinterest-archive
    #[arg(long, value_name = "FOLDER|s3://…")]
    pub(crate) archive: Option<String>,

    /// Run without an archive, because another program such as MSK Connect archives the topics; needs --bootstrap-servers
    #[arg(long, conflicts_with = "archive", requires = "bootstrap_servers")]
    pub(crate) no_archive: bool,

    /// Write no Delta tables of cleaned rows beside the archived records
    #[arg(long)]
    pub(crate) no_tables: bool,

    /// File to write the functions' settings to, for cargo lambda watch --env-file
    #[arg(long, value_name = "FILE")]
    pub(crate) env_file: Option<PathBuf>,

    /// Format of the summary, which is the last line
    #[arg(long, value_enum, value_name = "FORM", default_value = "words")]
    pub(crate) summary: SummaryForm,
}

/// A command that runs no pipeline.
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum Command {
    /// List the optional parts, and what is missing on this machine for each
    Doctor,
    /// Print a shell's completions, for `source <(pinterest-data-pipeline completions bash)`
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Exit with 0 if a pipeline runs and reaches Kafka
    Healthcheck {
        /// Address that it listens at
        #[arg(long, env = "LISTEN", value_name = "ADDRESS", default_value = "127.0.0.1:8082", value_parser = address)]
        listen: SocketAddr,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryForm {
    /// A sentence
    Words,
    /// One line of JSON
    Json,
}

/// Parses an address, or a port of this machine.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let local = text.strip_prefix("localhost:").unwrap_or(text);
    let port = local.parse().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
    port.or_else(|_| text.parse())
        .map_err(|_| "neither an address such as 127.0.0.1:8082 nor a port; the variable LISTEN sets it too")
}

fn authorities(text: &str) -> Result<Authorities, String> {
    text.parse().map_err(|error| one_line(&error))
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "not a time such as 30s, 5m or 1h30m")
}

/// The limit of the emulator's rate.
const MAX_POSTS_PER_SECOND: f64 = 10_000.0;

fn posts_per_second(text: &str) -> Result<f64, String> {
    text.parse()
        .ok()
        .filter(|rate| (0.0..=MAX_POSTS_PER_SECOND).contains(rate))
        .ok_or_else(|| format!("not a number from 0 to {MAX_POSTS_PER_SECOND}"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_definition_is_valid() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_address_may_be_a_port_of_this_machine() {
        for text in ["9091", "localhost:9091", "127.0.0.1:9091"] {
            assert_eq!(address(text).unwrap(), SocketAddr::from(([127, 0, 0, 1], 9091)), "{text}");
        }
        assert_eq!(address("[::1]:80").unwrap().to_string(), "[::1]:80");
        for text in ["nonsense", "70000", "example.org:80", ""] {
            assert!(address(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_rate_is_a_number_from_0_to_10000() {
        for (text, rate) in [("0", Some(0.0)), ("0.5", Some(0.5)), ("500", Some(500.0))] {
            assert_eq!(posts_per_second(text).ok(), rate);
        }
        for text in ["-1", "NaN", "inf", "10001", "many"] {
            assert!(posts_per_second(text).is_err(), "{text}");
        }
    }
}

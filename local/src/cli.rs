//! The command line.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};
use ingest::StatusPolicy;
use shared::{
    cluster::{Authorities, BootstrapServers, Protocol},
    error_chain::one_line,
    topic::UserId,
};

use crate::guard::{Host, Origin};

/// The whole Pinterest data pipeline in one process: the HTTP API, Kafka, the emulator and the archive.
///
/// Needs nothing installed and no AWS account: Kafka is an embedded one, the rows ship with the project, the archive is a
/// folder. Each of them can be replaced by a real one.
#[derive(Debug, Parser)]
#[command(name = "local", version, max_term_width = 100)]
pub(crate) struct Cli {
    /// Where the HTTP API listens; the default is the REST Proxy's port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8082", value_parser = address)]
    pub(crate) listen: SocketAddr,

    /// A further name that the HTTP API answers under, such as this machine's on a LAN; may be given several times
    #[arg(long = "allow-host", value_name = "NAME")]
    pub(crate) allow_hosts: Vec<Host>,

    /// An origin whose pages may send requests and read the answers, such as `http://localhost:3000`; may be given several times. `*`
    /// is every origin, as a deployed API has it
    #[arg(long = "allow-origin", value_name = "ORIGIN")]
    pub(crate) allow_origins: Vec<Origin>,

    /// A user id whose topics ID.pin, ID.geo and ID.user are served; may be given several times
    #[arg(long = "user-id", value_name = "ID", default_value = "demo")]
    pub(crate) user_ids: Vec<UserId>,

    /// A further topic, which takes any record as it is and is not archived; may be given several times. The embedded Kafka
    /// keeps the last 5 MiB of it
    #[arg(long = "pass-through", value_name = "TOPIC", value_delimiter = ',')]
    pub(crate) pass_through: Vec<String>,

    /// Whether 200 says that every record is written, or comes also where records are not, as the REST Proxy's
    #[arg(long, value_name = "honest|confluent", default_value = "honest")]
    pub(crate) statuses: StatusPolicy,

    /// Random posts that the emulator sends each second; 0 sends none
    #[arg(
        long,
        value_name = "NUMBER",
        default_value = "1",
        value_parser = posts_per_second,
        allow_negative_numbers = true
    )]
    pub(crate) posts_per_second: f64,

    /// Stop after this time, such as 30s or 5m; without it, run until Ctrl-C
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(crate) duration: Option<Duration>,

    /// Kafka's addresses, comma separated, in place of the embedded Kafka; the topics have to be there
    #[arg(long, value_name = "HOST:PORT")]
    pub(crate) bootstrap_servers: Option<BootstrapServers>,

    /// How that Kafka is spoken to: SASL_SSL is TLS and a log-in by IAM with the environment's AWS credentials
    #[arg(long, value_name = "PROTOCOL", default_value = "PLAINTEXT", requires = "bootstrap_servers")]
    pub(crate) security_protocol: Protocol,

    /// A PEM file of the authorities that sign its certificates; without it, those that the system trusts
    #[arg(long, value_name = "FILE", requires = "bootstrap_servers", value_parser = authorities)]
    pub(crate) ssl_ca_location: Option<Authorities>,

    // Read later, since what is wrong with it is shown here with the whole value: it may hold a password.
    /// A MySQL database with the course's tables, in place of the sample rows
    #[arg(long, value_name = "mysql://…")]
    pub(crate) database_url: Option<String>,

    /// A folder or an S3 URL for the archive; without it, a new folder under target/archive
    #[arg(long, value_name = "FOLDER|s3://…")]
    pub(crate) archive: Option<String>,

    /// Leaves the topics to another archive, such as MSK Connect's; needs --bootstrap-servers
    #[arg(long, conflicts_with = "archive", requires = "bootstrap_servers")]
    pub(crate) no_archive: bool,

    /// A file to write the functions' settings to, for cargo lambda watch --env-file
    #[arg(long, value_name = "FILE", default_value = "target/local.env")]
    pub(crate) env_file: PathBuf,

    /// The form of the last line, which says what was done
    #[arg(long, value_enum, value_name = "FORM", default_value = "words")]
    pub(crate) summary: SummaryForm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SummaryForm {
    /// In words
    Words,
    /// As one line of JSON
    Json,
}

/// An address, or a port of this machine.
fn address(text: &str) -> Result<SocketAddr, &'static str> {
    let local = text.strip_prefix("localhost:").unwrap_or(text);
    let port = local.parse().map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)));
    port.or_else(|_| text.parse()).map_err(|_| "neither an address such as 127.0.0.1:8082 nor a port")
}

fn authorities(text: &str) -> Result<Authorities, String> {
    text.parse().map_err(|error| one_line(&error))
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    humantime::parse_duration(text).map_err(|_| "not a time such as 30s, 5m or 1h30m")
}

/// The fastest that the emulator is asked to be.
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
    fn the_command_line_is_well_formed() {
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

//! The address of Kafka, and the protection of its connections.

use std::{fmt, io, net::Ipv6Addr, path::PathBuf, str::FromStr};

use crate::{
    credentials::Signer,
    settings::{Reader, Variable},
};

/// Kafka's addresses.
pub static BOOTSTRAP_SERVERS: Variable =
    Variable { name: "BOOTSTRAP_SERVERS", default: None, meaning: "Kafka's addresses, `host:port`, comma separated" };

/// The protection of connections.
pub static SECURITY_PROTOCOL: Variable = Variable {
    name: "SECURITY_PROTOCOL",
    default: Some("SASL_SSL"),
    meaning: "`SASL_SSL` for TLS and IAM authentication, which MSK requires, or `PLAINTEXT` for neither",
};

/// The value for the system's authorities, here and in librdkafka's `ssl.ca.location`.
const PROBE: &str = "probe";

/// The certificate authorities to trust.
pub static SSL_CA_LOCATION: Variable = Variable {
    name: "SSL_CA_LOCATION",
    default: Some(PROBE),
    meaning: "a PEM file of the authorities that sign the brokers' certificates, or `probe` for those of the system",
};

/// A cluster and the protection of connections to it.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The addresses, `host:port`, comma separated.
    pub bootstrap_servers: String,
    /// The protection of connections.
    pub security: Security,
}

/// The protection of a connection, as in Kafka's `security.protocol`.
#[derive(Debug, Clone)]
pub enum Security {
    /// No protection: `PLAINTEXT`.
    Plaintext,
    /// TLS and IAM authentication: `SASL_SSL` with OAUTHBEARER.
    Iam {
        /// The signer of authentication tokens.
        signer: Signer,
        /// The certificate authorities to trust.
        authorities: Authorities,
    },
}

/// The authorities that may have signed the brokers' certificates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// The system's authorities. Their location differs between Amazon Linux and Debian.
    System,
    /// The authorities in a PEM file.
    File(PathBuf),
}

impl Cluster {
    /// Creates a cluster without TLS and authentication.
    #[must_use]
    pub const fn plaintext(bootstrap_servers: String) -> Self {
        Self { bootstrap_servers, security: Security::Plaintext }
    }

    /// Reads the variables; `None` means that the reader recorded a problem.
    pub fn read<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Self> {
        let bootstrap_servers = reader.read(&BOOTSTRAP_SERVERS);
        let security = Security::read(reader);
        let BootstrapServers(bootstrap_servers) = bootstrap_servers?;
        Some(Self { bootstrap_servers, security: security? })
    }

    /// The addresses, one by one.
    pub fn servers(&self) -> impl Iterator<Item = &str> {
        self.bootstrap_servers.split(',').map(str::trim).filter(|server| !server.is_empty())
    }
}

/// Shows the addresses and no credentials.
impl fmt::Display for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bootstrap_servers)
    }
}

impl Security {
    /// Reads the variables, except for the addresses; `None` means that the reader recorded a problem.
    pub fn read<F: Fn(&str) -> Option<String>>(reader: &mut Reader<F>) -> Option<Self> {
        match reader.read(&SECURITY_PROTOCOL)? {
            Protocol::Plaintext => Some(Self::Plaintext),
            Protocol::SaslSsl => {
                let authorities = reader.read(&SSL_CA_LOCATION);
                let signer = Signer::read(reader)?;
                Some(Self::Iam { signer, authorities: authorities? })
            }
        }
    }
}

/// Kafka's addresses, comma separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootstrapServers(pub String);

/// A text is not a [`BootstrapServers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not host:port, or several of them comma separated; an IPv6 address needs brackets, [::1]:9092")]
pub struct BootstrapServersError;

impl FromStr for BootstrapServers {
    type Err = BootstrapServersError;

    fn from_str(text: &str) -> Result<Self, BootstrapServersError> {
        let complete = |server: &str| {
            server.trim().rsplit_once(':').is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok())
        };
        if text.split(',').all(complete) { Ok(Self(text.to_owned())) } else { Err(BootstrapServersError) }
    }
}

/// Returns whether a port can follow `host`: an IPv6 address needs brackets, or its end would be taken for the port.
fn is_host(host: &str) -> bool {
    match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok()),
        None => !host.is_empty() && !host.contains(':'),
    }
}

/// A value of Kafka's `security.protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Neither TLS nor authentication.
    Plaintext,
    /// TLS and IAM authentication.
    SaslSsl,
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plaintext => "PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        })
    }
}

/// A text is not a [`Protocol`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `SASL_SSL` nor `PLAINTEXT`")]
pub struct ProtocolError;

impl FromStr for Protocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, ProtocolError> {
        match text {
            "PLAINTEXT" => Ok(Self::Plaintext),
            "SASL_SSL" => Ok(Self::SaslSsl),
            _ => Err(ProtocolError),
        }
    }
}

/// The value of the setting, and of librdkafka's.
impl fmt::Display for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::System => f.write_str(PROBE),
            Self::File(file) => file.display().fmt(f),
        }
    }
}

/// The authorities' file cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{} cannot be read", file.display())]
pub struct AuthoritiesError {
    file: PathBuf,
    source: io::Error,
}

impl FromStr for Authorities {
    type Err = AuthoritiesError;

    fn from_str(text: &str) -> Result<Self, AuthoritiesError> {
        if text == PROBE {
            return Ok(Self::System);
        }
        let file = PathBuf::from(text);
        // librdkafka's error for a missing file names neither the file nor the setting.
        match file.metadata() {
            Ok(_) => Ok(Self::File(file)),
            Err(source) => Err(AuthoritiesError { file, source }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IAM: &[(&str, &str)] = &[
        ("BOOTSTRAP_SERVERS", "b-1:9098, b-2:9098"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ACCESS_KEY_ID", "AKIA"),
        ("AWS_SECRET_ACCESS_KEY", "s3cret"),
    ];

    fn read(variables: &[(&str, &str)]) -> Result<Cluster, String> {
        // A later entry overrides an earlier one.
        let lookup =
            |name: &str| variables.iter().rev().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        let mut reader = Reader::new(lookup);
        let cluster = Cluster::read(&mut reader);
        reader.finish(cluster).map_err(|error| error.to_string())
    }

    #[test]
    fn a_cluster_uses_iam_unless_the_setting_is_plaintext() {
        let cluster = read(IAM).unwrap();
        assert_eq!(cluster.servers().collect::<Vec<_>>(), ["b-1:9098", "b-2:9098"]);
        assert!(matches!(cluster.security, Security::Iam { authorities: Authorities::System, .. }));

        let cluster = read(&[("BOOTSTRAP_SERVERS", "a:1"), ("SECURITY_PROTOCOL", "PLAINTEXT")]).unwrap();
        assert!(matches!(cluster.security, Security::Plaintext), "the AWS variables are not required then");
    }

    #[test]
    fn every_bootstrap_server_needs_a_port() {
        for (text, good) in [
            ("a:1", true),
            ("a:1,b:2", true),
            ("[::1]:1, [2001:db8::7]:2", true),
            ("a", false),
            ("a:1,b", false),
            (":1", false),
            ("", false),
            ("[::1]", false),
            ("::1:9092", false),
            ("[::1:9092", false),
            ("[b-1]:9092", false),
        ] {
            assert_eq!(text.parse::<BootstrapServers>().is_ok(), good, "{text}");
        }
    }

    #[test]
    fn an_error_names_every_variable_that_iam_misses() {
        let error = read(&[("BOOTSTRAP_SERVERS", "a:1")]).unwrap_err();
        for name in ["AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
            assert!(error.contains(&format!("{name} is not set")), "{error}");
        }
    }

    #[test]
    fn an_error_names_the_wrong_setting_and_its_valid_values() {
        for (wrong, message) in [
            (("BOOTSTRAP_SERVERS", "nonsense"), "BOOTSTRAP_SERVERS cannot be used (not host:port, or several"),
            (("SECURITY_PROTOCOL", "SSL"), "SECURITY_PROTOCOL cannot be used (neither `SASL_SSL` nor `PLAINTEXT`)"),
            (
                ("SSL_CA_LOCATION", "/no/such.pem"),
                "SSL_CA_LOCATION cannot be used (/no/such.pem cannot be read: No such file",
            ),
            (("AWS_CREDENTIAL_EXPIRATION", "soon"), "AWS_CREDENTIAL_EXPIRATION cannot be used"),
        ] {
            let error = read(&[IAM, &[wrong]].concat()).unwrap_err();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn debug_output_has_no_secret() {
        let output = format!("{:?}", read(&[IAM, &[("AWS_SESSION_TOKEN", "t0ken")]].concat()).unwrap());
        assert!(!output.contains("s3cret") && !output.contains("t0ken"), "{output}");
    }
}

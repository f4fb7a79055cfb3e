//! The function's settings.

use shared::{
    cluster::{BOOTSTRAP_SERVERS, Cluster, SECURITY_PROTOCOL, SSL_CA_LOCATION},
    settings::{Reader, SettingsError, Variable},
    topic::{USER_IDS, UserIds},
};

use crate::bucket::ArchiveUrl;

/// The archive's location.
pub static ARCHIVE_URL: Variable = Variable {
    name: "ARCHIVE_URL",
    default: None,
    meaning: "the archive's location: `s3://bucket/prefix`, or the path of a folder; one archive per cluster",
};

/// The settings of `archive`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Kafka cluster to read.
    pub cluster: Cluster,
    /// The user ids whose topics are archived.
    pub user_ids: UserIds,
    /// The archive's location.
    pub archive_url: ArchiveUrl,
}

impl Settings {
    /// Every variable that `archive` reads, except for AWS's own `AWS_` variables.
    pub const VARIABLES: &[&Variable] =
        &[&BOOTSTRAP_SERVERS, &SECURITY_PROTOCOL, &SSL_CA_LOCATION, &USER_IDS, &ARCHIVE_URL];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse. The error lists all of them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let cluster = Cluster::read(&mut reader);
        let user_ids = reader.read(&USER_IDS);
        let archive_url = reader.read(&ARCHIVE_URL);
        let settings = cluster.zip(user_ids).zip(archive_url).map(|((cluster, user_ids), archive_url)| Self {
            cluster,
            user_ids,
            archive_url,
        });
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_names_every_wrong_variable() {
        let lookup = |name: &str| (name == "ARCHIVE_URL").then(|| "ftp://host".to_owned());
        let error = Settings::from_lookup(lookup).unwrap_err().to_string();
        for variable in Settings::VARIABLES.iter().filter(|variable| variable.default.is_none()) {
            assert!(error.contains(variable.name), "{error}");
        }
        assert!(error.contains("only `s3://` and `file://` are supported"), "{error}");
    }
}

//! What a deployment sets.

use shared::{
    cluster::{BOOTSTRAP_SERVERS, Cluster, SECURITY_PROTOCOL, SSL_CA_LOCATION},
    settings::{Reader, SettingsError, Variable},
    topic::{USER_IDS, UserIds},
};

use crate::bucket::ArchiveUrl;

static ARCHIVE_URL: Variable = Variable {
    name: "ARCHIVE_URL",
    default: None,
    meaning: "where the archive is: `s3://bucket/prefix`, or the path of a folder; one archive for one cluster",
};

/// The settings of `archive`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How Kafka is reached.
    pub cluster: Cluster,
    /// Whose topics are archived.
    pub user_ids: UserIds,
    /// Where the archive is.
    pub archive_url: ArchiveUrl,
}

impl Settings {
    /// Every variable that `archive` reads. S3's region, credentials and endpoint are AWS's own `AWS_` variables.
    pub const VARIABLES: &[&Variable] =
        &[&BOOTSTRAP_SERVERS, &SECURITY_PROTOCOL, &SSL_CA_LOCATION, &USER_IDS, &ARCHIVE_URL];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse, with all of them named.
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
    fn every_wrong_variable_is_named_at_once() {
        let lookup = |name: &str| (name == "ARCHIVE_URL").then(|| "ftp://host".to_owned());
        let error = Settings::from_lookup(lookup).unwrap_err().to_string();
        for variable in Settings::VARIABLES.iter().filter(|variable| variable.default.is_none()) {
            assert!(error.contains(variable.name), "{error}");
        }
        assert!(error.contains("only `s3://` and `file://` are known"), "{error}");
    }
}

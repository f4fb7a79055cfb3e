//! What a deployment sets.

use shared::{
    settings::{BOOTSTRAP_SERVERS, Reader, SettingsError, Variable},
    topic::UserIds,
};

static USER_IDS: Variable = Variable {
    name: "USER_IDS",
    default: None,
    meaning: "the user ids whose topics `<user_id>.pin`, `.geo` and `.user` are served, comma separated",
};

/// The settings of `ingest`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Kafka's addresses.
    pub bootstrap_servers: String,
    /// Whose topics are served.
    pub user_ids: UserIds,
}

impl Settings {
    /// Every variable that `ingest` reads.
    pub const VARIABLES: &[&Variable] = &[&BOOTSTRAP_SERVERS, &USER_IDS];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse, with all of them named.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let bootstrap_servers = reader.read(&BOOTSTRAP_SERVERS);
        let user_ids = reader.read(&USER_IDS);
        let settings =
            bootstrap_servers.zip(user_ids).map(|(bootstrap_servers, user_ids)| Self { bootstrap_servers, user_ids });
        reader.finish(settings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_missing_setting_is_named_at_once() {
        let error = Settings::from_lookup(|_| None).unwrap_err().to_string();
        assert_eq!(
            error,
            "BOOTSTRAP_SERVERS is not set: Kafka's addresses, `host:port`, comma separated\n\
             USER_IDS is not set: the user ids whose topics `<user_id>.pin`, `.geo` and `.user` are served, comma separated"
        );
    }
}

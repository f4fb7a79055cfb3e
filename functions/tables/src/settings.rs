//! The function's settings.

use archive::{bucket::ArchiveUrl, settings::ARCHIVE_URL};
use shared::{
    settings::{Reader, SettingsError, Variable},
    topic::{USER_IDS, UserIds},
};

/// The settings of `tables`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The user ids that have tables.
    pub user_ids: UserIds,
    /// The archive's location, which is the tables' too.
    pub archive_url: ArchiveUrl,
}

impl Settings {
    /// Every variable that `tables` reads, except for AWS's own `AWS_` variables.
    pub const VARIABLES: &[&Variable] = &[&USER_IDS, &ARCHIVE_URL];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable is missing or does not parse. The error lists all of them.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let user_ids = reader.read(&USER_IDS);
        let archive_url = reader.read(&ARCHIVE_URL);
        reader.finish(user_ids.zip(archive_url).map(|(user_ids, archive_url)| Self { user_ids, archive_url }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_error_names_every_missing_variable() {
        let error = Settings::from_lookup(|_| None).unwrap_err().to_string();
        for variable in Settings::VARIABLES {
            assert!(error.contains(variable.name), "{error}");
        }
    }
}

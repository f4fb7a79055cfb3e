//! What a deployment sets.

use shared::{
    database::Authorities,
    settings::{Reader, SettingsError, Variable},
};

static DATABASE_SSL_CA: Variable = Variable {
    name: "DATABASE_SSL_CA",
    default: Some("amazon-rds"),
    meaning: "a PEM file of the authorities that sign the database's certificate, or `amazon-rds` for those of Amazon RDS",
};

/// The settings of `database`. Where the database is and what to make stand in the custom resource's properties.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Who may have signed the database's certificate.
    pub authorities: Authorities,
}

impl Settings {
    /// Every variable that `database` reads.
    pub const VARIABLES: &[&Variable] = &[&DATABASE_SSL_CA];

    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// When a variable does not parse.
    pub fn from_lookup(lookup: impl Fn(&str) -> Option<String>) -> Result<Self, SettingsError> {
        let mut reader = Reader::new(lookup);
        let authorities = reader.read(&DATABASE_SSL_CA);
        reader.finish(authorities.map(|authorities| Self { authorities }))
    }
}

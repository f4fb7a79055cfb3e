//! The function's settings.

use shared::{
    database::PrivateAuthorities,
    settings::{Reader, SettingsError, Variable},
};

static DATABASE_SSL_CA: Variable = Variable {
    name: "DATABASE_SSL_CA",
    default: Some("amazon-rds"),
    meaning: "a PEM file of the CAs that sign the database's certificate, or `amazon-rds` for those of Amazon RDS",
};

/// The settings of `database`. The database's address and content are properties of the custom resource.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The CAs that the database's certificate is verified by.
    pub authorities: PrivateAuthorities,
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

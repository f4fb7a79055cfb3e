//! What a request is answered whose records were not all written.

use std::{fmt, str::FromStr};

use shared::settings::Variable;

/// Which statuses a request gets.
pub static STATUSES: Variable = Variable {
    name: "STATUSES",
    default: Some("honest"),
    meaning: "`honest`: 200 says that every record is written; `confluent`: as the REST Proxy, 200 also where records are not, \
              which their entries say",
};

/// Which status a request has whose records were not all written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusPolicy {
    /// Not 200.
    #[default]
    Strict,
    /// The REST Proxy's: 200, unless Kafka refuses the log-in or the right.
    Confluent,
}

/// As they are parsed.
impl fmt::Display for StatusPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "honest",
            Self::Confluent => "confluent",
        })
    }
}

/// Neither of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither `honest` nor `confluent`")]
pub struct StatusPolicyError;

impl FromStr for StatusPolicy {
    type Err = StatusPolicyError;

    fn from_str(text: &str) -> Result<Self, StatusPolicyError> {
        match text {
            "honest" => Ok(Self::Strict),
            "confluent" => Ok(Self::Confluent),
            _ => Err(StatusPolicyError),
        }
    }
}

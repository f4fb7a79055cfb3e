//! The HTTP status policy for partially written requests.

use std::{fmt, str::FromStr};

use shared::settings::Variable;

/// The setting of the policy.
pub static STATUSES: Variable = Variable {
    name: "STATUSES",
    default: Some("honest"),
    meaning: "`honest`: 200 means that every record is written; `confluent`: 200 as in the REST Proxy even if some are not, and \
              their entries say so",
};

/// The status of requests whose records were not all written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StatusPolicy {
    /// An error status. The setting calls it `honest`.
    #[default]
    Strict,
    /// The REST Proxy's statuses: 200, unless Kafka rejects the credentials or denies access.
    Confluent,
}

/// The value of the setting.
impl fmt::Display for StatusPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Strict => "honest",
            Self::Confluent => "confluent",
        })
    }
}

/// A value that is neither of the two.
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

//! The topics that are served, and what each takes.

use bytes::Bytes;
use shared::{json, kind::Invalid, metrics::ingest::PASS_THROUGH};

/// A topic and what it takes.
#[derive(Debug, Clone)]
pub(crate) enum Topic {
    /// Rows of a kind.
    Kind(shared::topic::Topic),
    /// Any record, unseen.
    PassThrough(String),
}

impl Topic {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Kind(topic) => &topic.name,
            Self::PassThrough(name) => name,
        }
    }

    /// What its records are called in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Kind(topic) => topic.kind.name,
            Self::PassThrough(_) => PASS_THROUGH,
        }
    }

    /// Whether a record's value has to be JSON.
    pub(crate) const fn takes_json_only(&self) -> bool {
        matches!(self, Self::Kind(_))
    }

    /// Holds a value, as JSON, to what the topic takes. The key of a record that came without one, if it gets one.
    pub(crate) fn check(&self, value: Option<&str>) -> Result<Option<Bytes>, Invalid> {
        match self {
            Self::Kind(topic) => {
                let row = topic.kind.check(value.unwrap_or("null"), |kind| topic.sibling(kind))?;
                Ok(Some(row.key()))
            }
            Self::PassThrough(_) => match value.map(|value| json::check(value.as_bytes())).transpose() {
                Ok(_) => Ok(None),
                Err(error) => Err(Invalid::NotJson(error)),
            },
        }
    }
}

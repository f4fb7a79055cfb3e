//! The topics that are served, and what each takes.

use bytes::Bytes;
use shared::{
    json::{self, Strict},
    kind::{BrokenRules, Invalid},
    metrics::ingest::PASS_THROUGH,
};

/// The key of a record that came without one, if it gets one; or the rules that its value breaks.
pub(crate) type Verdict = Result<Option<Bytes>, BrokenRules>;

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
    pub(crate) fn check(&self, value: &str) -> Result<Option<Bytes>, Invalid> {
        match self {
            Self::Kind(topic) => topic.kind.check(value, |kind| topic.sibling(kind)).map(|row| Some(row.key())),
            Self::PassThrough(_) => json::check(value.as_bytes()).map(|_| None).map_err(Invalid::NotJson),
        }
    }

    /// As [`Topic::check`], for the value at the start of a text; says also where it ends.
    pub(crate) fn check_start(&self, text: &str) -> Result<(Verdict, usize), serde_json::Error> {
        match self {
            Self::Kind(topic) => {
                let (checked, end) = topic.kind.check_start(text, |kind| topic.sibling(kind))?;
                Ok((checked.map(|row| Some(row.key())), end))
            }
            Self::PassThrough(_) => json::start::<Strict>(text).map(|(Strict, end)| (Ok(None), end)),
        }
    }
}

//! The served topics, and the records each accepts.

use std::{borrow::Cow, ops::Range};

use bytes::Bytes;
use shared::{
    json::{self, Strict},
    kind::{BrokenRules, Invalid},
    metrics::ingest::PASS_THROUGH,
};

/// A valid value at the start of a text.
#[derive(Debug, Default)]
pub(crate) struct ValidStart<'a> {
    /// The key for a record that has none, if the topic derives one.
    pub(crate) key: Option<Cow<'a, str>>,
    /// The place of the copy without insignificant whitespace; `None` if the value has no such whitespace.
    pub(crate) copy: Option<Range<usize>>,
}

/// A served topic.
#[derive(Debug, Clone)]
pub(crate) enum Topic {
    /// Rows of a kind.
    Kind(shared::topic::Topic),
    /// Any record, without validation.
    PassThrough(String),
}

impl Topic {
    pub(crate) fn name(&self) -> &str {
        match self {
            Self::Kind(topic) => &topic.name,
            Self::PassThrough(name) => name,
        }
    }

    /// The label of its records in metrics.
    pub(crate) fn label(&self) -> &'static str {
        match self {
            Self::Kind(topic) => topic.kind.name,
            Self::PassThrough(_) => PASS_THROUGH,
        }
    }

    /// Returns whether values have to be JSON.
    pub(crate) const fn takes_json_only(&self) -> bool {
        matches!(self, Self::Kind(_))
    }

    /// Validates a JSON value. Returns the key for a record that has none, if the topic derives one.
    pub(crate) fn check(&self, value: &str) -> Result<Option<Bytes>, Invalid> {
        match self {
            Self::Kind(topic) => topic.check(value).map(|join_key| Some(join_key.key())),
            Self::PassThrough(_) => json::check(value.as_bytes()).map(|_| None).map_err(Invalid::NotJson),
        }
    }

    /// Validates the value at the start of `text` like [`Topic::check`], and returns where it ends. A valid value with
    /// insignificant whitespace is appended to `copies` without.
    pub(crate) fn check_start<'a>(
        &self,
        text: &'a str,
        copies: &mut Vec<u8>,
    ) -> Result<(Result<ValidStart<'a>, BrokenRules>, usize), serde_json::Error> {
        match self {
            Self::Kind(topic) => {
                let (checked, end) = topic.check_start(text, copies)?;
                Ok((checked.map(|valid| ValidStart { key: Some(valid.key), copy: valid.copy }), end))
            }
            Self::PassThrough(_) => {
                let (Strict, end) = json::start(text)?;
                Ok((Ok(ValidStart { key: None, copy: json::copy_compact(&text[..end], copies) }), end))
            }
        }
    }
}

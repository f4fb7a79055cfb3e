//! The error of every component.

use std::{fs, io, path::Path};

/// The maximum length of the log's tail in an error.
const MAX_TAIL_BYTES: usize = 4_000;

/// A failure to start or use a component.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The program is missing from `.tools`.
    #[error("{0} is missing: `make tools` fetches it, or, if it has nothing to do, after `rm -r .tools`")]
    NotFetched(String),
    /// The component failed.
    #[error("{component} {problem}{log_tail}")]
    Component {
        /// The component's name.
        component: String,
        /// The failed action, as a predicate: `ended with 1`.
        problem: String,
        /// The end of its log.
        log_tail: String,
    },
    /// A file or process operation failed.
    #[error("{what}: {source}")]
    Io {
        /// The failed operation, as a gerund: `starting cargo`.
        what: String,
        /// The cause.
        source: io::Error,
    },
}

impl StackError {
    /// Reports a failure of `component` with the end of its log.
    pub(crate) fn component(component: &str, problem: impl Into<String>, log: &Path) -> Self {
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(MAX_TAIL_BYTES)..]).into_owned();
        let log_tail = if text.is_empty() { String::new() } else { format!("; its log ends with:\n{text}") };
        Self::Component { component: component.to_owned(), problem: problem.into(), log_tail }
    }

    /// Adds the failed operation to an I/O error, for `map_err`.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { what: what.into(), source }
    }
}

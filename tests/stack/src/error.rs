//! Why a part cannot be had.

use std::{fs, io, path::Path};

/// The last bytes of a log that an error shows.
const TAIL: usize = 4_000;

/// Why a part did not start, or what ended it.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The program was not fetched.
    #[error(
        "{0} is missing: `make tools` fetches it, or, when it says that nothing is to be done, after `rm -r .tools`"
    )]
    NotFetched(String),
    /// The part said what is wrong.
    #[error("{part} {problem}{tail}")]
    Part {
        /// Which part.
        part: String,
        /// What it did not do.
        problem: String,
        /// The end of its log.
        tail: String,
    },
    /// A file or a process of ours.
    #[error("{what}: {source}")]
    Io {
        /// What was done.
        what: String,
        /// Why it failed.
        source: io::Error,
    },
}

impl StackError {
    /// What `part` did not do, with the end of its log.
    pub(crate) fn part(part: &str, problem: impl Into<String>, log: &Path) -> Self {
        let text = fs::read(log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text[text.len().saturating_sub(TAIL)..]).into_owned();
        let tail = if text.is_empty() { String::new() } else { format!("; its log ends with:\n{text}") };
        Self::Part { part: part.to_owned(), problem: problem.into(), tail }
    }

    /// For `map_err`: says what was done when it failed.
    pub(crate) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        |source| Self::Io { what: what.into(), source }
    }
}

//! Formats an error with its causes, for logs and terminals.

use std::error::Error;

/// Formats an error and its causes on one line.
///
/// Some libraries repeat the cause in their own message, and S3 answers with several lines of XML.
#[must_use]
pub fn one_line(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let message = cause.to_string();
        if !line.contains(&message) {
            line = format!("{line}: {message}");
        }
        source = cause.source();
    }
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

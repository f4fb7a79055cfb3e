//! An error together with its causes, for the log and the terminal.

use std::error::Error;

/// The error and its causes in one line.
///
/// Some libraries repeat the cause in their own text, and S3 answers in several lines of XML.
#[must_use]
pub fn in_one_line(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let told = cause.to_string();
        if !text.contains(&told) {
            text = format!("{text}: {told}");
        }
        source = cause.source();
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

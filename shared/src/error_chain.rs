//! Formats errors with their causes, for logs, terminals and Lambda.

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

/// The failures of a run, one per line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Failures(String);

impl Failures {
    /// Checks that a run has no failures. Lambda counts an error otherwise.
    ///
    /// # Errors
    /// When there is a failure.
    pub fn check<E: Error + 'static>(failures: &[E]) -> Result<(), Self> {
        let lines: Vec<_> = failures.iter().map(|failure| one_line(failure)).collect();
        if lines.is_empty() { Ok(()) } else { Err(Self(lines.join("\n"))) }
    }
}

#[cfg(feature = "log")]
impl From<Failures> for lambda_runtime::Diagnostic {
    fn from(failures: Failures) -> Self {
        Self { error_type: "Failures".to_owned(), error_message: failures.0 }
    }
}

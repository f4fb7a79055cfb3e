//! Progress messages.

/// Reports progress on standard error.
pub(crate) fn log_progress(text: &str) {
    #[expect(clippy::print_stderr, reason = "a program for a terminal")]
    {
        eprintln!("{text}");
    }
}

//! Progress messages.

/// Reports progress on standard error.
pub(crate) fn say(text: &str) {
    #[expect(clippy::print_stderr, reason = "a program for a terminal")]
    {
        eprintln!("{text}");
    }
}

//! Output to the terminal. `eprintln!` panics once the terminal is closed, before the last records are archived. These functions do not.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a line to standard error. Ignores failures.
pub(crate) fn report(line: impl Display) {
    drop(io::stderr().write_all(format!("{line}\n").as_bytes()));
}

/// Writes `text` to standard output.
///
/// # Errors
/// When nobody reads it, or the disk is full.
pub(crate) fn print(text: &[u8]) -> io::Result<()> {
    let mut stdout = io::stdout();
    stdout.write_all(text)?;
    stdout.flush()
}

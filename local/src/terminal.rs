//! Output for whoever reads it. Without a reader, such as a closed terminal, the pipeline goes on and archives what it has to:
//! `eprintln!` would panic.

use std::{
    fmt::Display,
    io::{self, Write},
};

/// Writes a line to standard error.
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

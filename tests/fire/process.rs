//! Signals to processes of the stack.

use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use crate::Result;

/// Sends a signal to a process, unless it has just ended by itself.
pub(crate) fn signal(process: u32, signal: Signal) -> Result<()> {
    match kill(Pid::from_raw(i32::try_from(process)?), signal) {
        Ok(()) | Err(Errno::ESRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

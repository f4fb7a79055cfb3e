//! A log captured in memory.

use std::{
    io,
    sync::{Arc, Mutex},
};

use lambda_runtime::tracing::{
    Level,
    subscriber::{fmt, util::SubscriberInitExt},
};

/// A captured log. Clones share it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Captures this thread's log from `level` on, until the guard is dropped.
    pub(crate) fn capture(level: Level) -> (Self, impl Drop + use<>) {
        let log = Self::default();
        let writer = log.clone();
        let lines = fmt().with_max_level(level).with_ansi(false).with_writer(move || writer.clone());
        (log, lines.finish().set_default())
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap()).into_owned()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

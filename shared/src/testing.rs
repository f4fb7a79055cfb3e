//! Captures the log of a test.

use std::{
    io,
    sync::{Arc, Mutex},
};

use tracing::Level;

/// A writer that keeps the text. Clones share it.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns everything that `work` logs on this thread.
pub(crate) fn everything_logged(work: impl FnOnce()) -> String {
    let log = Log::default();
    let writer = log.clone();
    let lines = tracing_subscriber::fmt().with_ansi(false).with_max_level(Level::TRACE);
    tracing::subscriber::with_default(lines.with_writer(move || writer.clone()).finish(), || {
        tracing::trace!("the log of this test");
        work();
    });
    let text = log.text();
    assert!(text.contains("the log of this test"), "{text}");
    text
}

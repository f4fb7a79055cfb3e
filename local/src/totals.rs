//! The figures of all parts together.

use std::sync::Arc;

use archive::store::Counts;
use emulator::Report;
use serde::Serialize;
use tokio::sync::watch;

/// The figures at one moment. The names are those of the summary's JSON.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Totals {
    /// Posts that the emulator sent.
    pub(crate) posts: u64,
    pub(crate) records_written: u64,
    /// Records that were not valid, or came in one request with one that was not.
    pub(crate) records_refused: u64,
    #[serde(skip)]
    pub(crate) records_unconfirmed: u64,
    pub(crate) records_archived: u64,
    pub(crate) objects: u64,
    pub(crate) quarantined: u64,
}

/// Where each part keeps its figures.
#[derive(Debug, Clone)]
pub(crate) struct Figures {
    http: Arc<ingest::Counts>,
    pub(crate) emulator: watch::Sender<Report>,
    pub(crate) archive: watch::Sender<Counts>,
}

impl Figures {
    pub(crate) fn new(http: &Arc<ingest::Counts>) -> Self {
        Self { http: Arc::clone(http), emulator: watch::Sender::default(), archive: watch::Sender::default() }
    }

    /// Records that Kafka dropped before they were archived.
    pub(crate) fn lost(&self) -> u64 {
        self.archive.borrow().lost
    }

    pub(crate) fn totals(&self) -> Totals {
        let (emulator, archive) = (self.emulator.borrow(), *self.archive.borrow());
        Totals {
            posts: emulator.posts,
            records_written: self.http.records_written() + emulator.records_written,
            records_refused: self.http.records_refused() + emulator.records_refused,
            records_unconfirmed: self.http.records_unconfirmed() + emulator.records_unconfirmed,
            records_archived: archive.records,
            objects: archive.objects,
            quarantined: archive.quarantined,
        }
    }
}

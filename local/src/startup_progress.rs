//! Reports on stderr the steps of a slow start.

use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle, time::sleep};

use crate::terminal;

/// The delay before the steps of a start are reported.
const REPORT_DELAY: Duration = Duration::from_secs(1);

/// The current step of the start. Dropping it ends the reports.
#[derive(Debug)]
pub(crate) struct StartupProgress {
    step: watch::Sender<String>,
    reports: JoinHandle<()>,
}

impl StartupProgress {
    /// Starts with `step`.
    pub(crate) fn new(step: &str) -> Self {
        let step = watch::Sender::new(step.to_owned());
        let reports = tokio::spawn(report(step.subscribe()));
        Self { step, reports }
    }

    /// Continues with `step`.
    pub(crate) fn step(&self, step: String) {
        self.step.send_replace(step);
    }
}

impl Drop for StartupProgress {
    fn drop(&mut self) {
        self.reports.abort();
    }
}

async fn report(mut step: watch::Receiver<String>) {
    sleep(REPORT_DELAY).await;
    loop {
        terminal::report(format_args!("Starting: {}", *step.borrow_and_update()));
        if step.changed().await.is_err() {
            break;
        }
    }
}

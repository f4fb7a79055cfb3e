//! Reports the start's steps on stderr once it takes longer than a moment.

use std::time::Duration;

use tokio::{sync::watch, task::JoinHandle, time::sleep};

/// How long a start may take before its steps are reported.
const REPORT_DELAY: Duration = Duration::from_secs(1);

/// The step that a start is at. Dropping it ends the reports.
#[derive(Debug)]
pub(crate) struct StartupProgress {
    step: watch::Sender<String>,
    reports: JoinHandle<()>,
}

impl StartupProgress {
    /// Begins with `step`.
    pub(crate) fn with(step: &str) -> Self {
        let step = watch::Sender::new(step.to_owned());
        let reports = tokio::spawn(report(step.subscribe()));
        Self { step, reports }
    }

    /// Goes on to `step`.
    pub(crate) fn at(&self, step: String) {
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
        eprintln!("StartupProgress: {}", *step.borrow_and_update());
        if step.changed().await.is_err() {
            break;
        }
    }
}

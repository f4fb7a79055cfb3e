//! The signals that stop the process.

use std::{fs, io, process, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

use crate::terminal::report;

/// Listeners for Ctrl-C, SIGTERM and SIGHUP, which a closing terminal sends. They miss no signal between two waits.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` below `nohup`.
    hangup: Option<Signal>,
    received: u32,
}

impl Signals {
    /// Begins to listen: from here on a signal no longer ends the process.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: if is_ignored(SignalKind::hangup()) { None } else { Some(signal(SignalKind::hangup())?) },
            received: 0,
        })
    }

    /// Waits for a signal, or until `duration` has passed.
    pub(crate) async fn stop_requested(&mut self, duration: Option<Duration>) {
        let timer = async {
            match duration {
                Some(duration) => sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = self.next() => {}
            () = timer => {}
        }
    }

    /// Lets the second signal end the process at once. Returns the advice for the user.
    pub(crate) fn exit_on_second(mut self) -> &'static str {
        let again = "Ctrl-C again stops at once.";
        let advice = if self.received == 0 { "" } else { again };
        tokio::spawn(async move {
            if self.received == 0 {
                self.next().await;
                report(format_args!("Still stopping. {again}"));
            }
            self.next().await;
            report("Stopped at once: what was in flight is unconfirmed.");
            process::exit(130);
        });
        advice
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
        self.received += 1;
    }
}

/// Returns whether this process was started with the signal ignored. Only Linux tells.
fn is_ignored(signal: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    (mask >> (signal.as_raw_value() - 1)) & 1 == 1
}

//! When to stop: after a time, at Ctrl-C, or because a part cannot go on.

use std::{future::Future, io, process, time::Duration};

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

/// Tells every part to stop. Clones are the same signal.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    sender: watch::Sender<bool>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { sender: watch::Sender::new(false) }
    }

    /// Tells it.
    pub(crate) fn stop(&self) {
        self.sender.send_replace(true);
    }

    /// Waits until it is told.
    pub(crate) fn stopped(&self) -> impl Future<Output = ()> + Send + 'static {
        let mut receiver = self.sender.subscribe();
        async move {
            // The sender lives as long as `self`; an error would mean that everything is gone.
            drop(receiver.wait_for(|stopped| *stopped).await);
        }
    }
}

/// Ctrl-C and SIGTERM, from the moment that this is made: none is missed between two waits.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    /// Begins to listen: from here on a signal no longer ends the process.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Waits for a signal, or until `duration` is over.
pub(crate) async fn requested(signals: &mut Signals, duration: Option<Duration>) {
    tokio::select! {
        () = signals.next() => {}
        () = over(duration) => {}
    }
}

/// From now on a signal ends the process at once.
pub(crate) fn at_once_on(mut signals: Signals) {
    tokio::spawn(async move {
        signals.next().await;
        eprintln!("Stopped at once: what was in flight is unconfirmed.");
        process::exit(130);
    });
}

async fn over(duration: Option<Duration>) {
    match duration {
        Some(duration) => tokio::time::sleep(duration).await,
        None => std::future::pending().await,
    }
}

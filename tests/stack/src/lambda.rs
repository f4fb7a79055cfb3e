//! A function's program under Lambda's own runtime interface emulator, in several execution environments.
//!
//! It proves the program as it is deployed, the Runtime API's protocol, time-outs, errors, what a freeze does, and what the
//! program does when the time of day has moved. It does not prove Lambda's limits of memory and size; and the time of an
//! environment's init counts towards its first invocation, for which Lambda has ten seconds of their own.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::Semaphore;

use crate::{StackError, folder::Folder};

mod built;
mod clock;
mod environment;
mod report;

pub use built::built;
pub use report::Report;

use clock::Clock;
use environment::Environment;

/// A program, and what a deployment sets for it.
#[derive(Debug, Clone)]
pub struct Function {
    /// The program: [`built()`] finds those of this workspace.
    pub binary: PathBuf,
    /// Its variables. It sees these, those of Lambda's, and nothing else.
    pub environment: Vec<(String, String)>,
    /// How long an invocation may take, in whole seconds as on Lambda.
    pub timeout: Duration,
    /// How many invocations may run at once, each in an environment of its own.
    pub concurrency: usize,
    /// Whether [`Lambda::move_clock`] can be used: the program then runs with libfaketime.
    pub movable_clock: bool,
    /// Whether the emulator tells only what is wrong. Otherwise it writes five lines an invocation, which [`Lambda::reports`]
    /// reads.
    pub quiet: bool,
}

impl Function {
    /// Ten seconds, one environment, and the machine's own clock.
    pub fn new<K: Into<String>, V: Into<String>>(binary: &Path, environment: impl IntoIterator<Item = (K, V)>) -> Self {
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let timeout = Duration::from_secs(10);
        Self { binary: binary.to_owned(), environment, timeout, concurrency: 1, movable_clock: false, quiet: false }
    }
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function answered with an error.
    #[error("the function failed: {kind}: {message}")]
    Function {
        /// Its type.
        kind: String,
        /// What it says.
        message: String,
    },
    /// It took longer than it may. The next invocation finds a new process.
    #[error("the function timed out: {0}")]
    TimedOut(String),
    /// Its process ended, in its init or later. The next invocation finds a new one.
    #[error("the function's process ended; its log ends with:\n{0}")]
    Ended(String),
    /// The emulator.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// A deployed function. An environment's process starts with its first invocation.
#[derive(Debug)]
pub struct Lambda {
    environments: Arc<Environments>,
    clock: Option<Clock>,
    _folder: Folder,
}

#[derive(Debug)]
struct Environments {
    all: Vec<Environment>,
    /// One for each that is free.
    free: Semaphore,
}

impl Lambda {
    /// Starts the emulators, one an environment: one that is asked while it is busy dies.
    ///
    /// # Errors
    /// When the emulator was not fetched, or does not start.
    pub async fn start(function: &Function) -> Result<Self, StackError> {
        let folder = Folder::new("lambda")?;
        let clock = function.movable_clock.then(|| Clock::new(&folder)).transpose()?;
        let variables = clock.as_ref().map(Clock::environment).transpose()?.unwrap_or_default();
        let mut all = Vec::new();
        for number in 0..function.concurrency {
            all.push(Environment::start(function, &variables, &folder, number).await?);
        }
        let free = Semaphore::new(all.len());
        Ok(Self { environments: Arc::new(Environments { all, free }), clock, _folder: folder })
    }

    /// Invokes the function, in the first environment that is free, and waits for one while none is.
    ///
    /// # Cancellation
    /// The invocation goes on when its caller does not, as on Lambda.
    ///
    /// # Errors
    /// When the function answers with an error, ends or takes too long.
    pub async fn invoke(&self, event: &Value) -> Result<Value, InvokeError> {
        let environments = Arc::clone(&self.environments);
        let event = event.to_string();
        let invocation = tokio::spawn(async move { environments.invoke(event).await });
        invocation.await.map_err(|error| StackError::io("an invocation")(std::io::Error::other(error)))?
    }

    /// Stops the function's processes between invocations as Lambda does, once none is busy. The emulators go on.
    ///
    /// # Errors
    /// When a process cannot be stopped.
    pub async fn freeze(&self) -> Result<(), InvokeError> {
        let idle = self.idle().await?;
        for environment in &self.environments.all {
            environment.freeze().await?;
        }
        drop(idle);
        Ok(())
    }

    /// Lets the processes run again. An invocation does this for its own.
    ///
    /// # Errors
    /// When a process cannot be continued.
    pub fn thaw(&self) -> Result<(), StackError> {
        self.environments.all.iter().try_for_each(Environment::thaw)
    }

    /// Moves the time of day that the function sees on by so much; time that it measures stands as it is.
    ///
    /// It holds for what asks the C library: Rust, `librdkafka` and the TLS of both do. It does not for a timer that has been
    /// set, which is as it is in a freeze.
    ///
    /// # Errors
    /// When the function was not started with a clock that can be moved.
    pub fn move_clock(&self, by: Duration) -> Result<(), StackError> {
        let clock = self.clock.as_ref().ok_or_else(|| StackError::Part {
            part: "lambda".to_owned(),
            problem: "has no clock that can be moved: set `movable_clock`".to_owned(),
            tail: String::new(),
        })?;
        clock.move_by(by)
    }

    /// What the emulators measured, an environment each.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.environments.all.iter().map(|environment| Report::read(&environment.log())).collect()
    }

    /// What the function and its emulators printed, one environment after the other.
    #[must_use]
    pub fn log(&self) -> String {
        self.environments.all.iter().map(Environment::log).collect()
    }

    /// Where each environment takes its events, for a client of one's own. One that is asked while it is busy dies.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.environments.all.iter().map(Environment::url).collect()
    }

    /// The functions' processes that run now.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.environments.all.iter().filter_map(Environment::function).collect()
    }

    /// Waits until no environment is busy, and keeps it so.
    async fn idle(&self) -> Result<tokio::sync::SemaphorePermit<'_>, StackError> {
        let all = u32::try_from(self.environments.all.len()).unwrap_or(u32::MAX);
        let idle = self.environments.free.acquire_many(all).await;
        idle.map_err(|error| StackError::io("waiting for environments")(std::io::Error::other(error)))
    }
}

impl Environments {
    async fn invoke(&self, event: String) -> Result<Value, InvokeError> {
        let closed = |error| StackError::io("waiting for an environment")(std::io::Error::other(error));
        let _permit = self.free.acquire().await.map_err(closed)?;
        // The first that is free, so that those in use stay warm. A permit says that there is one.
        let found = self.all.iter().find_map(|environment| Some((environment, environment.busy.try_lock().ok()?)));
        let Some((environment, _busy)) = found else {
            return Err(StackError::io("finding an environment")(std::io::ErrorKind::ResourceBusy.into()).into());
        };
        environment.invoke(event).await
    }
}

#[cfg(test)]
mod tests;

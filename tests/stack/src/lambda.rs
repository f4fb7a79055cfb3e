//! A function's program under AWS's Lambda runtime interface emulator, in several execution environments.
//!
//! It proves the deployed program, the Runtime API's protocol, timeouts, errors, freezes, and the program's behaviour
//! when the wall clock jumps. It does not prove Lambda's limits of memory and size. An environment's init counts
//! towards its first invocation; Lambda allows ten extra seconds for it.

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
mod template;

pub use built::built;
pub use report::Report;
pub use template::deployed_timeout;

use clock::Clock;
use environment::Environment;

/// A program with its deployment settings.
#[derive(Debug, Clone)]
pub struct Function {
    /// The program. [`built()`] finds those of this workspace.
    pub binary: PathBuf,
    /// The function's variables. It sees only these and Lambda's own.
    pub environment: Vec<(String, String)>,
    /// The invocation timeout, in whole seconds as on Lambda. [`deployed_timeout()`] returns the template's.
    pub timeout: Duration,
    /// The number of execution environments, each with one invocation at a time.
    pub concurrency: usize,
    /// Runs the program with libfaketime, which [`Lambda::move_clock`] needs.
    pub movable_clock: bool,
    /// Limits the emulator's log to errors. Otherwise it writes five lines per invocation, which [`Lambda::reports`]
    /// parses.
    pub quiet: bool,
}

impl Function {
    /// Defaults to ten seconds, one environment, and the machine's own clock.
    pub fn new<K: Into<String>, V: Into<String>>(binary: &Path, environment: impl IntoIterator<Item = (K, V)>) -> Self {
        let environment = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let timeout = Duration::from_secs(10);
        Self { binary: binary.to_owned(), environment, timeout, concurrency: 1, movable_clock: false, quiet: false }
    }
}

/// A failed invocation.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The function returned an error.
    #[error("the function failed: {kind}: {message}")]
    Function {
        /// The error's type.
        kind: String,
        /// The error's message.
        message: String,
    },
    /// The invocation exceeded the timeout. The next one starts a new process.
    #[error("the function timed out: {0}")]
    TimedOut(String),
    /// The process ended, in its init or later. The next invocation starts a new one.
    #[error("the function's process ended; its log ends with:\n{0}")]
    Ended(String),
    /// The emulator failed.
    #[error(transparent)]
    Stack(#[from] StackError),
}

/// A deployed function. Each environment starts its process with its first invocation.
#[derive(Debug)]
pub struct Lambda {
    environments: Arc<Environments>,
    clock: Option<Clock>,
    _folder: Folder,
}

#[derive(Debug)]
struct Environments {
    all: Vec<Environment>,
    /// A permit per idle environment.
    free: Semaphore,
}

impl Lambda {
    /// Starts one emulator per environment: an emulator that gets a request while busy exits.
    ///
    /// # Errors
    /// When the emulator was not fetched or does not start.
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

    /// Invokes the function in the first idle environment, waiting for one if all are busy.
    ///
    /// # Cancellation
    /// The invocation goes on if the caller stops waiting, as on Lambda.
    ///
    /// # Errors
    /// When the function returns an error, exits or times out.
    pub async fn invoke(&self, event: &Value) -> Result<Value, InvokeError> {
        let environments = Arc::clone(&self.environments);
        let event = event.to_string();
        let invocation = tokio::spawn(async move { environments.invoke(event).await });
        invocation.await.map_err(|error| StackError::io("an invocation")(std::io::Error::other(error)))?
    }

    /// Waits until no invocation runs, then stops the function's processes as Lambda does. The emulators go on.
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

    /// Continues the processes. An invocation does this for its own environment.
    ///
    /// # Errors
    /// When a process cannot be continued.
    pub fn thaw(&self) -> Result<(), StackError> {
        self.environments.all.iter().try_for_each(Environment::thaw)
    }

    /// Moves the function's wall clock forward. Its monotonic clock is unaffected.
    ///
    /// It affects callers of the C library's clock: Rust, `librdkafka` and the TLS of both. Timers already set are
    /// unaffected, as in a freeze.
    ///
    /// # Errors
    /// When `movable_clock` is not set.
    pub fn move_clock(&self, by: Duration) -> Result<(), StackError> {
        let clock = self.clock.as_ref().ok_or_else(|| StackError::Component {
            component: "lambda".to_owned(),
            problem: "has no movable clock: set `movable_clock`".to_owned(),
            log_tail: String::new(),
        })?;
        clock.move_by(by)
    }

    /// The emulators' measurements, one report per environment.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.environments.all.iter().map(|environment| Report::read(&environment.log())).collect()
    }

    /// The output of the functions and their emulators, one environment after the other.
    #[must_use]
    pub fn log(&self) -> String {
        self.environments.all.iter().map(Environment::log).collect()
    }

    /// The invocation URL of each environment. An emulator that gets a request while busy exits.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        self.environments.all.iter().map(Environment::url).collect()
    }

    /// The ids of the functions' running processes.
    #[must_use]
    pub fn processes(&self) -> Vec<u32> {
        self.environments.all.iter().filter_map(Environment::function).collect()
    }

    /// Waits until no environment is busy, and reserves them all.
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
        // Takes the first idle environment, so that those in use stay warm. The permit guarantees that there is one.
        let found = self.all.iter().find_map(|environment| Some((environment, environment.busy.try_lock().ok()?)));
        let Some((environment, _busy)) = found else {
            return Err(StackError::io("finding an environment")(std::io::ErrorKind::ResourceBusy.into()).into());
        };
        environment.invoke(event).await
    }
}

#[cfg(test)]
mod tests;

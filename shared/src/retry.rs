//! Retries until a deadline, for services that are not ready yet and for permissions that AWS does not apply everywhere yet.

use std::{error::Error, time::Duration};

use tokio::time::{Instant, sleep, timeout_at};

use crate::error_chain::one_line;

/// The time between two attempts. Each attempt may authenticate to Kafka, and the smallest brokers accept four connections a second.
pub const RETRY_DELAY: Duration = Duration::from_secs(3);

/// The time for which AWS may deny what a role was just allowed: changes in IAM take up to about a minute to arrive
/// everywhere (<https://docs.aws.amazon.com/msk/latest/developerguide/iam-access-control-use-cases.html>).
pub const IAM_PROPAGATION_TIMEOUT: Duration = Duration::from_secs(90);

/// The chance that another attempt succeeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retryability {
    /// The service is unavailable, not ready, or throttles: retried until the deadline.
    Transient,
    /// The service denied access: retried for [`IAM_PROPAGATION_TIMEOUT`] from the first denial on.
    Denied,
    /// The service rejected the request itself: not retried.
    Permanent,
}

/// An error that can be classified for [`until_deadline`].
pub trait Retryable: Error {
    /// Returns the error's class.
    fn retryability(&self) -> Retryability;
}

/// Repeats `attempt` until it succeeds, its error is permanent, or the time for that class of error is over.
///
/// # Errors
/// When no attempt succeeds: the error of the last attempt that ended before the deadline, or `timed_out` if none did.
///
/// # Cancellation
/// The deadline drops `attempt` half done.
pub async fn until_deadline<T, E: Retryable + 'static>(
    deadline: Instant,
    timed_out: impl FnOnce() -> E,
    mut attempt: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    let (mut first_denial, mut last) = (None, None);
    loop {
        let error = match timeout_at(deadline, attempt()).await {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(error)) => error,
            Err(_) => return Err(last.unwrap_or_else(timed_out)),
        };
        let now = Instant::now();
        let end = match error.retryability() {
            Retryability::Permanent => return Err(error),
            Retryability::Transient => deadline,
            Retryability::Denied => deadline.min(*first_denial.get_or_insert(now) + IAM_PROPAGATION_TIMEOUT),
        };
        if now + RETRY_DELAY > end {
            return Err(error);
        }
        tracing::warn!(error = one_line(&error), "retrying in {} s", RETRY_DELAY.as_secs());
        last = Some(error);
        sleep(RETRY_DELAY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("{0:?}")]
    struct Failed(Option<Retryability>);

    impl Retryable for Failed {
        fn retryability(&self) -> Retryability {
            self.0.unwrap_or(Retryability::Transient)
        }
    }

    fn timed_out() -> Failed {
        Failed(None)
    }

    /// Runs [`until_deadline`] for `time`, with attempts that fail as `error` says for the time elapsed. Returns how long it
    /// took and the class of the error it ended with.
    async fn lasts(
        time: Duration,
        error: impl Fn(Duration) -> Option<Retryability>,
    ) -> (Duration, Result<(), Retryability>) {
        let start = Instant::now();
        let attempt = async || error(start.elapsed()).map_or(Ok(()), |class| Err(Failed(Some(class))));
        let result = until_deadline(start + time, timed_out, attempt).await;
        (start.elapsed(), result.map_err(|error| error.retryability()))
    }

    const SECOND: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_mins(10);

    #[tokio::test(start_paused = true)]
    async fn a_permission_that_arrives_after_half_a_minute_is_awaited() {
        let (after, result) = lasts(LONG, |elapsed| (elapsed < 30 * SECOND).then_some(Retryability::Denied)).await;
        assert_eq!((after, result), (30 * SECOND, Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn a_permission_that_never_arrives_fails_after_a_minute_and_a_half() {
        let (after, result) = lasts(LONG, |_| Some(Retryability::Denied)).await;
        assert_eq!((after, result), (IAM_PROPAGATION_TIMEOUT, Err(Retryability::Denied)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_transient_error_is_retried_until_the_deadline_and_no_longer() {
        let (after, result) = lasts(LONG, |_| Some(Retryability::Transient)).await;
        assert_eq!((after, result), (LONG, Err(Retryability::Transient)));
        let (after, result) = lasts(4 * SECOND, |_| Some(Retryability::Denied)).await;
        assert_eq!((after, result), (RETRY_DELAY, Err(Retryability::Denied)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_permissions_begins_at_the_first_denial() {
        let away_first =
            |elapsed| Some(if elapsed < 5 * 60 * SECOND { Retryability::Transient } else { Retryability::Denied });
        let (after, result) = lasts(LONG, away_first).await;
        assert_eq!((after, result), (5 * 60 * SECOND + IAM_PROPAGATION_TIMEOUT, Err(Retryability::Denied)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_error_is_returned_at_once() {
        let (after, result) = lasts(LONG, |_| Some(Retryability::Permanent)).await;
        assert_eq!((after, result), (Duration::ZERO, Err(Retryability::Permanent)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_attempt_that_the_deadline_cuts_off_does_not_hide_the_error_before_it() {
        let mut attempts = 0;
        let result = until_deadline(Instant::now() + 5 * SECOND, timed_out, async || {
            attempts += 1;
            match attempts {
                1 => Err::<(), _>(Failed(Some(Retryability::Denied))),
                _ => std::future::pending().await,
            }
        });
        assert_eq!(result.await.unwrap_err().to_string(), "Some(Denied)");
        let never = async || std::future::pending::<Result<(), Failed>>().await;
        assert_eq!(until_deadline(Instant::now() + SECOND, timed_out, never).await.unwrap_err().to_string(), "None");
    }
}

//! What is tried again, and for how long.

use std::time::Duration;

use shared::custom_resource::TIME_FOR_RIGHTS;
use tokio::time::{Instant, sleep, timeout_at};

/// Between two rounds. Each logs in anew, and the smallest brokers admit four log-ins a second.
pub(crate) const PAUSE: Duration = Duration::from_secs(3);

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Nobody answered, or somebody asked to come again.
    Away,
    /// Somebody said no to who we are.
    Refused,
    /// Somebody said no to what we want.
    Final,
}

/// Why a topic was not made.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Trouble {
    /// Whether trying again may help.
    pub class: Class,
    /// What happened, and what to do about it.
    pub what: String,
    /// What the client says.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Trouble {
    pub(crate) fn new(class: Class, what: impl Into<String>) -> Self {
        Self { class, what: what.into(), source: None }
    }
}

/// Repeats `round` until it is done, or its trouble is one that stays. A round that the deadline cuts off tells less than the
/// one before it; when there is none, the trouble is that of `silence`.
///
/// # Cancellation
/// The deadline drops `round` half done.
pub(crate) async fn persist(
    deadline: Instant,
    silence: impl FnOnce() -> Trouble,
    mut round: impl AsyncFnMut() -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let (mut first_refusal, mut last) = (None, None);
    loop {
        let trouble = match timeout_at(deadline, round()).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(trouble)) => trouble,
            Err(_) => return Err(last.unwrap_or_else(silence)),
        };
        let now = Instant::now();
        let end = match trouble.class {
            Class::Final => now,
            Class::Away => deadline,
            Class::Refused => deadline.min(*first_refusal.get_or_insert(now) + TIME_FOR_RIGHTS),
        };
        if now + PAUSE > end {
            return Err(trouble);
        }
        tracing::warn!(error = shared::causes::in_one_line(&trouble), "tried again in {} s", PAUSE.as_secs());
        last = Some(trouble);
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn silence() -> Trouble {
        Trouble::new(Class::Away, "silence")
    }

    /// How long `persist` went on, with what result, where a round meets what `trouble` says of the time so far.
    async fn lasts(time: Duration, trouble: impl Fn(Duration) -> Option<Class>) -> (Duration, Result<(), Class>) {
        let start = Instant::now();
        let round = async || match trouble(start.elapsed()) {
            Some(class) => Err(Trouble::new(class, "no")),
            None => Ok(()),
        };
        let result = persist(start + time, silence, round).await;
        (start.elapsed(), result.map_err(|trouble| trouble.class))
    }

    const SECOND: Duration = Duration::from_secs(1);
    const LONG: Duration = Duration::from_mins(10);

    #[tokio::test(start_paused = true)]
    async fn rights_that_come_after_half_a_minute_are_waited_for() {
        let (after, result) = lasts(LONG, |elapsed| (elapsed < 30 * SECOND).then_some(Class::Refused)).await;
        assert_eq!((after, result), (30 * SECOND, Ok(())));
    }

    #[tokio::test(start_paused = true)]
    async fn rights_that_do_not_come_are_given_up_after_a_minute_and_a_half() {
        let (after, result) = lasts(LONG, |_| Some(Class::Refused)).await;
        assert_eq!((after, result), (TIME_FOR_RIGHTS, Err(Class::Refused)));
    }

    #[tokio::test(start_paused = true)]
    async fn brokers_that_are_away_are_waited_for_until_the_deadline_and_no_longer() {
        let (after, result) = lasts(LONG, |_| Some(Class::Away)).await;
        assert_eq!((after, result), (LONG, Err(Class::Away)));
        let (after, result) = lasts(4 * SECOND, |_| Some(Class::Refused)).await;
        assert_eq!((after, result), (PAUSE, Err(Class::Refused)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_patience_with_refusals_begins_at_the_first_one() {
        let away_first = |elapsed| Some(if elapsed < 5 * 60 * SECOND { Class::Away } else { Class::Refused });
        let (after, result) = lasts(LONG, away_first).await;
        assert_eq!((after, result), (5 * 60 * SECOND + TIME_FOR_RIGHTS, Err(Class::Refused)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_topic_that_kafka_will_not_make_is_given_up_at_once() {
        assert_eq!(lasts(LONG, |_| Some(Class::Final)).await, (Duration::ZERO, Err(Class::Final)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_round_that_the_deadline_cuts_off_does_not_hide_the_trouble_of_the_one_before() {
        let mut rounds = 0;
        let result = persist(Instant::now() + 5 * SECOND, silence, async || {
            rounds += 1;
            match rounds {
                1 => Err(Trouble::new(Class::Refused, "no")),
                _ => std::future::pending().await,
            }
        });
        assert_eq!(result.await.unwrap_err().to_string(), "no");
        let result = persist(Instant::now() + SECOND, silence, async || std::future::pending().await);
        assert_eq!(result.await.unwrap_err().to_string(), "silence");
    }
}

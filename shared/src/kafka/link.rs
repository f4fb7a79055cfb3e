//! How the connections to the brokers are doing.

use std::{
    collections::HashMap,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::publish::{LastError, Unreachable};

/// How long every broker has to refuse the log-in before a request is answered so: rights that were just given take a
/// moment to be known everywhere.
const TIME_TO_BE_DENIED: Duration = Duration::from_secs(2);

/// In the place of a broker's name.
const NO_BROKER: &str = "";

/// What can be wrong with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The broker refused the log-in.
    Denied,
    /// There is no token to log in with.
    NoToken,
    /// The broker takes no more log-ins for the moment.
    Busy,
    /// No connection, or it broke.
    Lost,
}

/// What the brokers said since one of them last did what was asked.
#[derive(Debug, Default)]
pub(super) struct Link {
    words: watch::Sender<Words>,
    /// Milliseconds for which a broker admits a connection, the shortest that was told; 0 when none was.
    session_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct Words {
    /// Each broker's last word, and since when it says so.
    brokers: HashMap<String, (Trouble, Instant)>,
    /// When any was last heard.
    heard: Option<Instant>,
    /// What it said.
    reason: Option<String>,
}

impl Words {
    /// Since when there is nothing but refused log-ins, or no token for them.
    fn denied_since(&self) -> Option<Instant> {
        let mut troubles = self.brokers.values().map(|(trouble, _)| trouble);
        let all_denied = troubles.all(|trouble| matches!(trouble, Trouble::Denied | Trouble::NoToken));
        self.brokers.values().map(|(_, since)| *since).min().filter(|_| all_denied)
    }
}

impl Link {
    /// A broker said `reason`, or it was said of all of them. It is logged when it is news.
    pub(super) fn trouble(&self, broker: &str, trouble: Trouble, reason: &str) {
        let now = Instant::now();
        let mut news = false;
        self.words.send_modify(|words| {
            news = !words.brokers.values().any(|(known, _)| *known == trouble);
            words.heard = Some(now);
            words.reason = Some(reason.to_owned());
            let word = words.brokers.entry(broker.to_owned()).or_insert((trouble, now));
            if word.0 != trouble {
                *word = (trouble, now);
            }
        });
        if news {
            match trouble {
                Trouble::Denied => {
                    tracing::error!(reason, "Kafka refuses the log-in: look at the function's role, and at the clock");
                }
                Trouble::NoToken => {
                    tracing::error!(
                        reason,
                        "no token to log in to Kafka with: set new AWS credentials and start again"
                    );
                }
                Trouble::Busy => tracing::warn!(reason, "Kafka takes no more log-ins for the moment: trying again"),
                Trouble::Lost => tracing::warn!(reason, "no connection to a Kafka broker: trying again"),
            }
        }
    }

    /// There is no token to log in with.
    pub(super) fn no_token(&self, reason: &str) {
        self.trouble(NO_BROKER, Trouble::NoToken, reason);
    }

    /// Whether there was none when librdkafka last asked for it. It asks again after 10 s, and not sooner.
    pub(super) fn has_no_token(&self) -> bool {
        self.words.borrow().brokers.contains_key(NO_BROKER)
    }

    /// A broker did what was asked: what was said before is over.
    pub(super) fn answered(&self) {
        self.words.send_if_modified(|words| {
            let over = !words.brokers.is_empty();
            words.brokers.clear();
            words.reason = None;
            over
        });
    }

    /// Nobody answers.
    pub(super) fn no_answer(&self, within: Duration) -> Unreachable {
        Unreachable::NoResponse { within, source: self.words.borrow().reason.clone().map(LastError) }
    }

    /// A broker admitted us, for this long.
    pub(super) fn logged_in(&self, session: Duration) {
        let session_ms = u64::try_from(session.as_millis()).unwrap_or(u64::MAX);
        let known = self.session_ms.load(Ordering::Relaxed);
        // Called on one thread alone.
        if known == 0 || session_ms < known {
            self.session_ms.store(session_ms, Ordering::Relaxed);
        }
    }

    /// For how long the brokers admit a connection, if one told.
    pub(super) fn session(&self) -> Option<Duration> {
        let session_ms = self.session_ms.load(Ordering::Relaxed);
        (session_ms > 0).then(|| Duration::from_millis(session_ms))
    }

    /// Whether nothing was heard since `start` that would say why a record is not delivered.
    pub(super) fn silent_since(&self, start: Instant) -> bool {
        self.words.borrow().heard.is_none_or(|heard| heard < start)
    }

    /// Completes once every broker has refused the log-in for two seconds, or there was no token for as long, and it was said
    /// again since `start`: what was said before a freeze may be long over.
    pub(super) async fn denied_since(&self, start: Instant) {
        let mut words = self.words.subscribe();
        loop {
            let since = {
                let words = words.borrow_and_update();
                words.denied_since().filter(|_| words.heard.is_some_and(|heard| heard >= start))
            };
            let denied = async {
                match since {
                    Some(since) => sleep_until(since + TIME_TO_BE_DENIED).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = denied => return,
                // The sender is ours, so it does not go away before us.
                _ = words.changed() => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::testing::everything_logged;

    #[tokio::test(start_paused = true)]
    async fn the_log_in_counts_as_refused_when_every_broker_says_so_for_two_seconds() {
        let (link, begin) = (Link::default(), Instant::now());
        link.trouble("b-1", Trouble::Denied, "");
        sleep(Duration::from_secs(1)).await;
        link.trouble("b-2", Trouble::Denied, "");
        link.trouble("b-1", Trouble::Denied, "again: it counts from the first time");
        let start = Instant::now();
        link.denied_since(begin).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        link.denied_since(begin).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1), "it stays so");
        let start = Instant::now() + Duration::from_millis(1);
        assert!(timeout(Duration::from_mins(1), link.denied_since(start)).await.is_err(), "until it is said again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_without_a_token_counts_as_refused_too() {
        let (link, begin) = (Link::default(), Instant::now());
        link.no_token("the AWS credentials ended 5 s ago");
        link.trouble("b-1", Trouble::Denied, "");
        link.denied_since(begin).await;
        assert_eq!(begin.elapsed(), TIME_TO_BE_DENIED);
    }

    #[test]
    fn credentials_that_ended_are_not_told_as_kafkas_refusal() {
        let log = everything_logged(|| Link::default().no_token("the AWS credentials ended 5 s ago"));
        assert!(log.contains("no token to log in to Kafka with: set new AWS credentials and start again"), "{log}");
        assert!(log.contains("the AWS credentials ended 5 s ago") && !log.contains("refuses"), "{log}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_is_busy_or_away_leaves_it_open() {
        for other in [Trouble::Busy, Trouble::Lost] {
            let (link, begin) = (Link::default(), Instant::now());
            link.trouble("b-1", Trouble::Denied, "");
            link.trouble("b-2", other, "");
            assert!(timeout(Duration::from_mins(1), link.denied_since(begin)).await.is_err(), "{other:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_ends_what_was_said_before() {
        let (link, begin) = (Link::default(), Instant::now());
        link.trouble("b-1", Trouble::Denied, "");
        let answer = async {
            sleep(Duration::from_secs(1)).await;
            link.answered();
        };
        let denied = timeout(Duration::from_mins(1), link.denied_since(begin));
        assert!(tokio::join!(denied, answer).0.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_is_when_nothing_was_heard_since_the_start() {
        let link = Link::default();
        let start = Instant::now();
        assert!(link.silent_since(start));
        sleep(Duration::from_secs(1)).await;
        link.trouble("b-1", Trouble::Lost, "");
        link.answered();
        assert!(!link.silent_since(start));
        sleep(Duration::from_secs(1)).await;
        assert!(link.silent_since(Instant::now()));
    }

    #[test]
    fn the_shortest_session_counts() {
        let link = Link::default();
        assert_eq!(link.session(), None);
        for (told, shortest) in [(900, 900), (10, 10), (800, 10)] {
            link.logged_in(Duration::from_secs(told));
            assert_eq!(link.session(), Some(Duration::from_secs(shortest)));
        }
    }

    #[test]
    fn what_was_last_said_is_the_reason_for_no_answer_until_a_broker_answers() {
        let (link, within) = (Link::default(), Duration::from_secs(5));
        let why = || crate::error_chain::one_line(&link.no_answer(within));
        assert_eq!(why(), "no Kafka broker answered within 5.0 s");
        link.trouble("b-1", Trouble::Lost, "certificate verify failed");
        assert_eq!(why(), "no Kafka broker answered within 5.0 s: certificate verify failed");
        link.answered();
        assert_eq!(why(), "no Kafka broker answered within 5.0 s");
    }
}

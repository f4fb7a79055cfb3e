//! The health of the connections to the brokers.

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

/// The time for which every broker has to reject the authentication before requests fail: a permission that was just granted
/// takes a moment to reach every broker.
const AUTHENTICATION_GRACE_PERIOD: Duration = Duration::from_secs(2);

/// The key of a fault that no broker reported.
const NO_BROKER: &str = "";

/// A fault of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionFault {
    /// The broker rejected the authentication.
    Denied,
    /// There is no token to authenticate with.
    NoToken,
    /// The broker throttles new connections.
    Throttled,
    /// The connection broke, or cannot be established.
    Disconnected,
}

/// The faults since a broker last responded to a request, and the lifetime of sessions.
#[derive(Debug, Default)]
pub(super) struct BrokerHealth {
    state: watch::Sender<State>,
    /// The shortest session that a broker has granted, in milliseconds; 0 before the first one.
    session_ms: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    /// The current fault of each broker, and when it began.
    faults: HashMap<String, (ConnectionFault, Instant)>,
    /// The time of the last report.
    last_report: Option<Instant>,
    /// The message of the last report.
    last_message: Option<String>,
}

impl State {
    /// The beginning of the first fault, if every fault is a rejected authentication or a missing token.
    fn denied_since(&self) -> Option<Instant> {
        let mut faults = self.faults.values().map(|(fault, _)| fault);
        let all_denied = faults.all(|fault| matches!(fault, ConnectionFault::Denied | ConnectionFault::NoToken));
        self.faults.values().map(|(_, since)| *since).min().filter(|_| all_denied)
    }
}

impl BrokerHealth {
    /// Records the fault that `broker` reported with `reason`. Logs it unless another broker already has the same fault.
    pub(super) fn report(&self, broker: &str, fault: ConnectionFault, reason: &str) {
        let now = Instant::now();
        let mut is_new = false;
        self.state.send_modify(|state| {
            is_new = !state.faults.values().any(|(known, _)| *known == fault);
            state.last_report = Some(now);
            state.last_message = Some(reason.to_owned());
            let entry = state.faults.entry(broker.to_owned()).or_insert((fault, now));
            if entry.0 != fault {
                *entry = (fault, now);
            }
        });
        if is_new {
            match fault {
                ConnectionFault::Denied => {
                    tracing::error!(
                        reason,
                        "Kafka rejected the authentication: check the function's role and the clock"
                    );
                }
                ConnectionFault::NoToken => {
                    tracing::error!(
                        reason,
                        "no token to authenticate to Kafka with: set new AWS credentials and restart"
                    );
                }
                ConnectionFault::Throttled => tracing::warn!(reason, "Kafka throttles new connections: retrying"),
                ConnectionFault::Disconnected => tracing::warn!(reason, "no connection to a Kafka broker: retrying"),
            }
        }
    }

    /// Records that there is no token to authenticate with.
    pub(super) fn report_no_token(&self, reason: &str) {
        self.report(NO_BROKER, ConnectionFault::NoToken, reason);
    }

    /// Returns whether librdkafka's last request for a token failed. It asks again after 10 s.
    pub(super) fn has_no_token(&self) -> bool {
        self.state.borrow().faults.contains_key(NO_BROKER)
    }

    /// Clears all faults, because a broker responded to a request.
    pub(super) fn clear_faults(&self) {
        self.state.send_if_modified(|state| {
            let had_faults = !state.faults.is_empty();
            state.faults.clear();
            state.last_message = None;
            had_faults
        });
    }

    /// The error of a request to which no broker responded, with the last fault as its cause.
    pub(super) fn no_response(&self, within: Duration) -> Unreachable {
        Unreachable::NoResponse { within, source: self.state.borrow().last_message.clone().map(LastError) }
    }

    /// Records the lifetime of a session that a broker granted.
    pub(super) fn record_session(&self, lifetime: Duration) {
        let session_ms = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX);
        let known = self.session_ms.load(Ordering::Relaxed);
        // Load and store need not be atomic together: one thread alone calls this.
        if known == 0 || session_ms < known {
            self.session_ms.store(session_ms, Ordering::Relaxed);
        }
    }

    /// The lifetime of the shortest session granted so far; `None` before the first one.
    pub(super) fn shortest_session(&self) -> Option<Duration> {
        let session_ms = self.session_ms.load(Ordering::Relaxed);
        (session_ms > 0).then(|| Duration::from_millis(session_ms))
    }

    /// Returns whether no fault was reported since `start` that would explain a missing response.
    pub(super) fn no_fault_since(&self, start: Instant) -> bool {
        self.state.borrow().last_report.is_none_or(|report| report < start)
    }

    /// Completes once every broker has rejected the authentication for [`AUTHENTICATION_GRACE_PERIOD`], or the token was
    /// missing for as long, with a report since `start`: faults from before a freeze may be long over.
    pub(super) async fn wait_until_denied(&self, start: Instant) {
        let mut state = self.state.subscribe();
        loop {
            let since = {
                let state = state.borrow_and_update();
                state.denied_since().filter(|_| state.last_report.is_some_and(|report| report >= start))
            };
            let denied = async {
                match since {
                    Some(since) => sleep_until(since + AUTHENTICATION_GRACE_PERIOD).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = denied => return,
                // `self` holds the sender, so an error is impossible here.
                _ = state.changed() => {}
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
    async fn authentication_fails_once_every_broker_has_rejected_it_for_two_seconds() {
        let (health, begin) = (BrokerHealth::default(), Instant::now());
        health.report("b-1", ConnectionFault::Denied, "");
        sleep(Duration::from_secs(1)).await;
        health.report("b-2", ConnectionFault::Denied, "");
        health.report("b-1", ConnectionFault::Denied, "a repetition does not restart the period");
        let start = Instant::now();
        health.wait_until_denied(begin).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        health.wait_until_denied(begin).await;
        assert_eq!(start.elapsed(), Duration::from_secs(1), "it stays so");
        let start = Instant::now() + Duration::from_millis(1);
        assert!(
            timeout(Duration::from_mins(1), health.wait_until_denied(start)).await.is_err(),
            "until the next report"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn authentication_fails_without_a_token_too() {
        let (health, begin) = (BrokerHealth::default(), Instant::now());
        health.report_no_token("the AWS credentials expired 5 s ago");
        health.report("b-1", ConnectionFault::Denied, "");
        health.wait_until_denied(begin).await;
        assert_eq!(begin.elapsed(), AUTHENTICATION_GRACE_PERIOD);
    }

    #[test]
    fn expired_credentials_are_not_logged_as_a_rejection_by_kafka() {
        let log = everything_logged(|| BrokerHealth::default().report_no_token("the AWS credentials expired 5 s ago"));
        assert!(log.contains("no token to authenticate to Kafka with: set new AWS credentials and restart"), "{log}");
        assert!(log.contains("the AWS credentials expired 5 s ago") && !log.contains("rejected"), "{log}");
    }

    #[tokio::test(start_paused = true)]
    async fn authentication_may_still_succeed_while_a_broker_throttles_or_is_disconnected() {
        for other in [ConnectionFault::Throttled, ConnectionFault::Disconnected] {
            let (health, begin) = (BrokerHealth::default(), Instant::now());
            health.report("b-1", ConnectionFault::Denied, "");
            health.report("b-2", other, "");
            assert!(timeout(Duration::from_mins(1), health.wait_until_denied(begin)).await.is_err(), "{other:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_clears_the_faults() {
        let (health, begin) = (BrokerHealth::default(), Instant::now());
        health.report("b-1", ConnectionFault::Denied, "");
        let response = async {
            sleep(Duration::from_secs(1)).await;
            health.clear_faults();
        };
        let denied = timeout(Duration::from_mins(1), health.wait_until_denied(begin));
        assert!(tokio::join!(denied, response).0.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn only_faults_since_the_start_explain_a_missing_response() {
        let health = BrokerHealth::default();
        let start = Instant::now();
        assert!(health.no_fault_since(start));
        sleep(Duration::from_secs(1)).await;
        health.report("b-1", ConnectionFault::Disconnected, "");
        health.clear_faults();
        assert!(!health.no_fault_since(start));
        sleep(Duration::from_secs(1)).await;
        assert!(health.no_fault_since(Instant::now()));
    }

    #[test]
    fn the_shortest_session_counts() {
        let health = BrokerHealth::default();
        assert_eq!(health.shortest_session(), None);
        for (granted, shortest) in [(900, 900), (10, 10), (800, 10)] {
            health.record_session(Duration::from_secs(granted));
            assert_eq!(health.shortest_session(), Some(Duration::from_secs(shortest)));
        }
    }

    #[test]
    fn the_last_fault_is_the_cause_of_a_missing_response_until_a_broker_responds() {
        let (health, within) = (BrokerHealth::default(), Duration::from_secs(5));
        let error = || crate::error_chain::one_line(&health.no_response(within));
        assert_eq!(error(), "no Kafka broker answered within 5.0 s");
        health.report("b-1", ConnectionFault::Disconnected, "certificate verify failed");
        assert_eq!(error(), "no Kafka broker answered within 5.0 s: certificate verify failed");
        health.clear_faults();
        assert_eq!(error(), "no Kafka broker answered within 5.0 s");
    }
}

//! librdkafka's callbacks: token refreshes, errors, log lines and delivery reports.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use rdkafka::{
    ClientContext,
    client::OAuthToken,
    config::RDKafkaLogLevel,
    error::{KafkaError, RDKafkaErrorCode},
    message::Message,
    producer::{DeliveryResult, ProducerContext},
};

use super::{
    broker_health::{BrokerHealth, ConnectionFault},
    deliveries::{self, Pending},
    write_history::WriteHistory,
};
use crate::{credentials::Signer, error_chain::one_line, iam};

/// The callbacks of one client.
pub(super) struct Context {
    signer: Option<Signer>,
    health: Arc<BrokerHealth>,
    write_history: Arc<WriteHistory>,
    /// The expiry of the last token, in milliseconds since 1970.
    token_expiry_ms: AtomicI64,
}

impl Context {
    pub(super) const fn new(
        signer: Option<Signer>,
        health: Arc<BrokerHealth>,
        write_history: Arc<WriteHistory>,
    ) -> Self {
        Self { signer, health, write_history, token_expiry_ms: AtomicI64::new(i64::MAX) }
    }

    /// The fault behind a rejected authentication. A token that expired during a freeze proves nothing about our identity:
    /// librdkafka requests another one within a second, unless there is none.
    fn rejection(&self, now: SystemTime) -> ConnectionFault {
        let is_expired = self.token_expiry_ms.load(Ordering::Relaxed) <= millis(now);
        if is_expired && !self.health.has_no_token() { ConnectionFault::Disconnected } else { ConnectionFault::Denied }
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let signer = self.signer.as_ref().ok_or("no credentials to authenticate with")?;
        match iam::token(signer, now()) {
            Ok(token) => {
                let lifetime_ms = millis(token.expiry);
                self.token_expiry_ms.store(lifetime_ms, Ordering::Relaxed);
                // The brokers read the principal from the token.
                Ok(OAuthToken { token: token.value, principal_name: String::new(), lifetime_ms })
            }
            Err(error) => {
                self.health.report_no_token(&one_line(&error));
                Err(error.into())
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client");
        let Some(code) = error.rdkafka_error_code() else { return };
        // The message starts with the broker's name, unless it concerns all brokers.
        let broker = reason.split_once(": ").map_or("all", |(broker, _)| broker);
        match code {
            // Only the broker's message distinguishes throttling from rejected credentials.
            RDKafkaErrorCode::Authentication if reason.contains("Too many connect") => {
                self.health.report(broker, ConnectionFault::Throttled, reason);
            }
            RDKafkaErrorCode::Authentication => self.health.report(broker, self.rejection(now()), reason),
            // `AllBrokersDown` repeats the brokers' own errors, without their names. The others are a reader's news; it has no group,
            // although librdkafka looks for its coordinator.
            RDKafkaErrorCode::AllBrokersDown
            | RDKafkaErrorCode::PartitionEOF
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::AutoOffsetReset => {}
            _ => self.health.report(broker, ConnectionFault::Disconnected, reason),
        }
    }

    fn log(&self, level: RDKafkaLogLevel, _: &str, line: &str) {
        match level {
            RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info => {
                if let Some(session) = session_lifetime(line) {
                    self.health.record_session(session);
                }
            }
            // librdkafka also reports these as errors.
            _ => tracing::debug!(line, "Kafka client"),
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        let (Ok(message) | Err((_, message))) = result;
        pending.complete(self.write_history.add(message.topic(), deliveries::report(result)));
    }
}

/// The lifetime of the session that a broker just granted. librdkafka reports it only in its log.
fn session_lifetime(line: &str) -> Option<Duration> {
    let (_, rest) = line.split_once("Received session lifetime ")?;
    rest.split_once(" ms")?.0.parse().ok().map(Duration::from_millis)
}

#[expect(clippy::disallowed_methods, reason = "tokens are signed, and expire, by the time of day")]
fn now() -> SystemTime {
    SystemTime::now()
}

fn millis(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use aws_credential_types::Credentials;

    use super::*;

    #[test]
    fn a_rejected_token_that_had_expired_does_not_count_as_denied() {
        let health = Arc::<BrokerHealth>::default();
        let credentials = Credentials::new("AKIA", "secret", None, None, "test");
        let signer = Signer { region: "eu-west-1".to_owned(), credentials };
        let context = Context::new(Some(signer), Arc::clone(&health), Arc::default());
        assert_eq!(context.rejection(now()), ConnectionFault::Denied, "no token was signed yet");
        context.generate_oauth_token(None).unwrap();
        assert_eq!(context.rejection(now()), ConnectionFault::Denied);
        let after = now() + Duration::from_mins(16);
        assert_eq!(context.rejection(after), ConnectionFault::Disconnected);
        health.report_no_token("the AWS credentials expired 5 s ago");
        assert_eq!(context.rejection(after), ConnectionFault::Denied, "there is no other token");
    }

    #[test]
    fn a_sessions_lifetime_is_parsed_from_librdkafkas_log() {
        let line = "[thrd:sasl_ssl://b-1:9098/bootstrap]: Received session lifetime 899521 ms from broker";
        assert_eq!(session_lifetime(line), Some(Duration::from_millis(899_521)));
        assert_eq!(session_lifetime("[thrd:main]: something else"), None);
    }
}

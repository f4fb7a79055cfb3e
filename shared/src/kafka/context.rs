//! What librdkafka calls back: for a token, with its troubles, with its log, with what became of a record.

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
    producer::{DeliveryResult, ProducerContext},
};

use super::{
    deliveries::Pending,
    link::{Link, Trouble},
};
use crate::{credentials::Signer, error_chain::one_line, iam};

/// Called on librdkafka's own threads.
pub(super) struct Context {
    signer: Option<Signer>,
    link: Arc<Link>,
    /// When the last token ends, in milliseconds since 1970.
    token_end_ms: AtomicI64,
}

impl Context {
    pub(super) const fn new(signer: Option<Signer>, link: Arc<Link>) -> Self {
        Self { signer, link, token_end_ms: AtomicI64::new(i64::MAX) }
    }

    /// What a refused log-in says. Where the token ended in a freeze, it says nothing of who we are: librdkafka asks for
    /// another within a second, unless there is none.
    fn denied(&self, now: SystemTime) -> Trouble {
        let has_ended = self.token_end_ms.load(Ordering::Relaxed) <= millis(now);
        if has_ended && !self.link.has_no_token() { Trouble::Lost } else { Trouble::Denied }
    }
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let signer = self.signer.as_ref().ok_or("nobody to log in as")?;
        match iam::token(signer, now()) {
            Ok(token) => {
                let lifetime_ms = millis(token.expiry);
                self.token_end_ms.store(lifetime_ms, Ordering::Relaxed);
                // The brokers take the name from the token.
                Ok(OAuthToken { token: token.value, principal_name: String::new(), lifetime_ms })
            }
            Err(error) => {
                self.link.no_token(&one_line(&error));
                Err(error.into())
            }
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        tracing::debug!(%error, reason, "Kafka client");
        let Some(code) = error.rdkafka_error_code() else { return };
        // The broker's name comes first; what is said of all of them has none.
        let broker = reason.split_once(": ").map_or("all", |(broker, _)| broker);
        match code {
            // The brokers' own words are all that tells a busy one from one that does not know us.
            RDKafkaErrorCode::Authentication if reason.contains("Too many connect") => {
                self.link.trouble(broker, Trouble::Busy, reason);
            }
            RDKafkaErrorCode::Authentication => self.link.trouble(broker, self.denied(now()), reason),
            // Told again, without the broker.
            RDKafkaErrorCode::AllBrokersDown => {}
            _ => self.link.trouble(broker, Trouble::Lost, reason),
        }
    }

    fn log(&self, level: RDKafkaLogLevel, _: &str, line: &str) {
        match level {
            RDKafkaLogLevel::Debug | RDKafkaLogLevel::Info => {
                if let Some(session) = session_lifetime(line) {
                    self.link.logged_in(session);
                }
            }
            // What goes wrong comes as an error as well.
            _ => tracing::debug!(line, "Kafka client"),
        }
    }
}

impl ProducerContext for Context {
    type DeliveryOpaque = Box<Pending>;

    fn delivery(&self, result: &DeliveryResult<'_>, pending: Box<Pending>) {
        pending.delivered(result);
    }
}

/// The one thing that librdkafka tells in its log alone: for how long a broker admits the connection that was just made.
fn session_lifetime(line: &str) -> Option<Duration> {
    let (_, rest) = line.split_once("Received session lifetime ")?;
    rest.split_once(" ms")?.0.parse().ok().map(Duration::from_millis)
}

#[expect(clippy::disallowed_methods, reason = "tokens are signed, and end, by the time of day")]
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
    fn a_log_in_that_is_refused_with_a_token_that_ended_says_nothing_of_who_we_are() {
        let link = Arc::<Link>::default();
        let credentials = Credentials::new("AKIA", "secret", None, None, "test");
        let signer = Signer { region: "eu-west-1".to_owned(), credentials };
        let context = Context::new(Some(signer), Arc::clone(&link));
        assert_eq!(context.denied(now()), Trouble::Denied, "there was no token yet");
        context.generate_oauth_token(None).unwrap();
        assert_eq!(context.denied(now()), Trouble::Denied);
        let after = now() + Duration::from_mins(16);
        assert_eq!(context.denied(after), Trouble::Lost);
        link.no_token("the AWS credentials ended 5 s ago");
        assert_eq!(context.denied(after), Trouble::Denied, "there is no other token");
    }

    #[test]
    fn a_sessions_life_is_read_from_librdkafkas_line() {
        let line = "[thrd:sasl_ssl://b-1:9098/bootstrap]: Received session lifetime 899521 ms from broker";
        assert_eq!(session_lifetime(line), Some(Duration::from_millis(899_521)));
        assert_eq!(session_lifetime("[thrd:main]: something else"), None);
    }
}

//! What librdkafka calls back: for a token, with its troubles, with its log, with what became of a record.

use std::{
    error::Error,
    sync::Arc,
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
use crate::{causes::in_one_line, credentials::Signer, iam};

/// Called on librdkafka's own threads.
pub(super) struct Context {
    pub(super) signer: Option<Signer>,
    pub(super) link: Arc<Link>,
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn generate_oauth_token(&self, _: Option<&str>) -> Result<OAuthToken, Box<dyn Error>> {
        let signer = self.signer.as_ref().ok_or("nobody to log in as")?;
        #[expect(clippy::disallowed_methods, reason = "a token is signed at the moment of its log-in")]
        let now = SystemTime::now();
        match iam::token(signer, now) {
            Ok(token) => Ok(OAuthToken {
                token: token.value,
                // The brokers take the name from the token.
                principal_name: String::new(),
                lifetime_ms: millis(token.expiry.duration_since(UNIX_EPOCH).unwrap_or_default()),
            }),
            Err(error) => {
                self.link.no_token(&in_one_line(&error));
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
            RDKafkaErrorCode::Authentication => self.link.trouble(broker, Trouble::Denied, reason),
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

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sessions_life_is_read_from_librdkafkas_line() {
        let line = "[thrd:sasl_ssl://b-1:9098/bootstrap]: Received session lifetime 899521 ms from broker";
        assert_eq!(session_lifetime(line), Some(Duration::from_millis(899_521)));
        assert_eq!(session_lifetime("[thrd:main]: something else"), None);
    }
}

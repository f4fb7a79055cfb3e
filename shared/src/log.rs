//! A function's log. No setting makes it contain an event, a token or a password.

use std::io;

use lambda_runtime::tracing::{
    Subscriber,
    subscriber::{
        EnvFilter, Registry,
        filter::LevelFilter,
        fmt::{self, MakeWriter},
        layer::SubscriberExt,
        util::SubscriberInitExt,
    },
};

/// Starts logging to standard output. Each function's `main` calls it first.
pub fn init(lookup: impl Fn(&str) -> Option<String>) {
    subscriber(lookup, io::stdout).init();
}

/// Logs at the level of `RUST_LOG` or the function's setting, but nothing below INFO: at TRACE the runtime logs every event, and
/// the AWS SDK every request with its body and signed URL. The format is JSON if Lambda's setting is.
pub fn subscriber<W>(lookup: impl Fn(&str) -> Option<String>, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = lookup("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let filter = filter.parse_lossy(lookup("RUST_LOG").unwrap_or_default());
    let registry = Registry::default().with(filter).with(LevelFilter::INFO);
    let lines = fmt::layer().with_target(false).without_time().with_writer(writer);
    match lookup("AWS_LAMBDA_LOG_FORMAT").as_deref() {
        Some("JSON") => Box::new(registry.with(lines.json())),
        _ => Box::new(registry.with(lines.with_ansi(false))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Log;

    /// The log of one line per level, with these variables.
    fn logged(variables: &[(&str, &str)]) -> String {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let log = Log::default();
        let writer = log.clone();
        let guard = subscriber(lookup, move || writer.clone()).set_default();
        tracing::trace!("an event");
        tracing::debug!("a request");
        tracing::info!("a success");
        tracing::warn!("a problem");
        drop(guard);
        log.text()
    }

    #[test]
    fn no_variable_makes_the_log_more_verbose() {
        let default = " INFO a success\n WARN a problem\n";
        for variables in [
            &[][..],
            &[("RUST_LOG", "")],
            &[("RUST_LOG", "trace")],
            &[("RUST_LOG", "shared=trace")],
            &[("AWS_LAMBDA_LOG_LEVEL", "TRACE")],
            &[("AWS_LAMBDA_LOG_LEVEL", "FATAL")],
        ] {
            assert_eq!(logged(variables), default, "{variables:?}");
        }
    }

    #[test]
    fn the_log_can_be_less_verbose_or_json() {
        for variables in [("RUST_LOG", "warn"), ("RUST_LOG", "info,shared=warn"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")] {
            assert_eq!(logged(&[variables]), " WARN a problem\n", "{variables:?}");
        }
        let json = logged(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")]);
        assert_eq!(json, "{\"level\":\"WARN\",\"fields\":{\"message\":\"a problem\"}}\n");
    }
}

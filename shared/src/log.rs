//! A function's log, which no setting can make tell an event, a token or a password.

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

/// Has the process log to its standard output. Each `main` of a function calls it first.
pub fn init(lookup: impl Fn(&str) -> Option<String>) {
    subscriber(lookup, io::stdout).init();
}

/// Logs what `RUST_LOG` or the function's log level asks for, but nothing below INFO: at TRACE the runtime logs each event and
/// AWS's SDK each request, signed URLs, bodies and all. JSON if Lambda is set to it.
pub fn subscriber<W>(lookup: impl Fn(&str) -> Option<String>, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let level = lookup("AWS_LAMBDA_LOG_LEVEL").and_then(|level| level.parse().ok()).unwrap_or(LevelFilter::INFO);
    let filter = EnvFilter::builder().with_default_directive(level.into());
    let filter = filter.parse_lossy(lookup("RUST_LOG").unwrap_or_default());
    let wanted = Registry::default().with(filter).with(LevelFilter::INFO);
    let lines = fmt::layer().with_target(false).without_time().with_writer(writer);
    match lookup("AWS_LAMBDA_LOG_FORMAT").as_deref() {
        Some("JSON") => Box::new(wanted.with(lines.json())),
        _ => Box::new(wanted.with(lines.with_ansi(false))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Log;

    /// What is logged of a line a level, with these variables.
    fn logged(variables: &[(&str, &str)]) -> String {
        let lookup =
            |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
        let log = Log::default();
        let writer = log.clone();
        let guard = subscriber(lookup, move || writer.clone()).set_default();
        tracing::trace!("an event");
        tracing::debug!("a request");
        tracing::info!("what was done");
        tracing::warn!("a trouble");
        drop(guard);
        log.text()
    }

    #[test]
    fn no_variable_brings_more_than_what_is_logged_without_any() {
        let usual = " INFO what was done\n WARN a trouble\n";
        for variables in [
            &[][..],
            &[("RUST_LOG", "")],
            &[("RUST_LOG", "trace")],
            &[("RUST_LOG", "shared=trace")],
            &[("AWS_LAMBDA_LOG_LEVEL", "TRACE")],
            &[("AWS_LAMBDA_LOG_LEVEL", "FATAL")],
        ] {
            assert_eq!(logged(variables), usual, "{variables:?}");
        }
    }

    #[test]
    fn less_can_be_asked_for_and_json() {
        for variables in [("RUST_LOG", "warn"), ("RUST_LOG", "info,shared=warn"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")] {
            assert_eq!(logged(&[variables]), " WARN a trouble\n", "{variables:?}");
        }
        let json = logged(&[("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_LAMBDA_LOG_LEVEL", "WARN")]);
        assert_eq!(json, "{\"level\":\"WARN\",\"fields\":{\"message\":\"a trouble\"}}\n");
    }
}

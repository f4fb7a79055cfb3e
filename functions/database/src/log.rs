//! The log, which no setting can make tell a password.

use lambda_runtime::tracing::{
    Level, Subscriber,
    subscriber::{fmt, fmt::MakeWriter},
};

/// Logs from INFO up, whatever `RUST_LOG` and the function's log level ask for: at TRACE the runtime logs each event
/// and the SDK each request, bodies and all. JSON if Lambda is set to it.
pub fn subscriber<W>(lookup: impl Fn(&str) -> Option<String>, writer: W) -> Box<dyn Subscriber + Send + Sync>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = fmt().with_max_level(Level::INFO).with_target(false).without_time().with_writer(writer);
    match lookup("AWS_LAMBDA_LOG_FORMAT").as_deref() {
        Some("JSON") => Box::new(lines.json().finish()),
        _ => Box::new(lines.with_ansi(false).finish()),
    }
}

//! The Lambda function: each invocation is a run.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use archive::bucket::{Bucket, OpenError};
use lambda_runtime::LambdaEvent;
use serde_json::{Map, Value};
use shared::{deadline, error_chain::Failures, metrics::Metrics};

use crate::{
    append::{Limits, Tables},
    layout::TableName,
    report::Report,
    run,
    settings::Settings,
};

/// The part of the invocation's time that is reserved for the response.
const RESPONSE_RESERVE: Duration = Duration::from_secs(2);

/// The function of one execution environment.
#[derive(Debug)]
pub struct Function {
    names: Vec<TableName>,
    tables: Tables,
    metrics: Metrics,
}

impl Function {
    /// Opens the archive.
    ///
    /// # Errors
    /// When the archive cannot be used.
    pub async fn new(settings: Settings) -> Result<Self, OpenError> {
        let bucket = Bucket::open(&settings.archive_url).await?;
        let tables = Tables::new(bucket, Limits::default(), now_ms);
        Ok(Self { names: run::names(&settings.user_ids), tables, metrics: Metrics::default() })
    }

    /// Brings the tables up to date, and prints the metrics.
    ///
    /// # Errors
    /// When a table failed. Others may be up to date nonetheless.
    pub async fn handle(&self, event: LambdaEvent<Map<String, Value>>) -> Result<Report, Failures> {
        let deadline = deadline::before(event.context.deadline(), RESPONSE_RESERVE);
        let report = run::run(&self.tables, &self.names, deadline).await;
        report.record(&self.metrics);
        self.metrics.flush(&event.context.env_config.function_name);
        report.into_result()
    }
}

/// The time in milliseconds since 1970, for the tables' logs.
#[must_use]
pub fn now_ms() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the tables' logs hold times of day; tests pass their own clock")]
    let now = SystemTime::now();
    now.duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

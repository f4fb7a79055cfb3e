//! A publisher that invokes `ingest`.

use std::time::Duration;

use aws_sdk_lambda::{
    Client,
    config::{Builder, retry::RetryConfig},
    operation::invoke::InvokeOutput,
    primitives::Blob,
};
use serde_json::Value;
use shared::{
    aws::AwsError,
    error_chain::one_line,
    publish::{Failure, Outcome, ProducerRecord, Publish},
};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout_at},
};

use super::{
    FunctionName,
    batch::{Batch, batches},
    response::{ResponseError, outcomes},
};
use crate::aws::Aws;

/// The delay before a throttled invocation is retried.
const RETRY_DELAY: Duration = Duration::from_millis(500);

/// Lambda's errors that mean that the function was not invoked and may be soon. After any other error the function may have
/// run: a retry could write a record twice.
const NOT_INVOKED_ERRORS: [&str; 4] =
    ["TooManyRequestsException", "EC2ThrottledException", "ResourceConflictException", "ResourceNotReadyException"];

/// Writes records through the function `ingest`: one invocation per topic, or more when the records exceed an event's limits.
/// Invocations are sequential, so that a topic's records keep their order and one environment of `ingest` serves them all.
#[derive(Debug)]
pub struct Ingest {
    function: FunctionName,
    aws: Aws,
    client: OnceCell<Client>,
}

/// The error of delivering a batch. Some of its records may be written.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the event for {function} cannot be serialized")]
    Event { function: FunctionName, source: serde_json::Error },
    #[error("{function} cannot be invoked")]
    Invoke { function: FunctionName, source: AwsError },
    #[error("{function} failed: {reason}")]
    Failed { function: FunctionName, reason: String },
    #[error("{function} did not respond in time")]
    Timeout { function: FunctionName },
    #[error(transparent)]
    Response(#[from] ResponseError),
}

impl Ingest {
    /// Creates a publisher that invokes `function`. The first batch loads the configuration of `aws`.
    #[must_use]
    pub fn new(function: FunctionName, aws: Aws) -> Self {
        Self { function, aws, client: OnceCell::new() }
    }

    async fn client(&self) -> &Client {
        let client = async || {
            let config = Builder::from(self.aws.config().await);
            // The SDK's own retries could write records twice.
            Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
        };
        self.client.get_or_init(client).await
    }

    /// Delivers a batch. Returns each record's outcome, and the error if not all were written.
    async fn deliver(
        &self,
        batch: &Batch,
        records: &[ProducerRecord],
        deadline: Instant,
    ) -> (Vec<Outcome>, Option<DeliveryError>) {
        let (function, count) = (self.function.clone(), batch.indexes.len());
        let none = |failure, error| (vec![Err(failure); count], Some(error));
        let event = match batch.event(records) {
            Ok(event) => Blob::new(event),
            Err(source) => return none(Failure::Refused, DeliveryError::Event { function, source }),
        };
        let response = match timeout_at(deadline, self.invoke(event, deadline)).await {
            Ok(Ok(response)) => response,
            Ok(Err(source)) => return none(classify(&source), DeliveryError::Invoke { function, source }),
            Err(_) => return none(Failure::Unconfirmed, DeliveryError::Timeout { function }),
        };
        let payload = response.payload().map_or(&[] as &[u8], AsRef::as_ref);
        if response.function_error().is_some() {
            // `{"errorType":…,"errorMessage":…}`, from the function's runtime, or from Lambda on a timeout.
            let error: Value = serde_json::from_slice(payload).unwrap_or_default();
            let reason = error["errorMessage"].as_str().unwrap_or("it gave no reason").to_owned();
            return none(Failure::Unconfirmed, DeliveryError::Failed { function, reason });
        }
        let (outcomes, error) = outcomes(payload, count);
        (outcomes, error.map(DeliveryError::Response))
    }

    /// Invokes the function. Retries while Lambda reports that it did not run.
    async fn invoke(&self, event: Blob, deadline: Instant) -> Result<InvokeOutput, AwsError> {
        let client = self.client().await;
        loop {
            let invocation = client.invoke().function_name(self.function.to_string()).payload(event.clone());
            match invocation.send().await.map_err(|error| AwsError::of(&error)) {
                Err(error) if was_not_invoked(&error) && Instant::now() + RETRY_DELAY < deadline => {
                    sleep(RETRY_DELAY).await;
                }
                result => return result,
            }
        }
    }
}

impl Publish for Ingest {
    async fn publish(&self, records: Vec<ProducerRecord>, deadline: Instant) -> Vec<Outcome> {
        let mut all = vec![Err(Failure::Unconfirmed); records.len()];
        let mut first = None;
        for batch in batches(&records) {
            let (outcomes, error) = self.deliver(&batch, &records, deadline).await;
            for (index, outcome) in batch.indexes.iter().zip(outcomes) {
                all[*index] = outcome;
            }
            if let Some(error) = error {
                first.get_or_insert((batch.topic, error));
            }
        }
        // One line: all batches mostly fail for the same reason.
        if let Some((topic, error)) = first {
            tracing::warn!(%topic, error = one_line(&error), "not delivered");
        }
        all
    }
}

/// Classifies Lambda's error as the records' failure.
fn classify(error: &AwsError) -> Failure {
    match error.status() {
        Some(413) => Failure::TooLarge,
        _ if was_not_invoked(error) => Failure::Unconfirmed,
        // Lambda refused the call: the function did not run.
        Some(400..=499) => Failure::Refused,
        _ => Failure::Unconfirmed,
    }
}

fn was_not_invoked(error: &AwsError) -> bool {
    error.code().is_some_and(|code| NOT_INVOKED_ERRORS.contains(&code))
}

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
    aws::Told,
    causes::in_one_line,
    publish::{Failure, Outcome, Publish, Record},
};
use tokio::{
    sync::OnceCell,
    time::{Instant, sleep, timeout_at},
};

use super::{
    FunctionName,
    answer::{AnswerError, outcomes},
    batch::{Batch, batches},
};
use crate::aws::Aws;

/// How long to wait before Lambda is asked again for what it had no room for.
const PAUSE: Duration = Duration::from_millis(500);

/// What Lambda says where it did not invoke the function and may do so soon. Anything else that may pass could have been said
/// behind an invocation: asking again would write a record twice.
const NOT_YET: [&str; 4] =
    ["TooManyRequestsException", "EC2ThrottledException", "ResourceConflictException", "ResourceNotReadyException"];

/// Has the function `ingest` write records: one invocation a topic, or more where there are too many records for one. They
/// follow one another, so that a topic's records keep their order and one environment of `ingest` serves them all.
#[derive(Debug)]
pub struct Ingest {
    function: FunctionName,
    aws: Aws,
    client: OnceCell<Client>,
}

/// Why a batch, or some of its records, was not written.
#[derive(Debug, thiserror::Error)]
enum DeliveryError {
    #[error("the event for {function} cannot be written")]
    Event { function: FunctionName, source: serde_json::Error },
    #[error("{function} cannot be invoked")]
    Invoke { function: FunctionName, source: Told },
    #[error("{function} failed: {reason}")]
    Failed { function: FunctionName, reason: String },
    #[error("{function} did not answer in time")]
    Late { function: FunctionName },
    #[error(transparent)]
    Answer(#[from] AnswerError),
}

impl Ingest {
    /// Invokes `function`. What `aws` takes to be ready is spent by the first batch.
    #[must_use]
    pub fn new(function: FunctionName, aws: Aws) -> Self {
        Self { function, aws, client: OnceCell::new() }
    }

    async fn client(&self) -> &Client {
        let client = async || {
            let config = Builder::from(self.aws.config().await);
            // The SDK would ask again where records may be written.
            Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
        };
        self.client.get_or_init(client).await
    }

    /// What became of a batch, and why it was not all written if so.
    async fn deliver(
        &self,
        batch: &Batch,
        records: &[Record],
        deadline: Instant,
    ) -> (Vec<Outcome>, Option<DeliveryError>) {
        let (function, count) = (self.function.clone(), batch.places.len());
        let none = |failure, error| (vec![Err(failure); count], Some(error));
        let event = match batch.event(records) {
            Ok(event) => Blob::new(event),
            Err(source) => return none(Failure::Refused, DeliveryError::Event { function, source }),
        };
        let answer = match timeout_at(deadline, self.invoke(event, deadline)).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(source)) => return none(sort(&source), DeliveryError::Invoke { function, source }),
            Err(_) => return none(Failure::Unconfirmed, DeliveryError::Late { function }),
        };
        let payload = answer.payload().map_or(&[] as &[u8], AsRef::as_ref);
        if answer.function_error().is_some() {
            // `{"errorType":…,"errorMessage":…}`: of Lambda's runtime, or Lambda's own on a time-out.
            let error: Value = serde_json::from_slice(payload).unwrap_or_default();
            let reason = error["errorMessage"].as_str().unwrap_or("it gave no reason").to_owned();
            return none(Failure::Unconfirmed, DeliveryError::Failed { function, reason });
        }
        let (outcomes, error) = outcomes(payload, count);
        (outcomes, error.map(DeliveryError::Answer))
    }

    /// Invokes the function, again while Lambda says that it did not.
    async fn invoke(&self, event: Blob, deadline: Instant) -> Result<InvokeOutput, Told> {
        let client = self.client().await;
        loop {
            let invocation = client.invoke().function_name(self.function.to_string()).payload(event.clone());
            match invocation.send().await.map_err(|error| Told::of(&error)) {
                Err(told) if is_one_of(&told, &NOT_YET) && Instant::now() + PAUSE < deadline => sleep(PAUSE).await,
                answer => return answer,
            }
        }
    }
}

impl Publish for Ingest {
    async fn publish(&self, records: Vec<Record>, deadline: Instant) -> Vec<Outcome> {
        let mut all = vec![Err(Failure::Unconfirmed); records.len()];
        let mut first = None;
        for batch in batches(&records) {
            let (outcomes, error) = self.deliver(&batch, &records, deadline).await;
            for (place, outcome) in batch.places.iter().zip(outcomes) {
                all[*place] = outcome;
            }
            if let Some(error) = error {
                first.get_or_insert((batch.topic, error));
            }
        }
        // One line: what keeps one batch from being written mostly keeps all of them.
        if let Some((topic, error)) = first {
            tracing::warn!(%topic, error = in_one_line(&error), "not delivered");
        }
        all
    }
}

/// What a refusal of Lambda's says of the records.
fn sort(told: &Told) -> Failure {
    match told.status() {
        Some(413) => Failure::TooLarge,
        _ if is_one_of(told, &NOT_YET) => Failure::Unconfirmed,
        // Lambda refused the call and invoked nothing.
        Some(400..=499) => Failure::Refused,
        _ => Failure::Unconfirmed,
    }
}

fn is_one_of(told: &Told, codes: &[&str]) -> bool {
    told.code().is_some_and(|code| codes.contains(&code))
}

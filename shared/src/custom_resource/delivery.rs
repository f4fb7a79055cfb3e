//! Sending the answer.

use std::time::Duration;

use lambda_runtime::Diagnostic;
use reqwest::{Client, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};

use super::{Response, event::ResponseUrl};
use crate::error_chain::one_line;

/// What is kept of the function's time when no attempt has worked, to say so.
pub(super) const RESERVE: Duration = Duration::from_millis(500);

/// For one attempt. S3 answers within milliseconds; an attempt that hangs must leave the time for another one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// Between attempts, doubled after each.
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// The longest pause. CloudFormation waits, so another attempt costs nothing but the function's time.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// Why CloudFormation was not told, or need not be.
#[derive(Debug, thiserror::Error)]
pub enum ResponseError {
    /// There is nowhere to answer to.
    #[error(
        "the event has no ResponseURL, so it is not CloudFormation's: this function makes a custom resource, and is invoked by deploying a template that has one"
    )]
    NoUrl,
    /// The address of the answer is none.
    #[error("the event's ResponseURL cannot be used")]
    Url(#[source] <reqwest::Url as std::str::FromStr>::Err),
    /// Something else is missing without which CloudFormation does not take an answer.
    #[error("the event is not CloudFormation's request for a custom resource")]
    Event(#[source] serde_json::Error),
    /// There is no client to send with.
    #[error("the answer cannot be sent")]
    Client(#[source] reqwest::Error),
    /// The URL is another request's, or its two hours are over.
    #[error("{host} refused the answer with {status}")]
    Refused {
        /// Where it was sent.
        host: String,
        /// What came back.
        status: StatusCode,
    },
    /// No attempt was answered.
    #[error(
        "the answer could not be delivered to {host} in {attempts} attempts; a function in a VPC reaches S3 by a gateway endpoint ({last})"
    )]
    Unreachable {
        /// Where it was sent.
        host: String,
        /// How often.
        attempts: u32,
        /// What became of the last one.
        last: String,
    },
}

impl From<ResponseError> for Diagnostic {
    fn from(error: ResponseError) -> Self {
        Self { error_type: "custom_resource::ResponseError".to_owned(), error_message: one_line(&error) }
    }
}

/// Sends the answer until it is taken or the time is over.
///
/// # Errors
/// When it was refused, or not taken in time.
pub(super) async fn put(url: &ResponseUrl, response: &Response, end: Instant) -> Result<(), ResponseError> {
    let client = Client::builder().timeout(ATTEMPT_TIMEOUT).build().map_err(ResponseError::Client)?;
    let body = response.body();
    let (mut attempts, mut pause, mut last) = (0, FIRST_PAUSE, "the function's time was over".to_owned());
    let attempt = async {
        loop {
            attempts += 1;
            // No content type: the URL is signed without one.
            last = match client.put(url.0.clone()).body(body.clone()).send().await {
                Ok(answer) if answer.status().is_success() => return Ok(()),
                Ok(answer) if is_final(answer.status()) => return Err(answer.status()),
                Ok(answer) => answer.status().to_string(),
                Err(error) => one_line(&error.without_url()),
            };
            tracing::warn!(host = %url, attempts, last, "the answer was not taken");
            sleep(pause).await;
            pause = MAX_PAUSE.min(2 * pause);
        }
    };
    match timeout_at(end, attempt).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(status)) => Err(ResponseError::Refused { host: url.to_string(), status }),
        Err(_) => Err(ResponseError::Unreachable { host: url.to_string(), attempts, last }),
    }
}

/// Another attempt would get the same answer.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

//! The delivery of the response.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use tokio::time::{Instant, sleep, timeout_at};

use super::{error::ResponseError, event::ResponseUrl, response::Response};
use crate::error_chain::one_line;

/// The time reserved at the function's end for logging that no attempt succeeded.
pub(super) const RESERVE: Duration = Duration::from_millis(500);

/// The time for one attempt. S3 responds within milliseconds; an attempt that hangs must leave time for another one.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(3);

/// The delay after the first attempt. It doubles after each.
const FIRST_RETRY_DELAY: Duration = Duration::from_millis(100);

/// The longest delay. CloudFormation waits, so another attempt costs only the function's time.
const MAX_RETRY_DELAY: Duration = Duration::from_secs(5);

/// Sends the response until it is accepted or `deadline` has passed.
///
/// # Errors
/// When the response was rejected, or not accepted in time.
pub(super) async fn put(url: &ResponseUrl, response: &Response, deadline: Instant) -> Result<(), ResponseError> {
    let client = Client::builder().timeout(ATTEMPT_TIMEOUT).build().map_err(ResponseError::Client)?;
    let body = response.body();
    let (mut attempts, mut delay, mut last) = (0, FIRST_RETRY_DELAY, "the function timed out".to_owned());
    let attempt = async {
        loop {
            attempts += 1;
            // No content type: the URL is signed without one.
            last = match client.put(url.0.clone()).body(body.clone()).send().await {
                Ok(reply) if reply.status().is_success() => return Ok(()),
                Ok(reply) if is_final(reply.status()) => return Err(reply.status()),
                Ok(reply) => reply.status().to_string(),
                Err(error) => one_line(&error.without_url()),
            };
            tracing::warn!(host = %url, attempts, last, "the response was not accepted");
            sleep(delay).await;
            delay = MAX_RETRY_DELAY.min(2 * delay);
        }
    };
    match timeout_at(deadline, attempt).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(status)) => Err(ResponseError::Rejected { host: url.to_string(), status }),
        Err(_) => Err(ResponseError::Unreachable { host: url.to_string(), attempts, last }),
    }
}

/// Returns whether another attempt would get the same status.
fn is_final(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS)
}

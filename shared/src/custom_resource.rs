//! The protocol between CloudFormation and the function of a custom resource.
//!
//! CloudFormation ignores the function's return value. It waits, an hour by default, for a `PUT` of the response to the URL
//! in the event. So [`respond`] always sends one, also when the work fails, panics or times out, and when the properties are
//! unusable.
//!
//! Deletions succeed without any work, because topics and tables hold data. This also covers the deletion that CloudFormation
//! sends after a failed creation. An event may arrive twice, so the work has to be idempotent.

use std::{error::Error, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use lambda_runtime::{Context, LambdaEvent};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{deadline, error_chain};

mod delivery;
mod error;
mod event;
mod response;

pub use error::ResponseError;
use event::{Event, RequestType};
use response::Response;
pub use response::Success;

/// The time reserved for delivering the response: two attempts and the delay between them.
const DELIVERY_RESERVE: Duration = Duration::from_secs(7);

/// The time between the work's deadline and its cancellation, in which it can report its own error.
const GRACE_PERIOD: Duration = Duration::from_secs(1);

/// The time between the work's deadline and the function's timeout.
pub const RESPONSE_RESERVE: Duration = DELIVERY_RESERVE.saturating_add(GRACE_PERIOD);

/// A request to create a resource, or to update it to the template.
#[derive(Debug)]
pub struct Request<P> {
    /// The resource's properties in the template, without `ServiceToken`.
    pub properties: P,
    /// The deadline of the work. A second later the work is dropped, and the response reports a timeout.
    pub deadline: Instant,
}

/// The reason of a failed operation. CloudFormation shows the message.
#[derive(Debug, thiserror::Error)]
enum Failure<E: Error + 'static> {
    #[error("CloudFormation requested {0}, which is none of Create, Update and Delete")]
    RequestType(String),
    #[error("the resource's properties cannot be used")]
    Properties(#[source] serde_json::Error),
    #[error(
        "the function timed out before the work was done; completed work stays: deploy again, or raise the function's Timeout"
    )]
    TimedOut,
    #[error("the function panicked, which is a bug: its log shows where")]
    Panicked,
    #[error(transparent)]
    Work(E),
}

/// Runs `work` for the resource of the event and reports its result to CloudFormation.
///
/// The future of `work` may be dropped at any time after [`Request::deadline`].
///
/// # Errors
/// When the event is not CloudFormation's, or the response could not be delivered. Lambda then invokes the function again.
/// Failed work is not an error here, because CloudFormation gets it.
pub async fn respond<P, E, F>(
    event: LambdaEvent<Value>,
    work: impl FnOnce(Request<P>) -> F,
) -> Result<(), ResponseError>
where
    P: DeserializeOwned,
    E: Error + 'static,
    F: Future<Output = Result<Success, E>>,
{
    let LambdaEvent { payload, context } = event;
    let (event, url) = event::parse(payload)?;
    let started = Instant::now();
    let response = match result(&event, work, deadline::before(context.deadline(), DELIVERY_RESERVE)).await {
        Ok(success) => Response::success(&event, success),
        Err(failure) => Response::failed(&event, &error_chain::one_line(&failure), &log(&context)),
    };
    let Event { request_type, logical_resource_id: resource, .. } = &event;
    let duration_ms = started.elapsed().as_millis();
    match &response.reason {
        None => tracing::info!(%request_type, resource, duration_ms, "the resource matches the template"),
        Some(reason) => tracing::error!(%request_type, resource, duration_ms, reason, "the custom resource failed"),
    }
    delivery::put(&url, &response, deadline::before(context.deadline(), delivery::RESERVE)).await
}

async fn result<P, E, F>(event: &Event, work: impl FnOnce(Request<P>) -> F, end: Instant) -> Result<Success, Failure<E>>
where
    P: DeserializeOwned,
    E: Error + 'static,
    F: Future<Output = Result<Success, E>>,
{
    match &event.request_type {
        RequestType::Delete => Ok(Success::default()),
        RequestType::Create | RequestType::Update => {
            let properties = serde_json::from_value(event.properties()).map_err(Failure::Properties)?;
            let request = Request { properties, deadline: end.checked_sub(GRACE_PERIOD).unwrap_or(end) };
            // Unwind safety: only clients are shared, and a panic leaves no more half done than a crash does.
            let work = AssertUnwindSafe(async { work(request).await }).catch_unwind();
            match timeout_at(end, work).await {
                Ok(Ok(done)) => done.map_err(Failure::Work),
                Ok(Err(_)) => Err(Failure::Panicked),
                Err(_) => Err(Failure::TimedOut),
            }
        }
        RequestType::Other(other) => Err(Failure::RequestType(other.clone())),
    }
}

/// The location of the log, if Lambda provides it.
fn log(context: &Context) -> String {
    let config = &context.env_config;
    match (config.log_group.as_str(), config.log_stream.as_str()) {
        ("", _) | (_, "") => String::new(),
        (group, stream) => format!(" (log: {group} {stream})"),
    }
}

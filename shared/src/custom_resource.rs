//! What CloudFormation asks of a custom resource, and the answer.
//!
//! CloudFormation invokes the function and does not read what it returns: it waits, an hour unless told otherwise, for a
//! `PUT` of the answer to the URL in the event. So [`respond`] always sends one: when the work fails, panics or takes
//! too long, and when the properties cannot be used.
//!
//! What our resources make is not theirs to take away: topics and tables hold data. So a deletion is answered and
//! nothing more, which also serves the one that CloudFormation sends after a creation that failed. An event may come
//! twice, so the work has to be repeatable.

use std::{collections::BTreeMap, error::Error, panic::AssertUnwindSafe, time::Duration};

use futures::FutureExt;
use lambda_runtime::{Context, LambdaEvent};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};

use crate::{deadline, error_chain};

mod delivery;
mod event;
mod response;

pub use delivery::ResponseError;
use event::{Event, RequestType};
use response::Response;

/// What is kept of the function's time for sending the answer: two attempts and the pause between them.
const RESERVE: Duration = Duration::from_secs(7);

/// How long before that the work is told to end, so that its own error is answered and not that the time is over.
const NOTICE: Duration = Duration::from_secs(1);

/// How long before the function's end the work is told to be done.
pub const RESPONSE_RESERVE: Duration = RESERVE.saturating_add(NOTICE);

/// A resource to make, or to bring to what the template says now.
#[derive(Debug)]
pub struct Request<P> {
    /// The resource's properties in the template, without `ServiceToken`.
    pub properties: P,
    /// By when to have an answer. A second later the work is dropped, and the answer says that the time is over.
    pub deadline: Instant,
}

/// What the template can read of a resource that is there.
#[derive(Debug, Default)]
pub struct Success {
    data: BTreeMap<&'static str, String>,
}

impl Success {
    /// Adds what `!GetAtt Resource.<name>` gives. CloudFormation takes 4 KiB in all.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.data.insert(name, value.into());
        self
    }
}

/// Why there is no resource. The message is what CloudFormation shows as the reason.
#[derive(Debug, thiserror::Error)]
enum Failure<E: Error + 'static> {
    #[error("CloudFormation asks for {0}, which is none of Create, Update and Delete")]
    RequestType(String),
    #[error("the resource's properties cannot be used")]
    Properties(#[source] serde_json::Error),
    #[error(
        "the function's time was over before the work was done; what is done stays: deploy again, or give the function a longer Timeout"
    )]
    TimeOver,
    #[error("the function panicked, which is a mistake in it; its log tells where")]
    Panicked,
    #[error(transparent)]
    Work(E),
}

/// Has `work` make the resource that the event asks for, and tells CloudFormation what came of it.
///
/// `work` returns a future that may be dropped at any moment after [`Request::deadline`].
///
/// # Errors
/// When the event is not CloudFormation's, or the answer could not be delivered. Lambda then invokes the function again.
/// Work that fails is no error: CloudFormation was told.
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
    let response = match result(&event, work, deadline::before(context.deadline(), RESERVE)).await {
        Ok(success) => Response::success(&event, success),
        Err(failure) => Response::failed(&event, &error_chain::one_line(&failure), &log(&context)),
    };
    let Event { request_type, logical_resource_id: resource, .. } = &event;
    let duration_ms = started.elapsed().as_millis();
    match &response.reason {
        None => tracing::info!(%request_type, resource, duration_ms, "the resource is as the template says"),
        Some(reason) => tracing::error!(%request_type, resource, duration_ms, reason, "the resource is not there"),
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
            let request = Request { properties, deadline: end.checked_sub(NOTICE).unwrap_or(end) };
            // What is left half done by a panic is left half done by a crash too; nothing is shared but clients.
            let work = AssertUnwindSafe(async { work(request).await }).catch_unwind();
            match timeout_at(end, work).await {
                Ok(Ok(done)) => done.map_err(Failure::Work),
                Ok(Err(_)) => Err(Failure::Panicked),
                Err(_) => Err(Failure::TimeOver),
            }
        }
        RequestType::Other(other) => Err(Failure::RequestType(other.clone())),
    }
}

/// Where the log is that tells more, when Lambda says so.
fn log(context: &Context) -> String {
    let config = &context.env_config;
    match (config.log_group.as_str(), config.log_stream.as_str()) {
        ("", _) | (_, "") => String::new(),
        (group, stream) => format!(" (log: {group} {stream})"),
    }
}

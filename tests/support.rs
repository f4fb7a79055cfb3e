//! Helpers that several tests share.

use std::time::{Duration, SystemTime};

use ingest::event::Event;
use lambda_runtime::{Context, LambdaEvent};
use serde::Deserialize;

pub(crate) mod aws;
pub(crate) mod cloudformation;
pub(crate) mod contents;
pub(crate) mod gateway;
pub(crate) mod golden;
pub(crate) mod http;
pub(crate) mod local;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod msk;
pub(crate) mod openapi;
pub(crate) mod pipeline;
pub(crate) mod program;
pub(crate) mod programs;
pub(crate) mod recorder;
pub(crate) mod rows;
pub(crate) mod stub;
pub(crate) mod template;

/// Parses API Gateway's event as `lambda_runtime` does: trailing text is ignored.
pub(crate) fn event(text: &str) -> Event {
    Event::deserialize(&mut serde_json::Deserializer::from_str(text)).unwrap()
}

/// An invocation of a function that times out after `timeout`.
pub(crate) fn invocation<T>(payload: T, timeout: Duration) -> LambdaEvent<T> {
    let mut context = Context::default();
    #[expect(clippy::disallowed_methods, reason = "Lambda's deadline is a time of day")]
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    context.deadline = u64::try_from((now + timeout).as_millis()).unwrap();
    LambdaEvent::new(payload, context)
}

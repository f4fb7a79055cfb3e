//! The function's events.

use std::{sync::LazyLock, time::Duration};

use aws_lambda_events::encodings::Body;
use bolero::check;
use ingest::event::{Event, handle};
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;
use tokio::time::timeout;

use crate::front::Front;

static FRONT: LazyLock<Front> = LazyLock::new(Front::new);

/// Longer than any response takes that waits for nothing.
const LONG: Duration = Duration::from_secs(10);

/// Every event gets a response, and the records that it reports as written are written.
#[test]
fn fuzz() {
    check!(name = "event").for_each(|bytes: &[u8]| {
        // Lambda invokes functions with JSON only.
        let Ok(event) = serde_json::from_slice::<Event>(bytes) else { return };
        let (runtime, recorder) = FRONT.parts();
        let event = LambdaEvent::new(event, Context::default());
        let answer =
            runtime.block_on(async { timeout(LONG, handle(&recorder.app(), Duration::ZERO, event)).await.unwrap() });
        let written = recorder.take();
        assert!((200..600).contains(&answer.status_code) && answer.status_code != 500, "{answer:?}");
        assert_eq!(reported_as_written(answer.body.as_ref()), written.len(), "{answer:?}");
    });
}

/// The number of records that a response reports as written: those with an offset.
fn reported_as_written(body: Option<&Body>) -> usize {
    let Some(Body::Text(text)) = body else { panic!("no text: {body:?}") };
    let answers = serde_json::Deserializer::from_str(text).into_iter::<Value>().map_while(Result::ok);
    let answers = answers
        .flat_map(|answer| ["offsets", "successes"].map(|list| answer[list].clone()).into_iter().chain([answer]));
    let entries = answers.flat_map(|answer| answer.as_array().cloned().unwrap_or_else(|| vec![answer]));
    entries.filter(|entry| entry["offset"].is_u64()).count()
}

//! A client that posts one request after the other and records the responses.

use std::{sync::LazyLock, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, RETRY_AFTER};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    journal::Sent,
    post::{Api, Body, CONTENT_TYPE, NUMBERS_PER_CLIENT, Number, Repeat, body, invalid_body},
    response::{RecordState, record_states},
};

/// Longer than API Gateway's timeout.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);

/// The default maximum pause between two requests.
const MAX_PAUSE: Duration = Duration::from_millis(40);

/// The delay before a retry.
const RETRY_DELAY: Duration = Duration::from_millis(200);

/// The maximum number of records in a request.
const MAX_RECORDS: u64 = 5;

/// One of this many requests is invalid.
pub(crate) const INVALID_ONE_IN: u32 = 20;

/// One of this many requests goes to the topic's stream.
const STREAMED_ONE_IN: u32 = 3;

/// Shared, because creating a client takes tens of milliseconds and would stagger clients that have to start together.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// The client's reaction to unconfirmed records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RetryPolicy {
    /// Never retries.
    Never,
    /// Retries until the records are confirmed.
    UntilConfirmed,
}

/// The current round, or the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Round(usize),
    Over,
}

#[derive(Debug)]
pub(crate) struct Client {
    url: String,
    retry_policy: RetryPolicy,
    pause: Duration,
    next: Number,
    random: StdRng,
    phase: watch::Receiver<Phase>,
    sent: Vec<Sent>,
}

impl Client {
    /// Creates the client with this number for a topic's URL.
    pub(crate) fn new(
        number: u64,
        url: &str,
        retry_policy: RetryPolicy,
        seed: u64,
        phase: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            url: url.to_owned(),
            retry_policy,
            pause: MAX_PAUSE,
            next: number * NUMBERS_PER_CLIENT,
            random: StdRng::seed_from_u64(seed ^ number),
            phase,
            sent: Vec::new(),
        }
    }

    /// Sets the maximum pause between two requests.
    pub(crate) const fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Posts until the end, and returns the requests.
    pub(crate) async fn run(mut self) -> Vec<Sent> {
        while *self.phase.borrow() != Phase::Over {
            let numbers = self.numbers();
            if self.random.random_ratio(1, INVALID_ONE_IN) {
                let body = invalid_body(self.api(), &numbers);
                let states = self.post(&numbers, 0, body).await;
                if states.iter().any(|(_, state)| state.is_written())
                    && let Some(sent) = self.sent.last_mut()
                {
                    sent.broken = Some("an invalid record was written".to_owned());
                }
            } else {
                self.deliver(numbers).await;
            }
            sleep(self.random.random_range(Duration::ZERO..self.pause)).await;
        }
        self.sent
    }

    /// Posts until a request is answered with 200.
    pub(crate) async fn until_served(&mut self) {
        while !self.post_some().await.iter().all(|(_, state)| state.is_written()) {
            sleep(RETRY_DELAY).await;
        }
    }

    /// Posts one request with new records.
    pub(crate) async fn post_some(&mut self) -> Vec<(Number, RecordState)> {
        let numbers = self.numbers();
        let body = body(self.api(), &numbers, 0);
        self.post(&numbers, 0, body).await
    }

    /// Returns the requests.
    pub(crate) fn into_sent(self) -> Vec<Sent> {
        self.sent
    }

    /// Draws the part of the API for a request.
    fn api(&mut self) -> Api {
        if self.random.random_ratio(1, STREAMED_ONE_IN) { Api::Streams } else { Api::Topics }
    }

    fn numbers(&mut self) -> Vec<Number> {
        let count = self.random.random_range(1..=MAX_RECORDS);
        let numbers = (self.next..self.next + count).collect();
        self.next += count;
        numbers
    }

    async fn deliver(&mut self, mut numbers: Vec<Number>) {
        for repeat in 0.. {
            let body = body(self.api(), &numbers, repeat);
            let states = self.post(&numbers, repeat, body).await;
            numbers = states
                .iter()
                .filter(|(_, state)| *state == RecordState::Unconfirmed)
                .map(|(number, _)| *number)
                .collect();
            if self.retry_policy == RetryPolicy::Never || numbers.is_empty() || *self.phase.borrow() == Phase::Over {
                return;
            }
            sleep(RETRY_DELAY).await;
        }
    }

    /// Posts a body with these records.
    pub(crate) async fn post(&mut self, numbers: &[Number], repeat: Repeat, body: Body) -> Vec<(Number, RecordState)> {
        let round = match *self.phase.borrow() {
            Phase::Round(round) => round,
            Phase::Over => usize::MAX,
        };
        let begun = Instant::now();
        // Recorded in advance, in case the caller stops waiting.
        let unknown = numbers.iter().map(|number| (*number, RecordState::Unconfirmed)).collect();
        self.sent.push(Sent { round, repeat, states: unknown, status: None, took: Duration::ZERO, broken: None });
        let answer = self.send(body).await;
        let (status, states, broken) = match answer {
            Ok(Answer { status, body, has_retry_after }) => match record_states(status, &body, numbers.len()) {
                Ok(states) if matches!(status, 429 | 503) && !has_retry_after => {
                    (Some(status), states, Some(format!("{status} without Retry-After: {body}")))
                }
                Ok(states) => (Some(status), states, None),
                Err(broken) => (Some(status), unconfirmed(numbers), Some(broken.0)),
            },
            // The connection was closed, or the request timed out.
            Err(_) => (None, unconfirmed(numbers), None),
        };
        let states: Vec<_> = numbers.iter().copied().zip(states).collect();
        if let Some(sent) = self.sent.last_mut() {
            *sent = Sent { round, repeat, states: states.clone(), status, took: begun.elapsed(), broken };
        }
        states
    }

    async fn send(&self, Body { api, text }: Body) -> reqwest::Result<Answer> {
        let request = match api {
            Api::Topics => HTTP.post(&self.url).header(CONTENT_TYPE_HEADER, CONTENT_TYPE),
            Api::Streams => HTTP.put(stream_url(&self.url)).header(CONTENT_TYPE_HEADER, "application/json"),
        };
        let response = request.timeout(REQUEST_TIMEOUT).body(text).send().await?;
        let (status, has_retry_after) = (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER));
        Ok(Answer { status, body: response.text().await?, has_retry_after })
    }
}

/// The URL of the stream of a topic's URL: `…/topics/u.geo` is `…/streams/streaming-u-geo/records`.
fn stream_url(topic_url: &str) -> String {
    let (base, topic) = topic_url.rsplit_once("/topics/").unwrap_or(("", topic_url));
    let (user_id, kind) = topic.rsplit_once('.').unwrap_or((topic, ""));
    format!("{base}/streams/streaming-{user_id}-{kind}/records")
}

struct Answer {
    status: u16,
    body: String,
    has_retry_after: bool,
}

fn unconfirmed(numbers: &[Number]) -> Vec<RecordState> {
    vec![RecordState::Unconfirmed; numbers.len()]
}

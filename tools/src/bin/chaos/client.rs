//! A client that posts one request after the other and records the responses.

use std::{sync::LazyLock, time::Duration};

use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, RETRY_AFTER};
use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    answer::{Told, told},
    journal::Sent,
    post::{CONTENT_TYPE, NUMBERS, Number, Repeat, body, wrong_body},
};

/// Longer than API Gateway's timeout.
const PATIENCE: Duration = Duration::from_secs(40);

/// The default maximum pause between two requests.
const PAUSE: Duration = Duration::from_millis(40);

/// The delay before a retry.
const BEFORE_AGAIN: Duration = Duration::from_millis(200);

/// The maximum number of records in a request.
const RECORDS: u64 = 5;

/// One of this many requests is invalid.
pub(crate) const WRONG: u32 = 20;

/// Shared, because creating a client takes tens of milliseconds and would stagger clients that have to start together.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// The client's reaction to unconfirmed records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Never retries.
    GoesOn,
    /// Retries until the records are confirmed.
    Repeats,
}

/// The current round, or the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Now {
    Round(usize),
    Over,
}

#[derive(Debug)]
pub(crate) struct Client {
    url: String,
    manner: Manner,
    pause: Duration,
    next: Number,
    random: StdRng,
    now: watch::Receiver<Now>,
    sent: Vec<Sent>,
}

impl Client {
    /// Creates the client with this number for a topic's URL.
    pub(crate) fn new(number: u64, url: &str, manner: Manner, seed: u64, now: watch::Receiver<Now>) -> Self {
        Self {
            url: url.to_owned(),
            manner,
            pause: PAUSE,
            next: number * NUMBERS,
            random: StdRng::seed_from_u64(seed ^ number),
            now,
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
        while *self.now.borrow() != Now::Over {
            let numbers = self.numbers();
            if self.random.random_ratio(1, WRONG) {
                let told = self.post(&numbers, 0, wrong_body(&numbers)).await;
                if told.iter().any(|(_, told)| matches!(told, Told::Written(_)))
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
        while !self.post_some().await.iter().all(|(_, told)| matches!(told, Told::Written(_))) {
            sleep(BEFORE_AGAIN).await;
        }
    }

    /// Posts one request with new records.
    pub(crate) async fn post_some(&mut self) -> Vec<(Number, Told)> {
        let numbers = self.numbers();
        self.post(&numbers, 0, body(&numbers, 0)).await
    }

    /// Returns the requests.
    pub(crate) fn into_sent(self) -> Vec<Sent> {
        self.sent
    }

    fn numbers(&mut self) -> Vec<Number> {
        let count = self.random.random_range(1..=RECORDS);
        let numbers = (self.next..self.next + count).collect();
        self.next += count;
        numbers
    }

    async fn deliver(&mut self, mut numbers: Vec<Number>) {
        for repeat in 0.. {
            let told = self.post(&numbers, repeat, body(&numbers, repeat)).await;
            numbers = told.iter().filter(|(_, told)| *told == Told::Unconfirmed).map(|(number, _)| *number).collect();
            if self.manner == Manner::GoesOn || numbers.is_empty() || *self.now.borrow() == Now::Over {
                return;
            }
            sleep(BEFORE_AGAIN).await;
        }
    }

    /// Posts a body with these records.
    pub(crate) async fn post(&mut self, numbers: &[Number], repeat: Repeat, body: String) -> Vec<(Number, Told)> {
        let round = match *self.now.borrow() {
            Now::Round(round) => round,
            Now::Over => usize::MAX,
        };
        let begun = Instant::now();
        // Recorded in advance, in case the caller stops waiting.
        let unknown = numbers.iter().map(|number| (*number, Told::Unconfirmed)).collect();
        self.sent.push(Sent { round, repeat, told: unknown, status: None, took: Duration::ZERO, broken: None });
        let answer = self.ask(body).await;
        let (status, told, broken) = match answer {
            Ok(Answer { status, body, has_retry_after }) => match told(status, &body, numbers.len()) {
                Ok(told) if matches!(status, 429 | 503) && !has_retry_after => {
                    (Some(status), told, Some(format!("{status} without Retry-After: {body}")))
                }
                Ok(told) => (Some(status), told, None),
                Err(broken) => (Some(status), unconfirmed(numbers), Some(broken.0)),
            },
            // The connection was closed, or the request timed out.
            Err(_) => (None, unconfirmed(numbers), None),
        };
        let told: Vec<_> = numbers.iter().copied().zip(told).collect();
        if let Some(sent) = self.sent.last_mut() {
            *sent = Sent { round, repeat, told: told.clone(), status, took: begun.elapsed(), broken };
        }
        told
    }

    async fn ask(&self, body: String) -> reqwest::Result<Answer> {
        let request = HTTP.post(&self.url).header(CONTENT_TYPE_HEADER, CONTENT_TYPE).timeout(PATIENCE);
        let response = request.body(body).send().await?;
        let (status, has_retry_after) = (response.status().as_u16(), response.headers().contains_key(RETRY_AFTER));
        Ok(Answer { status, body: response.text().await?, has_retry_after })
    }
}

struct Answer {
    status: u16,
    body: String,
    has_retry_after: bool,
}

fn unconfirmed(numbers: &[Number]) -> Vec<Told> {
    vec![Told::Unconfirmed; numbers.len()]
}

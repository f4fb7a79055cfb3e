//! A client: posts one request after the other, and notes what it is told.

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
    post::{CONTENT_TYPE, NUMBERS, Number, body, wrong_body},
};

/// Longer than API Gateway waits.
const PATIENCE: Duration = Duration::from_secs(40);

/// Between two requests, at most, unless it is told otherwise.
const PAUSE: Duration = Duration::from_millis(40);

/// Before a request is sent again.
const BEFORE_AGAIN: Duration = Duration::from_millis(200);

/// Records of a request, at most.
const RECORDS: u64 = 5;

/// One request of so many breaks a rule.
const WRONG: u32 = 20;

/// Everybody's. To make one takes tens of milliseconds: clients that are to start together would start one after the other.
static HTTP: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);

/// What it does about records that may not be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// Goes on with others.
    GoesOn,
    /// Sends them again until it is told of them.
    Repeats,
}

/// What is wrong with the world right now, and whether clients are to stop.
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
    /// The client of this number, at a topic's URL.
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

    /// With so long between two requests, at most.
    pub(crate) const fn pausing(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Posts until it is over, and gives its requests.
    pub(crate) async fn run(mut self) -> Vec<Sent> {
        while *self.now.borrow() != Now::Over {
            let numbers = self.numbers();
            if self.random.random_ratio(1, WRONG) {
                self.post(&numbers, wrong_body(&numbers)).await;
            } else {
                self.deliver(numbers).await;
            }
            sleep(self.random.random_range(Duration::ZERO..self.pause)).await;
        }
        self.sent
    }

    /// Posts one request after the other until one is answered 200.
    pub(crate) async fn until_served(&mut self) {
        while !self.post_some().await.iter().all(|(_, told)| matches!(told, Told::Written(_))) {
            sleep(BEFORE_AGAIN).await;
        }
    }

    /// Posts one request.
    pub(crate) async fn post_some(&mut self) -> Vec<(Number, Told)> {
        let numbers = self.numbers();
        self.post(&numbers, body(&numbers)).await
    }

    /// What it has sent.
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
        loop {
            let told = self.post(&numbers, body(&numbers)).await;
            numbers = told.iter().filter(|(_, told)| *told == Told::Unconfirmed).map(|(number, _)| *number).collect();
            if self.manner == Manner::GoesOn || numbers.is_empty() || *self.now.borrow() == Now::Over {
                return;
            }
            sleep(BEFORE_AGAIN).await;
        }
    }

    pub(crate) async fn post(&mut self, numbers: &[Number], body: String) -> Vec<(Number, Told)> {
        let round = match *self.now.borrow() {
            Now::Round(round) => round,
            Now::Over => usize::MAX,
        };
        let begun = Instant::now();
        let answer = self.ask(body).await;
        let (status, told, broken) = match answer {
            Ok(Answer { status, body, has_retry_after }) => match told(status, &body, numbers.len()) {
                Ok(_) if status == 503 && !has_retry_after => {
                    (Some(status), unconfirmed(numbers), Some(format!("503 without Retry-After: {body}")))
                }
                Ok(told) => (Some(status), told, None),
                Err(broken) => (Some(status), unconfirmed(numbers), Some(broken.0)),
            },
            // Cut off, or never answered.
            Err(_) => (None, unconfirmed(numbers), None),
        };
        let told: Vec<_> = numbers.iter().copied().zip(told).collect();
        self.sent.push(Sent { round, told: told.clone(), status, took: begun.elapsed(), broken });
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

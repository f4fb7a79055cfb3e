//! The results of the records of a v3 request.

use std::fmt::Display;

use chrono::{DateTime, SecondsFormat};
use serde::Serialize;
use shared::publish::{Failure, Outcome, Written};

use super::entry::Sizes;
use crate::{
    error::Error,
    failure,
    limits::{MAX_BATCH_ENTRIES, MAX_VIOLATIONS},
    response::json,
    violations::RecordViolation,
};

/// The result of each record, in the request's order.
#[derive(Debug, Default)]
pub(super) struct Results {
    states: Vec<State>,
    /// The number of broken rules kept for the response.
    violations: usize,
}

/// The most broken rules kept: all that the largest batch can list.
const MAX_KEPT_VIOLATIONS: usize = MAX_BATCH_ENTRIES * MAX_VIOLATIONS;

#[derive(Debug)]
enum State {
    /// Invalid, and not sent to the producer.
    Rejected(Error),
    /// Sent to the producer; unconfirmed until the outcome is known.
    Sent(Sizes, Outcome),
}

/// The result of a written record, in the REST Proxy's order.
#[derive(Serialize)]
struct Success<'a> {
    #[serde(flatten)]
    label: Label<'a>,
    cluster_id: &'a str,
    topic_name: &'a str,
    partition_id: i32,
    offset: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    #[serde(flatten)]
    sizes: Sizes,
}

/// The first member of a success.
#[derive(Serialize)]
#[serde(untagged)]
enum Label<'a> {
    Streamed { error_code: u32 },
    Batched { id: &'a str },
}

/// The result of a record that is not known to be written.
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    error_code: u32,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    violations: Option<&'a [RecordViolation]>,
}

#[derive(Serialize)]
struct BatchResponse<'a> {
    successes: Vec<Success<'a>>,
    failures: Vec<Problem<'a>>,
}

impl Results {
    pub(super) fn add_rejected(&mut self, mut error: Error) {
        if let Error::Invalid(violations) = &mut error {
            // Thousands of records with a hundred violations each would take more memory than the body. The first is the message.
            if self.violations >= MAX_KEPT_VIOLATIONS {
                violations.listed = violations.listed.drain(..).take(1).collect();
            }
            self.violations += violations.listed.len();
        }
        self.states.push(State::Rejected(error));
    }

    pub(super) fn sent(&mut self, sizes: Sizes) {
        self.states.push(State::Sent(sizes, Err(Failure::Unconfirmed)));
    }

    /// Sets the outcomes of the records that were sent to the producer.
    pub(super) fn settle(&mut self, outcomes: Vec<Outcome>) {
        let sent = self.states.iter_mut().filter_map(|state| match state {
            State::Rejected(_) => None,
            State::Sent(_, outcome) => Some(outcome),
        });
        for (known, outcome) in sent.zip(outcomes) {
            *known = outcome;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// The outcomes of the records that were sent to the producer.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |state: &State| match state {
            State::Rejected(_) => None,
            State::Sent(_, outcome) => Some(*outcome),
        };
        self.states.iter().filter_map(outcome).collect()
    }

    /// The error of the first rejected record.
    pub(super) fn into_first_rejection(self) -> Option<Error> {
        self.states.into_iter().find_map(|state| match state {
            State::Rejected(error) => Some(error),
            State::Sent(..) => None,
        })
    }

    /// The body of a streamed response: the results one after the other.
    pub(super) fn stream(&self, cluster_id: &str, topic: &str) -> Vec<u8> {
        let mut body = Vec::new();
        let mut reported = 0;
        for (at, state) in self.states.iter().enumerate() {
            if at > 0 {
                body.extend_from_slice(b"\r\n");
            }
            let label = Label::Streamed { error_code: 200 };
            body.extend(if let Some(success) = success(state, label, cluster_id, topic) {
                json(&success)
            } else {
                let problem = problem(state, None, reported < MAX_VIOLATIONS);
                reported += problem.violations.map_or(1, <[_]>::len);
                json(&problem)
            });
        }
        body
    }

    /// The body of a batch response: the results with their ids.
    pub(super) fn batch(&self, ids: &[String], cluster_id: &str, topic: &str) -> Vec<u8> {
        let mut batch = BatchResponse { successes: Vec::new(), failures: Vec::new() };
        for (id, state) in ids.iter().zip(&self.states) {
            match success(state, Label::Batched { id }, cluster_id, topic) {
                Some(success) => batch.successes.push(success),
                None => batch.failures.push(problem(state, Some(id), true)),
            }
        }
        json(&batch)
    }
}

fn success<'a>(state: &State, label: Label<'a>, cluster_id: &'a str, topic: &'a str) -> Option<Success<'a>> {
    let State::Sent(sizes, Ok(Written { partition, offset, timestamp_ms })) = state else { return None };
    let time = timestamp_ms.and_then(DateTime::from_timestamp_millis);
    Some(Success {
        label,
        cluster_id,
        topic_name: topic,
        partition_id: *partition,
        offset: *offset,
        timestamp: time.map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true)),
        sizes: *sizes,
    })
}

/// The failure of a record. Past the first ones it is shortened, because the response has to fit into Lambda's 6 MB.
fn problem<'a>(state: &'a State, id: Option<&'a str>, in_full: bool) -> Problem<'a> {
    let (error_code, why, violations): (_, &dyn Display, _) = match state {
        State::Rejected(error) => (error.code(), error, error.violations()),
        State::Sent(_, outcome) => {
            let failure = outcome.as_ref().err().unwrap_or(&Failure::Unconfirmed);
            (failure::v3_code(*failure), failure, None)
        }
    };
    if in_full {
        return Problem { id, error_code, message: why.to_string(), violations };
    }
    let message = format!("only the first {MAX_VIOLATIONS} errors of a response are reported in full");
    Problem { id, error_code, message, violations: None }
}

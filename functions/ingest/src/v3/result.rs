//! What is said of each record of a v3 request.

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

/// What became of each record, in the request's order.
#[derive(Debug, Default)]
pub(super) struct Results {
    states: Vec<State>,
    /// Broken rules that are kept for the answer.
    violations: usize,
}

/// The most broken rules that are kept: all that the largest batch can list.
const MAX_KEPT_VIOLATIONS: usize = MAX_BATCH_ENTRIES * MAX_VIOLATIONS;

#[derive(Debug)]
enum State {
    /// Not handed over.
    Refused(Error),
    /// Handed over, and so unconfirmed until it is settled.
    HandedOver(Sizes, Outcome),
}

/// A record that is written, in the REST Proxy's order.
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

/// What a success begins with.
#[derive(Serialize)]
#[serde(untagged)]
enum Label<'a> {
    Streamed { error_code: u32 },
    Batched { id: &'a str },
}

/// A record that is not known to be written.
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
struct Batch<'a> {
    successes: Vec<Success<'a>>,
    failures: Vec<Problem<'a>>,
}

impl Results {
    pub(super) fn refused(&mut self, mut error: Error) {
        if let Error::Invalid(violations) = &mut error {
            // Thousands of records with a hundred each would take more memory than the body; the first one is the message.
            if self.violations >= MAX_KEPT_VIOLATIONS {
                violations.listed = violations.listed.drain(..).take(1).collect();
            }
            self.violations += violations.listed.len();
        }
        self.states.push(State::Refused(error));
    }

    pub(super) fn handed_over(&mut self, sizes: Sizes) {
        self.states.push(State::HandedOver(sizes, Err(Failure::Unconfirmed)));
    }

    /// Takes the outcomes of those that were handed over.
    pub(super) fn settle(&mut self, outcomes: Vec<Outcome>) {
        let handed_over = self.states.iter_mut().filter_map(|state| match state {
            State::Refused(_) => None,
            State::HandedOver(_, outcome) => Some(outcome),
        });
        for (known, outcome) in handed_over.zip(outcomes) {
            *known = outcome;
        }
    }

    pub(super) fn len(&self) -> usize {
        self.states.len()
    }

    /// Of the records that were handed over.
    pub(super) fn outcomes(&self) -> Vec<Outcome> {
        let outcome = |state: &State| match state {
            State::Refused(_) => None,
            State::HandedOver(_, outcome) => Some(*outcome),
        };
        self.states.iter().filter_map(outcome).collect()
    }

    /// Why the first record was not handed over of which that is so.
    pub(super) fn into_refusal(self) -> Option<Error> {
        self.states.into_iter().find_map(|state| match state {
            State::Refused(error) => Some(error),
            State::HandedOver(..) => None,
        })
    }

    /// The results one after the other.
    pub(super) fn stream(&self, cluster_id: &str, topic: &str) -> Vec<u8> {
        let mut body = Vec::new();
        let mut told = 0;
        for (at, state) in self.states.iter().enumerate() {
            if at > 0 {
                body.extend_from_slice(b"\r\n");
            }
            let label = Label::Streamed { error_code: 200 };
            body.extend(if let Some(success) = success(state, label, cluster_id, topic) {
                json(&success)
            } else {
                let problem = problem(state, None, told < MAX_VIOLATIONS);
                told += problem.violations.map_or(1, <[_]>::len);
                json(&problem)
            });
        }
        body
    }

    /// The results by their ids.
    pub(super) fn batch(&self, ids: &[String], cluster_id: &str, topic: &str) -> Vec<u8> {
        let mut batch = Batch { successes: Vec::new(), failures: Vec::new() };
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
    let State::HandedOver(sizes, Ok(Written { partition, offset, timestamp_ms })) = state else { return None };
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

/// What is wrong with a record; past the first ones in few words, since the answer has to fit into Lambda's 6 MB.
fn problem<'a>(state: &'a State, id: Option<&'a str>, in_full: bool) -> Problem<'a> {
    let (error_code, why, violations): (_, &dyn Display, _) = match state {
        State::Refused(error) => (error.code(), error, error.violations()),
        State::HandedOver(_, outcome) => {
            let failure = outcome.as_ref().err().unwrap_or(&Failure::Unconfirmed);
            (failure::v3_code(*failure), failure, None)
        }
    };
    if in_full {
        return Problem { id, error_code, message: why.to_string(), violations };
    }
    let message = format!("only the first {MAX_VIOLATIONS} errors of an answer are told in full");
    Problem { id, error_code, message, violations: None }
}

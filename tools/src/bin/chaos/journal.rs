//! All requests with their responses, and the comparison with the topic.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    post::{NUMBERS_PER_CLIENT, Number, Posted, Repeat},
    response::{Position, RecordState},
    topic::Content,
};

/// One request of a client.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The round in which it was sent.
    pub(crate) round: usize,
    pub(crate) repeat: Repeat,
    /// The state of each record.
    pub(crate) states: Vec<(Number, RecordState)>,
    /// `None` if there was no response.
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
    /// The contract violation in the response, if any.
    pub(crate) broken: Option<String>,
}

/// The requests of all clients; those of one client are in order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) sent: Vec<Sent>,
}

/// A violation found in a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Violation {
    /// The response says that the record is written, here if its offset is known, but it is missing.
    Lost { number: Number, position: Option<Position> },
    /// One request wrote the record more than once.
    Doubled { number: Number, times: usize },
    /// The response denied the write, but the record is there.
    WrittenDespiteRefusal { number: Number },
    /// A client's later record precedes its earlier one.
    OutOfOrder { first: Number, then: Number },
    /// No client sent the record.
    Foreign { position: Position },
}

/// The result of comparing a topic with the responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) violations: Vec<Violation>,
    /// Records that are in the topic although their response did not confirm them.
    pub(crate) written_unconfirmed: usize,
    /// Records beyond the first with the same number, from retries of the client.
    pub(crate) repeated: usize,
}

impl Journal {
    /// Compares a topic with the responses. `None` in the topic is a record that is not one of our rows.
    pub(crate) fn compare(&self, topic: &Content) -> Verdict {
        let mut verdict = Verdict::default();
        let mut positions: HashMap<Posted, Vec<Position>> = HashMap::new();
        for (position, posted) in topic {
            match posted {
                Some(posted) => positions.entry(*posted).or_default().push(*position),
                None => verdict.violations.push(Violation::Foreign { position: *position }),
            }
        }
        let known: Vec<_> = topic.values().flatten().map(|posted| posted.number).collect();
        verdict.repeated = known.len() - known.iter().collect::<HashSet<_>>().len();
        for sent in &self.sent {
            for (number, state) in &sent.states {
                let posted = Posted { number: *number, repeat: sent.repeat };
                judge(*number, *state, &positions.remove(&posted).unwrap_or_default(), &mut verdict);
            }
        }
        let foreign = positions.into_values().flatten().map(|position| Violation::Foreign { position });
        verdict.violations.extend(foreign);
        verdict.violations.extend(self.out_of_order());
        verdict.violations.sort();
        verdict
    }

    /// Returns the violations in `part`: unexpected statuses, contract violations in responses, and violations in the
    /// topic.
    pub(crate) fn problems(&self, part: &str, statuses: &[u16], topic: &Content) -> Vec<String> {
        let expected = |sent: &&Sent| sent.status.is_some_and(|status| statuses.contains(&status));
        let unexpected =
            self.sent.iter().filter(|sent| !expected(sent)).map(|sent| format!("answered {:?}", sent.status));
        let broken = self.sent.iter().filter_map(|sent| sent.broken.clone());
        let violations = self.compare(topic).violations.into_iter().map(|violation| format!("{violation:?}"));
        unexpected.chain(broken).chain(violations).map(|problem| format!("{part}: {problem}")).collect()
    }

    /// Clients send one request at a time, so the order of their confirmed records is the order of sending.
    fn out_of_order(&self) -> Vec<Violation> {
        let mut last: HashMap<(Number, i32), (Number, Position)> = HashMap::new();
        let mut violations = Vec::new();
        for (number, state) in self.sent.iter().flat_map(|sent| &sent.states) {
            let RecordState::Written(position) = state else { continue };
            let client = number / NUMBERS_PER_CLIENT;
            if let Some((first, before)) = last.insert((client, position.partition), (*number, *position))
                && before >= *position
            {
                violations.push(Violation::OutOfOrder { first, then: *number });
            }
        }
        violations
    }
}

fn judge(number: Number, state: RecordState, there: &[Position], verdict: &mut Verdict) {
    match state {
        RecordState::Written(position) if !there.contains(&position) => {
            verdict.violations.push(Violation::Lost { number, position: Some(position) });
        }
        RecordState::WrittenSomewhere if there.is_empty() => {
            verdict.violations.push(Violation::Lost { number, position: None });
        }
        RecordState::NotWritten if !there.is_empty() => {
            verdict.violations.push(Violation::WrittenDespiteRefusal { number });
        }
        RecordState::Unconfirmed => verdict.written_unconfirmed += usize::from(!there.is_empty()),
        RecordState::Written(_) | RecordState::WrittenSomewhere | RecordState::NotWritten => {}
    }
    if there.len() > 1 {
        verdict.violations.push(Violation::Doubled { number, times: there.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(offset: u64) -> Position {
        Position { partition: 0, offset }
    }

    fn sent(states: &[(Number, RecordState)]) -> Sent {
        Sent { round: 0, repeat: 0, states: states.to_vec(), status: None, took: Duration::ZERO, broken: None }
    }

    /// Each offset, and the number and the repeat of the record there.
    type Topic<'topic> = &'topic [(u64, Option<(Number, Repeat)>)];

    fn verdict(sent: Vec<Sent>, topic: Topic<'_>) -> Verdict {
        let posted = |(number, repeat)| Posted { number, repeat };
        let topic = topic.iter().map(|(offset, there)| (at(*offset), there.map(posted))).collect();
        Journal { sent }.compare(&topic)
    }

    #[test]
    fn a_topic_may_agree_with_the_responses() {
        let requests = vec![
            sent(&[(1, RecordState::Written(at(0))), (2, RecordState::WrittenSomewhere)]),
            sent(&[(3, RecordState::Unconfirmed), (4, RecordState::Unconfirmed)]),
            sent(&[(5, RecordState::NotWritten)]),
            // Retried by its client.
            sent(&[(6, RecordState::Unconfirmed)]),
            Sent { repeat: 1, ..sent(&[(6, RecordState::Written(at(4)))]) },
        ];
        let records = [(1, 0), (2, 0), (3, 0), (6, 0), (6, 1)];
        let topic = (0..).zip(records.map(Some)).collect::<Vec<_>>();
        assert_eq!(verdict(requests, &topic), Verdict { violations: vec![], written_unconfirmed: 2, repeated: 1 });
    }

    #[test]
    fn each_violation_is_found() {
        let written = |number, offset| sent(&[(number, RecordState::Written(at(offset)))]);
        let doubled = Violation::Doubled { number: 1, times: 2 };
        let twice: Topic<'_> = &[(0, Some((1, 0))), (1, Some((1, 0)))];
        let somewhere = sent(&[(1, RecordState::WrittenSomewhere)]);
        let cases: [(_, Topic<'_>, _); 9] = [
            (vec![written(1, 0)], &[], Violation::Lost { number: 1, position: Some(at(0)) }),
            (vec![somewhere], &[], Violation::Lost { number: 1, position: None }),
            // A retry writes a different record.
            (
                vec![Sent { repeat: 1, ..sent(&[(1, RecordState::Unconfirmed)]) }, written(1, 0)],
                &[(1, Some((1, 1)))],
                Violation::Lost { number: 1, position: Some(at(0)) },
            ),
            (vec![written(1, 0)], twice, doubled.clone()),
            (vec![sent(&[(1, RecordState::Unconfirmed)])], twice, doubled),
            (
                vec![sent(&[(1, RecordState::NotWritten)])],
                &[(0, Some((1, 0)))],
                Violation::WrittenDespiteRefusal { number: 1 },
            ),
            (
                vec![written(1, 1), written(2, 0)],
                &[(0, Some((2, 0))), (1, Some((1, 0)))],
                Violation::OutOfOrder { first: 1, then: 2 },
            ),
            (vec![], &[(0, Some((1, 0)))], Violation::Foreign { position: at(0) }),
            (vec![], &[(0, None)], Violation::Foreign { position: at(0) }),
        ];
        for (requests, topic, violation) in cases {
            assert_eq!(verdict(requests, topic).violations, [violation]);
        }
    }

    #[test]
    fn order_is_checked_per_client() {
        let requests = vec![
            sent(&[(1, RecordState::Written(at(1)))]),
            sent(&[(NUMBERS_PER_CLIENT + 1, RecordState::Written(at(0)))]),
        ];
        assert_eq!(verdict(requests, &[(0, Some((NUMBERS_PER_CLIENT + 1, 0))), (1, Some((1, 0)))]).violations, []);
    }

    #[test]
    fn unexpected_statuses_broken_responses_and_violations_are_reported() {
        let mut journal =
            Journal { sent: vec![sent(&[(1, RecordState::Written(at(0)))]), sent(&[(2, RecordState::Unconfirmed)])] };
        journal.sent[0].status = Some(200);
        journal.sent[1].broken = Some("no offsets".to_owned());
        let problems = journal.problems("part", &[200], &Content::new());
        let lost = Violation::Lost { number: 1, position: Some(at(0)) };
        assert_eq!(
            problems,
            ["part: answered None".to_owned(), "part: no offsets".to_owned(), format!("part: {lost:?}")]
        );
    }
}

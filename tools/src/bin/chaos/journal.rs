//! All requests with their responses, and the comparison with the topic.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    answer::{Place, Told},
    post::{NUMBERS, Number, Posted, Repeat},
    topic::Content,
};

/// One request of a client.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// The round in which it was sent.
    pub(crate) round: usize,
    pub(crate) repeat: Repeat,
    /// The state of each record.
    pub(crate) told: Vec<(Number, Told)>,
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
pub(crate) enum Fault {
    /// The response had an offset, but the record is missing.
    Lost { number: Number, place: Place },
    /// One request wrote the record more than once.
    Doubled { number: Number, times: usize },
    /// The response denied the write, but the record is there.
    WrittenAllTheSame { number: Number },
    /// A client's later record precedes its earlier one.
    OutOfOrder { first: Number, then: Number },
    /// No client sent the record.
    Foreign { place: Place },
}

/// The result of comparing a topic with the responses.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) faults: Vec<Fault>,
    /// Records that are in the topic although their response did not confirm them.
    pub(crate) written_unconfirmed: usize,
    /// Records beyond the first with the same number, from retries of the client.
    pub(crate) repeated: usize,
}

impl Journal {
    /// Compares a topic with the responses. `None` in the topic is a record that is not one of our rows.
    pub(crate) fn held_to(&self, topic: &Content) -> Verdict {
        let mut verdict = Verdict::default();
        let mut places: HashMap<Posted, Vec<Place>> = HashMap::new();
        for (place, posted) in topic {
            match posted {
                Some(posted) => places.entry(*posted).or_default().push(*place),
                None => verdict.faults.push(Fault::Foreign { place: *place }),
            }
        }
        let known: Vec<_> = topic.values().flatten().map(|posted| posted.number).collect();
        verdict.repeated = known.len() - known.iter().collect::<HashSet<_>>().len();
        for sent in &self.sent {
            for (number, told) in &sent.told {
                let posted = Posted { number: *number, repeat: sent.repeat };
                judge(*number, *told, &places.remove(&posted).unwrap_or_default(), &mut verdict);
            }
        }
        let foreign = places.into_values().flatten().map(|place| Fault::Foreign { place });
        verdict.faults.extend(foreign);
        verdict.faults.extend(self.out_of_order());
        verdict.faults.sort();
        verdict
    }

    /// Returns the violations in `part`: unexpected statuses, contract violations in responses, and violations in the
    /// topic.
    pub(crate) fn problems(&self, part: &str, statuses: &[u16], topic: &Content) -> Vec<String> {
        let expected = |sent: &&Sent| sent.status.is_some_and(|status| statuses.contains(&status));
        let unexpected =
            self.sent.iter().filter(|sent| !expected(sent)).map(|sent| format!("answered {:?}", sent.status));
        let broken = self.sent.iter().filter_map(|sent| sent.broken.clone());
        let faults = self.held_to(topic).faults.into_iter().map(|fault| format!("{fault:?}"));
        unexpected.chain(broken).chain(faults).map(|problem| format!("{part}: {problem}")).collect()
    }

    /// Clients send one request at a time, so the order of their confirmed records is the order of sending.
    fn out_of_order(&self) -> Vec<Fault> {
        let mut last: HashMap<(Number, i32), (Number, Place)> = HashMap::new();
        let mut faults = Vec::new();
        for (number, told) in self.sent.iter().flat_map(|sent| &sent.told) {
            let Told::Written(place) = told else { continue };
            let client = number / NUMBERS;
            if let Some((first, before)) = last.insert((client, place.partition), (*number, *place))
                && before >= *place
            {
                faults.push(Fault::OutOfOrder { first, then: *number });
            }
        }
        faults
    }
}

fn judge(number: Number, told: Told, there: &[Place], verdict: &mut Verdict) {
    match told {
        Told::Written(place) if !there.contains(&place) => verdict.faults.push(Fault::Lost { number, place }),
        Told::NotWritten if !there.is_empty() => verdict.faults.push(Fault::WrittenAllTheSame { number }),
        Told::Unconfirmed => verdict.written_unconfirmed += usize::from(!there.is_empty()),
        Told::Written(_) | Told::NotWritten => {}
    }
    if there.len() > 1 {
        verdict.faults.push(Fault::Doubled { number, times: there.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(offset: u64) -> Place {
        Place { partition: 0, offset }
    }

    fn sent(told: &[(Number, Told)]) -> Sent {
        Sent { round: 0, repeat: 0, told: told.to_vec(), status: None, took: Duration::ZERO, broken: None }
    }

    /// Each offset, and the number and the repeat of the record there.
    type Topic<'topic> = &'topic [(u64, Option<(Number, Repeat)>)];

    fn verdict(sent: Vec<Sent>, topic: Topic<'_>) -> Verdict {
        let posted = |(number, repeat)| Posted { number, repeat };
        let topic = topic.iter().map(|(offset, there)| (at(*offset), there.map(posted))).collect();
        Journal { sent }.held_to(&topic)
    }

    #[test]
    fn a_topic_may_agree_with_the_responses() {
        let requests = vec![
            sent(&[(1, Told::Written(at(0))), (2, Told::Written(at(1)))]),
            sent(&[(3, Told::Unconfirmed), (4, Told::Unconfirmed)]),
            sent(&[(5, Told::NotWritten)]),
            // Retried by its client.
            sent(&[(6, Told::Unconfirmed)]),
            Sent { repeat: 1, ..sent(&[(6, Told::Written(at(4)))]) },
        ];
        let records = [(1, 0), (2, 0), (3, 0), (6, 0), (6, 1)];
        let topic = (0..).zip(records.map(Some)).collect::<Vec<_>>();
        assert_eq!(verdict(requests, &topic), Verdict { faults: vec![], written_unconfirmed: 2, repeated: 1 });
    }

    #[test]
    fn each_violation_is_found() {
        let written = |number, offset| sent(&[(number, Told::Written(at(offset)))]);
        let doubled = Fault::Doubled { number: 1, times: 2 };
        let twice: Topic<'_> = &[(0, Some((1, 0))), (1, Some((1, 0)))];
        let cases: [(_, Topic<'_>, _); 8] = [
            (vec![written(1, 0)], &[], Fault::Lost { number: 1, place: at(0) }),
            // A retry writes a different record.
            (
                vec![Sent { repeat: 1, ..sent(&[(1, Told::Unconfirmed)]) }, written(1, 0)],
                &[(1, Some((1, 1)))],
                Fault::Lost { number: 1, place: at(0) },
            ),
            (vec![written(1, 0)], twice, doubled.clone()),
            (vec![sent(&[(1, Told::Unconfirmed)])], twice, doubled),
            (vec![sent(&[(1, Told::NotWritten)])], &[(0, Some((1, 0)))], Fault::WrittenAllTheSame { number: 1 }),
            (
                vec![written(1, 1), written(2, 0)],
                &[(0, Some((2, 0))), (1, Some((1, 0)))],
                Fault::OutOfOrder { first: 1, then: 2 },
            ),
            (vec![], &[(0, Some((1, 0)))], Fault::Foreign { place: at(0) }),
            (vec![], &[(0, None)], Fault::Foreign { place: at(0) }),
        ];
        for (requests, topic, fault) in cases {
            assert_eq!(verdict(requests, topic).faults, [fault]);
        }
    }

    #[test]
    fn order_is_checked_per_client() {
        let requests = vec![sent(&[(1, Told::Written(at(1)))]), sent(&[(NUMBERS + 1, Told::Written(at(0)))])];
        assert_eq!(verdict(requests, &[(0, Some((NUMBERS + 1, 0))), (1, Some((1, 0)))]).faults, []);
    }

    #[test]
    fn unexpected_statuses_broken_responses_and_violations_are_reported() {
        let mut journal = Journal { sent: vec![sent(&[(1, Told::Written(at(0)))]), sent(&[(2, Told::Unconfirmed)])] };
        journal.sent[0].status = Some(200);
        journal.sent[1].broken = Some("no offsets".to_owned());
        let problems = journal.problems("part", &[200], &Content::new());
        let lost = Fault::Lost { number: 1, place: at(0) };
        assert_eq!(
            problems,
            ["part: answered None".to_owned(), "part: no offsets".to_owned(), format!("part: {lost:?}")]
        );
    }
}

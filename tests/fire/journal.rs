//! What clients sent, and what they were told: what the topic is held to.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    time::Duration,
};

use crate::{
    answer::{Place, Told},
    post::{NUMBERS, Number},
};

/// One request of one client.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// What was wrong with the world as it was sent.
    pub(crate) round: usize,
    /// A record each.
    pub(crate) told: Vec<(Number, Told)>,
    /// `None` where no answer came.
    pub(crate) status: Option<u16>,
    pub(crate) took: Duration,
    /// How the answer breaks the contract, if it does.
    pub(crate) broken: Option<String>,
}

/// Everybody's requests; those of a client in its order.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    pub(crate) sent: Vec<Sent>,
}

/// What is wrong with a topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Fault {
    /// It was answered with an offset, and is not there.
    Lost { number: Number, place: Place },
    /// It is there more often than it may be: each attempt that was not refused may have written it once.
    Doubled { number: Number, times: usize, attempts: usize },
    /// It was answered that nothing is written, and it is there.
    WrittenAllTheSame { number: Number },
    /// A client's later record is before its earlier one.
    OutOfOrder { first: Number, then: Number },
    /// Nobody sent it.
    Foreign { place: Place },
}

/// What became of everybody's records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) faults: Vec<Fault>,
    /// Records that are there, though nobody was told so.
    pub(crate) written_unconfirmed: usize,
    /// Records beyond the first of their number: a client had sent them again.
    pub(crate) repeated: usize,
}

impl Journal {
    /// Holds a topic to what was answered. It has `None` in the place of a record that is no row of ours.
    pub(crate) fn held_to(&self, topic: &BTreeMap<Place, Option<Number>>) -> Verdict {
        let mut verdict = Verdict::default();
        let mut places: HashMap<Number, Vec<Place>> = HashMap::new();
        for (place, number) in topic {
            match number {
                Some(number) => places.entry(*number).or_default().push(*place),
                None => verdict.faults.push(Fault::Foreign { place: *place }),
            }
        }
        let mut attempts: BTreeMap<Number, Vec<Told>> = BTreeMap::new();
        for (number, told) in self.sent.iter().flat_map(|sent| &sent.told) {
            attempts.entry(*number).or_default().push(*told);
        }
        for (number, attempts) in &attempts {
            judge(*number, attempts, places.remove(number).unwrap_or_default(), &mut verdict);
        }
        let foreign = places.into_values().flatten().map(|place| Fault::Foreign { place });
        verdict.faults.extend(foreign);
        verdict.faults.extend(self.out_of_order());
        verdict.faults.sort();
        verdict
    }

    /// A client sends when it has its answer. So what it was told is written stands in the order in which it was sent.
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

fn judge(number: Number, attempts: &[Told], places: Vec<Place>, verdict: &mut Verdict) {
    let written = attempts.iter().filter_map(|told| match told {
        Told::Written(place) => Some(*place),
        Told::NotWritten | Told::Unconfirmed => None,
    });
    let written: BTreeSet<Place> = written.collect();
    let there: BTreeSet<Place> = places.into_iter().collect();
    verdict.faults.extend(written.difference(&there).map(|place| Fault::Lost { number, place: *place }));
    let possible = attempts.iter().filter(|told| **told != Told::NotWritten).count();
    if possible == 0 && !there.is_empty() {
        verdict.faults.push(Fault::WrittenAllTheSame { number });
    } else if there.len() > possible {
        verdict.faults.push(Fault::Doubled { number, times: there.len(), attempts: possible });
    }
    verdict.written_unconfirmed += usize::from(written.is_empty() && !there.is_empty());
    verdict.repeated += there.len().saturating_sub(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(offset: u64) -> Place {
        Place { partition: 0, offset }
    }

    fn sent(told: &[(Number, Told)]) -> Sent {
        Sent { round: 0, told: told.to_vec(), status: None, took: Duration::ZERO, broken: None }
    }

    /// Each offset, and the number of the record there.
    type Topic = &'static [(u64, Option<Number>)];

    fn verdict(sent: Vec<Sent>, topic: Topic) -> Verdict {
        let topic = topic.iter().map(|(offset, number)| (at(*offset), *number)).collect();
        Journal { sent }.held_to(&topic)
    }

    #[test]
    fn what_is_told_and_what_is_there_may_be_alike() {
        let requests = vec![
            sent(&[(1, Told::Written(at(0))), (2, Told::Written(at(1)))]),
            sent(&[(3, Told::Unconfirmed), (4, Told::Unconfirmed)]),
            sent(&[(5, Told::NotWritten)]),
            // Sent again by its client.
            sent(&[(6, Told::Unconfirmed)]),
            sent(&[(6, Told::Written(at(4)))]),
        ];
        let verdict = verdict(requests, &[(0, Some(1)), (1, Some(2)), (2, Some(3)), (3, Some(6)), (4, Some(6))]);
        assert_eq!(verdict, Verdict { faults: vec![], written_unconfirmed: 1, repeated: 1 });
    }

    #[test]
    fn each_fault_is_found() {
        let written = |number, offset| sent(&[(number, Told::Written(at(offset)))]);
        let cases: [(_, Topic, _); 7] = [
            (vec![written(1, 0)], &[], Fault::Lost { number: 1, place: at(0) }),
            (vec![written(1, 0)], &[(0, Some(1)), (1, Some(1))], Fault::Doubled { number: 1, times: 2, attempts: 1 }),
            (
                vec![sent(&[(1, Told::Unconfirmed)])],
                &[(0, Some(1)), (1, Some(1))],
                Fault::Doubled { number: 1, times: 2, attempts: 1 },
            ),
            (vec![sent(&[(1, Told::NotWritten)])], &[(0, Some(1))], Fault::WrittenAllTheSame { number: 1 }),
            (
                vec![written(1, 1), written(2, 0)],
                &[(0, Some(2)), (1, Some(1))],
                Fault::OutOfOrder { first: 1, then: 2 },
            ),
            (vec![], &[(0, Some(1))], Fault::Foreign { place: at(0) }),
            (vec![], &[(0, None)], Fault::Foreign { place: at(0) }),
        ];
        for (requests, topic, fault) in cases {
            assert_eq!(verdict(requests, topic).faults, [fault]);
        }
    }

    #[test]
    fn clients_have_an_order_each() {
        let requests = vec![sent(&[(1, Told::Written(at(1)))]), sent(&[(NUMBERS + 1, Told::Written(at(0)))])];
        assert_eq!(verdict(requests, &[(0, Some(NUMBERS + 1)), (1, Some(1))]).faults, []);
    }
}

//! What clients sent, and what they were told: what the topic is held to.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use crate::{
    answer::{Place, Told},
    post::{NUMBERS, Number, Posted, Repeat},
    topic::Content,
};

/// One request of one client.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    /// What was wrong with the world as it was sent.
    pub(crate) round: usize,
    pub(crate) repeat: Repeat,
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
    /// One request wrote it more than once.
    Doubled { number: Number, times: usize },
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
    /// Records that are there, though the answer to their request does not say so.
    pub(crate) written_unconfirmed: usize,
    /// Records beyond the first of their number: a client had sent them again.
    pub(crate) repeated: usize,
}

impl Journal {
    /// Holds a topic to what was answered. It has `None` in the place of a record that is no row of ours.
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

    /// What is not as it should be in `part`: a status that is none of these, an answer that breaks the contract, a fault of
    /// the topic.
    pub(crate) fn problems(&self, part: &str, statuses: &[u16], topic: &Content) -> Vec<String> {
        let expected = |sent: &&Sent| sent.status.is_some_and(|status| statuses.contains(&status));
        let unexpected =
            self.sent.iter().filter(|sent| !expected(sent)).map(|sent| format!("answered {:?}", sent.status));
        let broken = self.sent.iter().filter_map(|sent| sent.broken.clone());
        let faults = self.held_to(topic).faults.into_iter().map(|fault| format!("{fault:?}"));
        unexpected.chain(broken).chain(faults).map(|problem| format!("{part}: {problem}")).collect()
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
    fn what_is_told_and_what_is_there_may_be_alike() {
        let requests = vec![
            sent(&[(1, Told::Written(at(0))), (2, Told::Written(at(1)))]),
            sent(&[(3, Told::Unconfirmed), (4, Told::Unconfirmed)]),
            sent(&[(5, Told::NotWritten)]),
            // Sent again by its client.
            sent(&[(6, Told::Unconfirmed)]),
            Sent { repeat: 1, ..sent(&[(6, Told::Written(at(4)))]) },
        ];
        let records = [(1, 0), (2, 0), (3, 0), (6, 0), (6, 1)];
        let topic = (0..).zip(records.map(Some)).collect::<Vec<_>>();
        assert_eq!(verdict(requests, &topic), Verdict { faults: vec![], written_unconfirmed: 2, repeated: 1 });
    }

    #[test]
    fn each_fault_is_found() {
        let written = |number, offset| sent(&[(number, Told::Written(at(offset)))]);
        let doubled = Fault::Doubled { number: 1, times: 2 };
        let twice: Topic<'_> = &[(0, Some((1, 0))), (1, Some((1, 0)))];
        let cases: [(_, Topic<'_>, _); 8] = [
            (vec![written(1, 0)], &[], Fault::Lost { number: 1, place: at(0) }),
            // What its repeat wrote is another record.
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
    fn clients_have_an_order_each() {
        let requests = vec![sent(&[(1, Told::Written(at(1)))]), sent(&[(NUMBERS + 1, Told::Written(at(0)))])];
        assert_eq!(verdict(requests, &[(0, Some((NUMBERS + 1, 0))), (1, Some((1, 0)))]).faults, []);
    }

    #[test]
    fn an_unexpected_status_a_broken_answer_and_a_fault_are_problems() {
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

//! Random schedules.

use proptest::{prelude::*, sample::Index};

use crate::{store::Limits, testing::Fault};

pub(super) const WRITERS: usize = 3;

/// The kind of record at an offset, in every generation of the topic.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Json,
    Spaced,
    Large,
    NotJson,
    Null,
    Gap,
}

#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Producers write this many records.
    Append(u64),
    /// The topic is deleted and recreated with this many records.
    Recreate(u64),
    /// Retention drops the topic's first records, while no writer runs.
    Expire(u64),
    /// An idle writer begins a run.
    Run(usize),
    /// An idle writer gets a batch from the acknowledged position on, or from anywhere in the topic, possibly without one of
    /// its records.
    Deliver { writer: usize, from: Option<Index>, records: usize, without: Option<Index> },
    /// An idle writer gets an earlier batch, which another writer may be working on.
    Redeliver { writer: usize, batch: Index },
    /// The store's next request fails.
    Fault(Fault),
    /// A writer makes progress.
    Poll { writer: usize, times: usize },
    /// A writer is stopped at its current point.
    Stop(usize),
    /// A writer is stopped and loses its memory.
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let writer = 0..WRITERS;
    prop_oneof![
        2 => (1..8_u64).prop_map(Step::Append),
        1 => (1..24_u64).prop_map(Step::Recreate),
        1 => (1..8_u64).prop_map(Step::Expire),
        4 => writer.clone().prop_map(Step::Run),
        8 => (writer.clone(), any::<Option<Index>>(), 1..8_usize, any::<Option<Index>>())
            .prop_map(|(writer, from, records, without)| Step::Deliver { writer, from, records, without }),
        4 => (writer.clone(), any::<Index>()).prop_map(|(writer, batch)| Step::Redeliver { writer, batch }),
        2 => prop_oneof![Just(Fault::Refused), Just(Fault::ResponseLost)].prop_map(Step::Fault),
        20 => (writer.clone(), 1..40_usize).prop_map(|(writer, times)| Step::Poll { writer, times }),
        2 => writer.clone().prop_map(Step::Stop),
        1 => writer.prop_map(Step::Restart),
    ]
}

#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) kinds: Vec<Kind>,
    /// Each writer's limits.
    pub(super) limits: [Limits; WRITERS],
    /// The store's page size.
    pub(super) page: usize,
    pub(super) steps: Vec<Step>,
}

pub(super) fn schedule() -> impl Strategy<Value = Schedule> {
    let kind = prop_oneof![
        8 => Just(Kind::Json),
        1 => Just(Kind::Spaced),
        1 => Just(Kind::Large),
        1 => Just(Kind::NotJson),
        1 => Just(Kind::Null),
        1 => Just(Kind::Gap),
    ];
    let limits = (1..6_u64, 40..200_usize).prop_map(|(records, bytes)| Limits { records, bytes });
    let limits = prop_oneof![limits.clone().prop_map(|limits| [limits; WRITERS]), prop::array::uniform3(limits),];
    (prop::collection::vec(kind, 24), limits, 1..5_usize, prop::collection::vec(step(), 1..80)).prop_map(
        |(mut kinds, limits, page, steps)| {
            // Two generations whose first objects have different names would not collide in an empty archive.
            kinds[0] = Kind::Json;
            Schedule { kinds, limits, page, steps }
        },
    )
}

//! Tests the rules of [`super`] on random schedules of:
//!
//! - several writers that append, merge small files, write checkpoints, are stopped at any point, and are restarted with or without their memory;
//! - an archive that grows meanwhile, in several partitions, with gaps and quarantine;
//! - a store that refuses requests, or performs them and loses the response, after which its client may repeat them;
//! - another program that commits to the table.

use std::{cell::Cell, sync::Arc};

use archive::{
    layout::Content,
    memory::{Fault, Memory},
};
use futures::{FutureExt, future::LocalBoxFuture, poll};
use proptest::{
    prelude::*,
    test_runner::{RngSeed, TestRunner},
};
use tokio::{
    runtime::{Builder, Runtime},
    task::yield_now,
};

use super::{Counts, Limits, Tables};
use crate::testing::{archive_lines, archived, clock, line, lines, log, partition, users};

const WRITERS: usize = 3;
const PARTITIONS: usize = 2;

/// One step of a schedule.
#[derive(Debug, Clone)]
enum Step {
    /// The archive goes on with an object, perhaps behind a gap whose first offset may be in quarantine.
    Archive {
        partition: usize,
        gap: u64,
        quarantined: bool,
        records: u64,
    },
    Append(usize),
    /// Another program commits something that changes no row.
    Commit,
    Fault(Fault),
    Poll {
        writer: usize,
        times: usize,
    },
    Stop(usize),
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let writer = 0..WRITERS;
    let gap = prop_oneof![4 => Just(0), 1 => 1..4_u64];
    let fault = prop_oneof![Just(Fault::Refused), Just(Fault::ResponseLost), Just(Fault::Repeated)];
    prop_oneof![
        4 => (0..PARTITIONS, gap, any::<bool>(), 1..4_u64)
            .prop_map(|(partition, gap, quarantined, records)| Step::Archive { partition, gap, quarantined, records }),
        6 => writer.clone().prop_map(Step::Append),
        1 => Just(Step::Commit),
        2 => fault.prop_map(Step::Fault),
        12 => (writer.clone(), 1..30_usize).prop_map(|(writer, times)| Step::Poll { writer, times }),
        1 => writer.clone().prop_map(Step::Stop),
        1 => writer.prop_map(Step::Restart),
    ]
}

#[derive(Debug, Clone)]
struct Schedule {
    rows: u64,
    small_files: usize,
    page: usize,
    steps: Vec<Step>,
}

fn schedule() -> impl Strategy<Value = Schedule> {
    (1..9_u64, 1..6_usize, 1..5_usize, prop::collection::vec(step(), 1..60))
        .prop_map(|(rows, small_files, page, steps)| Schedule { rows, small_files, page, steps })
}

struct Writer {
    tables: Arc<Tables>,
    work: Option<LocalBoxFuture<'static, ()>>,
}

struct World<'a> {
    /// Has one thread, so that the schedule decides the interleaving.
    runtime: &'a Runtime,
    schedule: Schedule,
    memory: Memory,
    /// The archive's end, by partition.
    ends: [u64; PARTITIONS],
    writers: [Writer; WRITERS],
}

impl<'a> World<'a> {
    fn new(runtime: &'a Runtime, schedule: Schedule) -> Self {
        let memory = Memory::default();
        let writers = std::array::from_fn(|_| writer(&memory, &schedule));
        Self { runtime, schedule, memory, ends: [0; PARTITIONS], writers }
    }

    fn take(&mut self, step: &Step) {
        let runtime = self.runtime;
        match *step {
            Step::Archive { partition: number, gap, quarantined, records } => {
                let of = partition(i32::try_from(number).unwrap());
                if quarantined && gap > 0 {
                    runtime.block_on(self.memory.put_raw(&of.object(Content::NotJson, self.ends[number]), "x"));
                }
                let start = self.ends[number] + gap;
                self.ends[number] = start + records;
                let new: Vec<_> = (start..start + records).map(|offset| line(&format!("p{number}"), offset)).collect();
                runtime.block_on(archive_lines(&self.memory, &of, start, &new));
            }
            Step::Append(at) => {
                let tables = Arc::clone(&self.writers[at].tables);
                let work = async move {
                    // A failure is met by the next run.
                    drop(tables.append(&users(), &mut Counts::default()).await);
                };
                self.writers[at].work.get_or_insert(work.boxed_local());
            }
            Step::Commit => {
                let versions = runtime.block_on(log(&self.memory, &users())).len() as u64;
                if versions > 0 {
                    runtime.block_on(self.memory.put_raw(&users().version(versions), "{\"commitInfo\":{}}\n"));
                }
            }
            Step::Fault(fault) => self.memory.inject(Some(fault)),
            Step::Poll { writer, times } => (0..times).for_each(|_| self.poll(writer)),
            Step::Stop(at) => self.writers[at].work = None,
            Step::Restart(at) => self.writers[at] = writer(&self.memory, &self.schedule),
        }
    }

    fn poll(&mut self, at: usize) {
        let writer = &mut self.writers[at];
        let Some(work) = &mut writer.work else { return };
        let is_done = self.runtime.block_on(async {
            // Lets spawned reads go on.
            yield_now().await;
            poll!(work).is_ready()
        });
        if is_done {
            writer.work = None;
        }
    }
}

fn writer(memory: &Memory, schedule: &Schedule) -> Writer {
    let limits = Limits { rows: schedule.rows, small_files: schedule.small_files, ..Limits::default() };
    Writer { tables: Arc::new(Tables::new(memory.bucket(schedule.page), limits, clock)), work: None }
}

/// Takes the steps, and lets one of the writers finish. Returns the number of versions.
fn run(schedule: &Schedule) -> usize {
    let runtime = Builder::new_current_thread().build().unwrap();
    let mut world = World::new(&runtime, schedule.clone());
    for step in &schedule.steps {
        world.take(step);
    }
    let World { memory, mut writers, .. } = world;
    memory.inject(None);
    // The first one keeps its memory.
    writers[0].work = None;
    runtime.block_on(writers[0].tables.append(&users(), &mut Counts::default())).unwrap();
    assert_eq!(runtime.block_on(lines(&memory, &users())), runtime.block_on(archived(&memory, &users())));
    // The others finish what they were stopped at, and find nothing to do.
    let versions = runtime.block_on(log(&memory, &users())).len();
    for writer in &mut writers {
        if let Some(work) = writer.work.take() {
            runtime.block_on(work);
        }
    }
    assert_eq!(runtime.block_on(lines(&memory, &users())), runtime.block_on(archived(&memory, &users())));
    versions
}

#[test]
fn every_archived_record_is_in_the_table_once_whatever_happens() {
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(1), failure_persistence: None, ..ProptestConfig::default() };
    let cases = config.cases.max(2_000);
    let versions = Cell::new(0);
    let outcome = TestRunner::new(ProptestConfig { cases, ..config }).run(&schedule(), |schedule| {
        versions.set(versions.get() + run(&schedule));
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    assert!(versions.get() > 4_000, "the schedules commit too little to prove anything: {}", versions.get());
}

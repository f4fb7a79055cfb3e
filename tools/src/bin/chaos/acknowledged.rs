//! **200 means written**: clients post while faults are injected, and then every partition is compared with the
//! responses.

use std::{collections::BTreeMap, time::Duration};

use futures::future::join_all;
use rand::{SeedableRng, rngs::StdRng, seq::IndexedRandom};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    Result,
    client::{Client, Manner, Now},
    document::{Acknowledged, Row},
    journal::{Fault, Journal, Verdict},
    plan::Plan,
    progress::say,
    topic,
    trouble::Trouble,
    world::{PARTITIONS, TOPIC, World},
};

/// The number of clients per frontend and retry policy.
pub(crate) const CLIENTS: usize = 3;

/// The time within which a frontend has to serve again after a fault.
const TIME_TO_RECOVER: Duration = Duration::from_mins(1);

/// The expected statuses without a fault: 422 answers the invalid requests.
const IN_CALM: &[Option<u16>] = &[Some(200), Some(422)];

/// The expected statuses during a fault: also none at all, and API Gateway's own if an environment is lost.
const IN_TROUBLE: &[Option<u16>] = &[Some(200), Some(422), Some(401), Some(403), Some(502), Some(503), Some(504), None];

/// The time before each round's faults.
const CALM: Duration = Duration::from_secs(2);

/// A set of simultaneous faults and their duration.
#[derive(Debug, Clone)]
struct Round {
    name: String,
    troubles: Vec<Trouble>,
    time: Duration,
}

/// Returns each fault alone, then random pairs.
fn rounds(plan: &Plan, random: &mut StdRng) -> Vec<Round> {
    let alone = |trouble: Trouble| {
        let times = if trouble == Trouble::FreezeBroker { plan.broker_freezes.clone() } else { vec![plan.trouble] };
        times.into_iter().map(move |time| Round {
            name: format!("{trouble}, {} s", time.as_secs()),
            troubles: vec![trouble],
            time,
        })
    };
    let each = Trouble::each();
    let mut rounds = vec![Round { name: "nothing".to_owned(), troubles: Vec::new(), time: plan.trouble }];
    for _ in 0..plan.times_each {
        rounds.extend(each.iter().flat_map(|trouble| alone(*trouble)));
    }
    for _ in 0..plan.mixtures {
        rounds.push(Round {
            name: "two of these at random".to_owned(),
            troubles: mixture(&each, random),
            time: plan.trouble,
        });
    }
    rounds
}

/// Picks two compatible faults at random.
fn mixture(each: &[Trouble], random: &mut StdRng) -> Vec<Trouble> {
    let Some(first) = each.choose(random).copied() else { return Vec::new() };
    let others: Vec<_> = each.iter().copied().filter(|other| first.goes_with(*other)).collect();
    [Some(first), others.choose(random).copied()].into_iter().flatten().collect()
}

/// # Errors
/// Fails if the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Acknowledged> {
    let mut random = StdRng::seed_from_u64(seed);
    let world = World::start().await?;
    let rounds = rounds(plan, &mut random);
    let (now, seen) = watch::channel(Now::Round(0));
    let mut clients = Vec::new();
    for url in world.urls() {
        for manner in [Manner::GoesOn, Manner::Repeats] {
            for _ in 0..CLIENTS {
                let client = Client::new(clients.len() as u64 + 1, &url, manner, seed, seen.clone());
                clients.push(tokio::spawn(client.run()));
            }
        }
    }
    let count = clients.len() as u64;
    let probes = (count + 1..).zip(world.urls());
    let mut probes: Vec<_> =
        probes.map(|(number, url)| Client::new(number, &url, Manner::GoesOn, seed, seen.clone())).collect();

    let mut recoveries = Vec::new();
    for (number, round) in rounds.iter().enumerate() {
        now.send_replace(Now::Round(number));
        say(&format!("acknowledged, {} of {}: {}", number + 1, rounds.len(), describe(round)));
        sleep(CALM).await;
        let mut begun = Vec::new();
        for trouble in &round.troubles {
            begun.push(trouble.begin(&world, &mut random).await?);
        }
        sleep(round.time).await;
        for begun in begun.into_iter().rev() {
            begun.end(&world).await?;
        }
        let ended = Instant::now();
        let served = timeout(TIME_TO_RECOVER, join_all(probes.iter_mut().map(Client::until_served))).await;
        recoveries.push(served.ok().map(|_| ended.elapsed()));
    }
    now.send_replace(Now::Over);
    let mut journal = Journal::default();
    for client in clients {
        journal.sent.extend(client.await?);
    }
    journal.sent.extend(probes.into_iter().flat_map(Client::into_sent));
    let written = topic::content(world.kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    let verdict = journal.held_to(&written);
    Ok(summed_up(&rounds, &journal, &verdict, &recoveries, written.len()))
}

fn describe(round: &Round) -> String {
    let troubles: Vec<_> = round.troubles.iter().map(ToString::to_string).collect();
    format!("{} [{}]", round.name, troubles.join("; "))
}

/// Sums up the rounds of each name in a row.
fn summed_up(
    rounds: &[Round],
    journal: &Journal,
    verdict: &Verdict,
    recoveries: &[Option<Duration>],
    written: usize,
) -> Acknowledged {
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    let first = |name: &str| rounds.iter().position(|round| round.name == name).unwrap_or_default();
    for (round, recovery) in rounds.iter().zip(recoveries) {
        let row = rows.entry(first(&round.name)).or_insert_with(|| Row::new(&round.name));
        row.times += 1;
        match recovery {
            Some(recovery) => row.slowest_recovery = row.slowest_recovery.max(*recovery),
            None => row.problems.push(format!("{}: no response 200 within {TIME_TO_RECOVER:?}", describe(round))),
        }
    }
    for sent in &journal.sent {
        // Requests sent after the last round count for it.
        let round = rounds.get(sent.round).or(rounds.last());
        if let Some(row) = round.and_then(|round| rows.get_mut(&first(&round.name))) {
            row.count(sent);
            let calm = round.is_some_and(|round| round.troubles.is_empty());
            if !(if calm { IN_CALM } else { IN_TROUBLE }).contains(&sent.status) {
                row.problems.push(format!("{}: unexpected status {:?}", row.name, sent.status));
            }
        }
    }
    Acknowledged {
        rows: rows.into_values().collect(),
        written,
        written_unconfirmed: verdict.written_unconfirmed,
        repeated: verdict.repeated,
        faults: verdict.faults.iter().map(|fault| format!("{fault:?}{}", when(journal, rounds, fault))).collect(),
    }
}

/// Returns the faults injected while the record of a violation was sent.
fn when(journal: &Journal, rounds: &[Round], fault: &Fault) -> String {
    let number = match fault {
        Fault::Lost { number, .. } | Fault::Doubled { number, .. } | Fault::WrittenAllTheSame { number } => *number,
        Fault::OutOfOrder { then, .. } => *then,
        Fault::Foreign { .. } => return String::new(),
    };
    let sent = journal.sent.iter().filter(|sent| sent.told.iter().any(|(told, _)| *told == number));
    let rounds: Vec<_> = sent.filter_map(|sent| rounds.get(sent.round)).map(describe).collect();
    format!(" in {}", rounds.join(", "))
}

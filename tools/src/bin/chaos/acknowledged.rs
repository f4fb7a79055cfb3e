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
    client::{Client, Phase, RetryPolicy},
    document::{Acknowledged, Row},
    fault::Fault,
    journal::{Journal, Verdict, Violation},
    plan::{CLIENTS_EACH, Plan},
    progress::log_progress,
    system::{PARTITIONS, System, TOPIC},
    topic,
};

/// The time within which a frontend has to serve again after a fault.
const RECOVERY_TIMEOUT: Duration = Duration::from_mins(1);

/// The expected statuses without a fault: 422 answers the invalid requests.
const WITHOUT_FAULTS: &[Option<u16>] = &[Some(200), Some(422)];

/// The expected statuses during a fault: also none at all, and API Gateway's own if an environment is lost.
const DURING_FAULTS: &[Option<u16>] =
    &[Some(200), Some(422), Some(401), Some(403), Some(502), Some(503), Some(504), None];

/// The time before each round's faults.
const CALM_PERIOD: Duration = Duration::from_secs(2);

/// A set of simultaneous faults and their duration.
#[derive(Debug, Clone)]
struct Round {
    name: String,
    faults: Vec<Fault>,
    time: Duration,
}

/// Returns each fault alone, then random pairs.
fn rounds(plan: &Plan, random: &mut StdRng) -> Vec<Round> {
    let alone = |fault: Fault| {
        let times = if fault == Fault::FreezeBroker { plan.broker_freezes.clone() } else { vec![plan.fault_duration] };
        times.into_iter().map(move |time| Round {
            name: format!("{fault}, {} s", time.as_secs()),
            faults: vec![fault],
            time,
        })
    };
    let each = Fault::each();
    let mut rounds = vec![Round { name: "no fault".to_owned(), faults: Vec::new(), time: plan.fault_duration }];
    for _ in 0..plan.runs_each {
        rounds.extend(each.iter().flat_map(|fault| alone(*fault)));
    }
    for _ in 0..plan.pairs {
        rounds.push(Round {
            name: "two of these at random".to_owned(),
            faults: pair(&each, random),
            time: plan.fault_duration,
        });
    }
    rounds
}

/// Picks two compatible faults at random.
fn pair(each: &[Fault], random: &mut StdRng) -> Vec<Fault> {
    let Some(first) = each.choose(random).copied() else { return Vec::new() };
    let others: Vec<_> = each.iter().copied().filter(|other| first.goes_with(*other)).collect();
    [Some(first), others.choose(random).copied()].into_iter().flatten().collect()
}

/// # Errors
/// When the experiment itself fails. Broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Acknowledged> {
    let mut random = StdRng::seed_from_u64(seed);
    let system = System::start().await?;
    let rounds = rounds(plan, &mut random);
    let (phase, seen) = watch::channel(Phase::Round(0));
    let mut clients = Vec::new();
    for url in system.urls() {
        for retry_policy in [RetryPolicy::Never, RetryPolicy::UntilConfirmed] {
            for _ in 0..CLIENTS_EACH {
                let client = Client::new(clients.len() as u64 + 1, &url, retry_policy, seed, seen.clone());
                clients.push(tokio::spawn(client.run()));
            }
        }
    }
    let count = clients.len() as u64;
    let probes = (count + 1..).zip(system.urls());
    let mut probes: Vec<_> =
        probes.map(|(number, url)| Client::new(number, &url, RetryPolicy::Never, seed, seen.clone())).collect();

    let mut recoveries = Vec::new();
    for (number, round) in rounds.iter().enumerate() {
        phase.send_replace(Phase::Round(number));
        log_progress(&format!("acknowledged, {} of {}: {}", number + 1, rounds.len(), describe(round)));
        sleep(CALM_PERIOD).await;
        let mut active = Vec::new();
        for fault in &round.faults {
            active.push(fault.begin(&system, &mut random).await?);
        }
        sleep(round.time).await;
        for active in active.into_iter().rev() {
            active.end(&system).await?;
        }
        let ended = Instant::now();
        let served = timeout(RECOVERY_TIMEOUT, join_all(probes.iter_mut().map(Client::until_served))).await;
        recoveries.push(served.ok().map(|_| ended.elapsed()));
    }
    phase.send_replace(Phase::Over);
    let mut journal = Journal::default();
    for client in clients {
        journal.sent.extend(client.await?);
    }
    journal.sent.extend(probes.into_iter().flat_map(Client::into_sent));
    let written = topic::content(system.kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    let verdict = journal.compare(&written);
    let result = summed_up(&rounds, &journal, &verdict, &recoveries, written.len());
    Ok(Acknowledged { function_timeout: system.function_timeout, ..result })
}

fn describe(round: &Round) -> String {
    let faults: Vec<_> = round.faults.iter().map(ToString::to_string).collect();
    format!("{} [{}]", round.name, faults.join("; "))
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
            None => row.problems.push(format!("{}: no response 200 within {RECOVERY_TIMEOUT:?}", describe(round))),
        }
    }
    for sent in &journal.sent {
        // Requests sent after the last round count for it.
        let round = rounds.get(sent.round).or(rounds.last());
        if let Some(row) = round.and_then(|round| rows.get_mut(&first(&round.name))) {
            row.count(sent);
            let calm = round.is_some_and(|round| round.faults.is_empty());
            if !(if calm { WITHOUT_FAULTS } else { DURING_FAULTS }).contains(&sent.status) {
                row.problems.push(format!("{}: unexpected status {:?}", row.name, sent.status));
            }
        }
    }
    Acknowledged {
        rows: rows.into_values().collect(),
        written,
        written_unconfirmed: verdict.written_unconfirmed,
        repeated: verdict.repeated,
        violations: verdict
            .violations
            .iter()
            .map(|violation| format!("{violation:?}{}", when(journal, rounds, violation)))
            .collect(),
        ..Acknowledged::default()
    }
}

/// Returns the faults injected while the record of a violation was sent.
fn when(journal: &Journal, rounds: &[Round], violation: &Violation) -> String {
    let number = match violation {
        Violation::Lost { number, .. }
        | Violation::Doubled { number, .. }
        | Violation::WrittenDespiteRefusal { number } => *number,
        Violation::OutOfOrder { then, .. } => *then,
        Violation::Foreign { .. } => return String::new(),
    };
    let sent = journal.sent.iter().filter(|sent| sent.states.iter().any(|(sent_number, _)| *sent_number == number));
    let rounds: Vec<_> = sent.filter_map(|sent| rounds.get(sent.round)).map(describe).collect();
    format!(" in {}", rounds.join(", "))
}

//! **Storms**: many environments start at the same moment, before a broker that admits a few log-ins a second and refuses the
//! rest as MSK does, beside a client whose environment is warm.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use futures::future::try_join_all;
use stack::{
    gateway::{Api, Gateway},
    kafka::{Kafka, Options},
    lambda::{Function, Lambda},
    proxy::Proxy,
};
use tokio::{
    sync::watch,
    time::{Instant, sleep, timeout},
};

use crate::{
    Result,
    client::{Client, Manner, Now},
    journal::{Journal, Sent},
    plan::Plan,
    progress::say,
    topic,
    world::{PARTITIONS, TOPIC, ingest, kafka},
};

/// What MSK's smallest brokers admit: <https://docs.aws.amazon.com/msk/latest/developerguide/limits.html>
pub(crate) const LOG_INS_PER_SECOND: f64 = 4.0;

/// None while the environments start, which takes this machine longer than Lambda's.
const HARDLY_ANY: f64 = 0.001;

/// How long they may take to start.
const TIME_TO_START: Duration = Duration::from_secs(15);

/// What an environment may hold open: the way to the cluster, and to the broker that it is told of.
pub(crate) const CONNECTIONS: usize = 2;

/// Beside the environments under storm there is the warm one.
const WARM: usize = 1;

/// Between two requests of the client whose environment is warm.
const STEADY: Duration = Duration::from_millis(100);

/// A request's own time, with some more for the way.
const TIME_TO_ANSWER: Duration = Duration::from_secs(30);

/// Until everyone has to be served, for each environment: twice what its log-ins take.
const TIME_EACH: Duration = Duration::from_secs(1);

/// How often connections are counted.
const COUNTING: Duration = Duration::from_millis(20);

/// What came of it.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) environments: usize,
    /// Until the last client had its first 200.
    pub(crate) served_after: Duration,
    pub(crate) requests: usize,
    pub(crate) refused: usize,
    pub(crate) longest: Duration,
    pub(crate) most_connections: usize,
    pub(crate) steady_requests: usize,
    pub(crate) steady_longest: Duration,
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When something cannot be done, or somebody is never served; what else is found is in the answer.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Storm> {
    let environments = plan.storm;
    say(&format!("storm, {environments} environments"));
    let kafka = Arc::new(kafka(Options::default()).await?);
    let gateway = async |stage: &str, concurrency| {
        let lambda = Lambda::start(&Function { concurrency, ..ingest(&kafka).await? }).await?;
        let lambda = Arc::new(lambda);
        let gateway = Gateway::start(Arc::clone(&lambda), Api::rest(stage)).await?;
        Ok::<_, Box<dyn Error + Send + Sync>>((lambda, gateway))
    };
    let ((_, warm), (stormed_by, cold)) = (gateway("warm", WARM).await?, gateway("cold", environments).await?);
    let url = |gateway: &Gateway| format!("{}/topics/{TOPIC}", gateway.url());
    let (now, seen) = watch::channel(Now::Round(0));

    let client = |number, gateway: &Gateway| Client::new(number, &url(gateway), Manner::GoesOn, seed, seen.clone());
    let mut first = client(0, &warm);
    first.until_served().await;
    kafka.set_connects_per_second(Some(HARDLY_ANY))?;
    let steady = tokio::spawn(client(1, &warm).pausing(STEADY).run());
    let counted = Arc::new(AtomicUsize::new(0));
    let counting = tokio::spawn(count(Arc::clone(&kafka), Arc::clone(&counted)));

    let begun = Instant::now();
    let clients: Vec<_> = (2..)
        .take(environments)
        .map(|number| {
            let mut client = client(number, &cold);
            tokio::spawn(async move {
                client.until_served().await;
                client.into_sent()
            })
        })
        .collect();
    // Else those that are served first would serve the clients that come last.
    let started = async {
        while stormed_by.processes().len() < environments {
            sleep(COUNTING).await;
        }
    };
    drop(timeout(TIME_TO_START, started).await);
    kafka.set_connects_per_second(Some(LOG_INS_PER_SECOND))?;
    let limit = TIME_EACH * u32::try_from(environments)? + TIME_TO_ANSWER;
    let stormed = timeout(limit, try_join_all(clients)).await;
    let stormed = stormed.map_err(|_| format!("not everyone was served within {} s", limit.as_secs()))??;
    let served_after = begun.elapsed();
    now.send_replace(Now::Over);
    counting.abort();

    let (stormed, steady) = (stormed.concat(), steady.await?);
    let written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    let mut storm = Storm {
        environments,
        served_after,
        requests: stormed.len(),
        refused: stormed.iter().filter(|sent| sent.status != Some(200)).count(),
        longest: longest(&stormed),
        most_connections: counted.load(Ordering::Relaxed),
        steady_requests: steady.len(),
        steady_longest: longest(&steady),
        problems: Vec::new(),
    };
    let verdict = Journal { sent: [first.into_sent(), stormed.clone(), steady.clone()].concat() }.held_to(&written);
    storm.problems.extend(verdict.faults.iter().map(|fault| format!("storm: {fault:?}")));
    let started = stormed_by.processes().len();
    if started < environments {
        storm.problems.push(format!("storm: only {started} of {environments} environments started"));
    }
    storm.problems.extend(problems(&storm, &stormed, &steady));
    Ok(storm)
}

fn problems(storm: &Storm, stormed: &[Sent], steady: &[Sent]) -> Vec<String> {
    let mut problems = Vec::new();
    let budget = CONNECTIONS * (storm.environments + WARM);
    if storm.most_connections > budget {
        problems.push(format!("storm: {} connections, and the budget is {budget}", storm.most_connections));
    }
    for sent in stormed {
        if !matches!(sent.status, Some(200 | 503)) {
            problems.push(format!("storm: answered {:?} after {:?}", sent.status, sent.took));
        }
        if sent.took > TIME_TO_ANSWER {
            problems.push(format!("storm: {:?} for an answer", sent.took));
        }
        problems.extend(sent.broken.iter().map(|broken| format!("storm: {broken}")));
    }
    let unserved = steady.iter().filter(|sent| !matches!(sent.status, Some(200 | 422)));
    problems.extend(unserved.map(|sent| format!("storm: a warm environment answered {:?}", sent.status)));
    problems.extend(steady.iter().filter_map(|sent| sent.broken.as_ref()).map(|broken| format!("storm: {broken}")));
    problems
}

fn longest(sent: &[Sent]) -> Duration {
    sent.iter().map(|sent| sent.took).max().unwrap_or_default()
}

/// Keeps the most connections that were open at once, until it is ended.
async fn count(kafka: Arc<Kafka>, most: Arc<AtomicUsize>) {
    loop {
        most.fetch_max(kafka.proxies().map(Proxy::open).sum(), Ordering::Relaxed);
        sleep(COUNTING).await;
    }
}

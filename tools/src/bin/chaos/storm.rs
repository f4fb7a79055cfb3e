//! **Storms**: many environments cold-start simultaneously, before a broker that admits a few log-ins per second and
//! refuses the rest like MSK, next to a client with a warm environment.

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
    client::{Client, Phase, RetryPolicy},
    journal::{Journal, Sent},
    plan::Plan,
    progress::log_progress,
    system::{PARTITIONS, TOPIC, ingest, kafka},
    topic,
};

/// The log-in rate of MSK's smallest brokers: <https://docs.aws.amazon.com/msk/latest/developerguide/limits.html>
pub(crate) const LOG_INS_PER_SECOND: f64 = 4.0;

/// Practically zero, while the environments start, which takes longer here than on Lambda.
const BLOCKED_LOG_INS_PER_SECOND: f64 = 0.001;

/// The time limit for starting all environments.
const START_TIMEOUT: Duration = Duration::from_secs(15);

/// The maximum number of connections per environment: to the bootstrap server and to the broker it names.
pub(crate) const CONNECTIONS: usize = 2;

/// The number of warm environments next to the starting ones.
const WARM: usize = 1;

/// The maximum pause between two requests of the warm client.
const WARM_CLIENT_PAUSE: Duration = Duration::from_millis(100);

/// A request's deadline plus the latency.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(30);

/// The time limit per environment until all are served: twice the time that its log-ins take.
const TIME_PER_ENVIRONMENT: Duration = Duration::from_secs(1);

/// The interval at which connections are counted.
const COUNT_INTERVAL: Duration = Duration::from_millis(20);

/// The result.
#[derive(Debug)]
pub(crate) struct Storm {
    pub(crate) environments: usize,
    pub(crate) function_timeout: Duration,
    /// The time until the last client got its first 200.
    pub(crate) served_after: Duration,
    pub(crate) requests: usize,
    pub(crate) refused: usize,
    pub(crate) longest: Duration,
    pub(crate) most_connections: usize,
    pub(crate) warm_requests: usize,
    pub(crate) warm_longest: Duration,
    pub(crate) problems: Vec<String>,
}

/// # Errors
/// When the experiment itself fails, or a client is never served. Other broken promises are in the result.
pub(crate) async fn run(plan: &Plan, seed: u64) -> Result<Storm> {
    let environments = plan.storm;
    log_progress(&format!("storm, {environments} environments"));
    let kafka = Arc::new(kafka(Options::default()).await?);
    let function = ingest(&kafka).await?;
    let gateway = async |stage: &str, concurrency| {
        let function = Function { concurrency, ..function.clone() };
        let lambda = Arc::new(Lambda::start(&function).await?);
        let gateway = Gateway::start(Arc::clone(&lambda), Api::rest(stage)).await?;
        Ok::<_, Box<dyn Error + Send + Sync>>((lambda, gateway))
    };
    let ((_, warm), (stormed_by, cold)) = (gateway("warm", WARM).await?, gateway("cold", environments).await?);
    let url = |gateway: &Gateway| format!("{}/topics/{TOPIC}", gateway.url());
    let (phase, seen) = watch::channel(Phase::Round(0));

    let client = |number, gateway: &Gateway| Client::new(number, &url(gateway), RetryPolicy::Never, seed, seen.clone());
    let mut first = client(0, &warm);
    first.until_served().await;
    kafka.set_connects_per_second(Some(BLOCKED_LOG_INS_PER_SECOND))?;
    let warm_sent = tokio::spawn(client(1, &warm).pausing(WARM_CLIENT_PAUSE).run());
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
    // Otherwise environments that are served first would serve the last clients too.
    let started = async {
        while stormed_by.processes().len() < environments {
            sleep(COUNT_INTERVAL).await;
        }
    };
    drop(timeout(START_TIMEOUT, started).await);
    kafka.set_connects_per_second(Some(LOG_INS_PER_SECOND))?;
    let limit = TIME_PER_ENVIRONMENT * u32::try_from(environments)? + RESPONSE_TIMEOUT;
    let stormed = timeout(limit, try_join_all(clients)).await;
    let stormed = stormed.map_err(|_| format!("not all clients were served within {} s", limit.as_secs()))??;
    let served_after = begun.elapsed();
    phase.send_replace(Phase::Over);
    counting.abort();

    let (stormed, warm_sent) = (stormed.concat(), warm_sent.await?);
    let written = topic::content(kafka.internal_servers(), TOPIC, PARTITIONS).await?;
    let mut storm = Storm {
        environments,
        function_timeout: function.timeout,
        served_after,
        requests: stormed.len(),
        refused: stormed.iter().filter(|sent| sent.status != Some(200)).count(),
        longest: longest(&stormed),
        most_connections: counted.load(Ordering::Relaxed),
        warm_requests: warm_sent.len(),
        warm_longest: longest(&warm_sent),
        problems: Vec::new(),
    };
    let verdict = Journal { sent: [first.into_sent(), stormed.clone(), warm_sent.clone()].concat() }.compare(&written);
    storm.problems.extend(verdict.violations.iter().map(|violation| format!("storm: {violation:?}")));
    let started = stormed_by.processes().len();
    if started < environments {
        storm.problems.push(format!("storm: only {started} of {environments} environments started"));
    }
    storm.problems.extend(problems(&storm, &stormed, &warm_sent));
    Ok(storm)
}

fn problems(storm: &Storm, stormed: &[Sent], warm_sent: &[Sent]) -> Vec<String> {
    let mut problems = Vec::new();
    let budget = CONNECTIONS * (storm.environments + WARM);
    if storm.most_connections > budget {
        problems.push(format!("storm: {} connections, more than {budget}", storm.most_connections));
    }
    for sent in stormed {
        if !matches!(sent.status, Some(200 | 503)) {
            problems.push(format!("storm: unexpected status {:?} after {:?}", sent.status, sent.took));
        }
        if sent.took > RESPONSE_TIMEOUT {
            problems.push(format!("storm: a response took {:?}", sent.took));
        }
        problems.extend(sent.broken.iter().map(|broken| format!("storm: {broken}")));
    }
    let unserved = warm_sent.iter().filter(|sent| !matches!(sent.status, Some(200 | 422)));
    problems.extend(unserved.map(|sent| format!("storm: the warm environment returned {:?}", sent.status)));
    problems.extend(warm_sent.iter().filter_map(|sent| sent.broken.as_ref()).map(|broken| format!("storm: {broken}")));
    problems
}

fn longest(sent: &[Sent]) -> Duration {
    sent.iter().map(|sent| sent.took).max().unwrap_or_default()
}

/// Tracks the maximum number of open connections until aborted.
async fn count(kafka: Arc<Kafka>, most: Arc<AtomicUsize>) {
    loop {
        most.fetch_max(kafka.proxies().map(Proxy::open).sum(), Ordering::Relaxed);
        sleep(COUNT_INTERVAL).await;
    }
}

//! Starts the components, and stops them in the order in which records flow, so that everything sent is archived at the end.

use std::{fmt::Display, sync::Arc};

use archive::store::{Archiver, Limits};
use emulator::Emulator;
use ingest::{App, router};
use rand::{SeedableRng, rngs::StdRng};
use tables::append::Tables;
use tokio::{
    sync::mpsc::unbounded_channel,
    task::{JoinError, JoinHandle, JoinSet, spawn_blocking},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use crate::{
    analytics::Analytics,
    archive_claim::ArchiveClaim,
    archiver::{self, ArchiveRunError, ArchiveRunner},
    backpressure::{Backlog, BoundedPublisher},
    banner, browser,
    cli::Cli,
    clock::now_ms,
    components::{Archive, Components},
    dashboard::{Dashboard, RecordingPublisher, Setup},
    error::StartError,
    guard::Guard,
    kafka::EmbeddedKafka,
    progress, scheduler,
    server::{SHUTDOWN_TIMEOUT, Server},
    signals::Signals,
    summary::{Summary, peak_memory_bytes},
    table_writer::{self, TableWriter, TableWriterError},
    terminal::report,
    totals::{RunningTotals, Totals},
};

/// Runs the pipeline until a signal, the end of `--for` or a failed task stops it.
///
/// # Errors
/// When a component cannot be opened. Nothing has been sent then.
pub(crate) async fn run(cli: Cli) -> Result<Summary, StartError> {
    let started = Instant::now();
    let totals = RunningTotals::default();
    // At once: the first process of a container gets no signal that it does not listen to.
    let mut signals = Signals::listen().map_err(StartError::Signals)?;
    let components = tokio::select! {
        components = Components::open(&cli, &totals.metrics) => components?,
        () = signals.stop_requested(None) => return Err(StartError::Stopped),
    };
    banner::print(&cli, &components);
    let address = components.address;
    let running = start(&cli, components, totals, started);
    if cli.open {
        spawn_blocking(move || browser::open(address));
    }
    tokio::select! {
        () = signals.stop_requested(cli.duration) => {}
        task = running.failed_task() => report(format_args!("The {task} cannot go on.")),
    }
    let advice = signals.exit_on_second();
    report(format_args!(
        "Stopping: what is in flight is written and archived first, within {} s. {advice}",
        SHUTDOWN_TIMEOUT.as_secs()
    ));
    Ok(running.stop().await)
}

/// The started pipeline.
struct Running {
    started: Instant,
    totals: RunningTotals,
    archive_url: Option<String>,
    claim: Option<ArchiveClaim>,
    backlog: Option<Arc<Backlog>>,
    server: Server,
    emulator: Task<()>,
    archiver: Task<Result<(), ArchiveRunError>>,
    table_writer: Task<Result<(), TableWriterError>>,
    /// The progress line and the dashboard. Dropping them aborts them.
    reports: JoinSet<()>,
    /// Stops the sources of records: the server and the emulator.
    stop_sending: CancellationToken,
    /// Stops the archiver after a last run.
    stop_archiving: CancellationToken,
    /// Stops the table writer after a last run.
    stop_tables: CancellationToken,
    /// Kept alive until the end.
    _embedded: Option<EmbeddedKafka>,
}

/// A spawned task, whose end can be awaited apart from its result.
struct Task<T> {
    handle: JoinHandle<T>,
    /// Cancelled when the task ends, also by a panic.
    ended: CancellationToken,
}

impl<T: Send + 'static> Task<T> {
    fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        let ended = CancellationToken::new();
        let guard = ended.clone().drop_guard();
        let handle = tokio::spawn(async move {
            let _guard = guard;
            work.await
        });
        Self { handle, ended }
    }
}

/// Starts the tasks of all components.
fn start(cli: &Cli, components: Components, totals: RunningTotals, started: Instant) -> Running {
    let setup = Setup::of(cli, &components);
    let guard = Guard::new(components.address, cli.allow_hosts.clone(), cli.allow_origins.clone());
    let Components {
        user_ids,
        pass_through,
        shared_streams,
        statuses,
        listener,
        source,
        embedded,
        producer,
        archive,
        claim,
        ..
    } = components;
    let metrics = totals.metrics.clone();
    let [stop_sending, stop_archiving, stop_tables] = std::array::from_fn(|_| CancellationToken::new());
    let backlog = embedded.as_ref().map(|_| Arc::new(Backlog::new(user_ids.topic_names())));
    let archive_url = archive.as_ref().map(|archive| archive.url.to_string());
    let bucket = archive.as_ref().map(|archive| archive.bucket.clone());
    let table_bucket = bucket.clone().filter(|_| !cli.no_tables);
    let analytics = table_bucket.as_ref().map(|bucket| Analytics::new(bucket, &user_ids));
    let dashboard = Dashboard::new(setup, &user_ids, totals.clone(), bucket, analytics);
    let cluster = producer.clone();
    let producer = RecordingPublisher::new(BoundedPublisher::new(producer, backlog.clone()), dashboard.clone());

    let app = App::new(producer.clone(), cluster.clone(), &user_ids, metrics.clone())
        .with_pass_through(&pass_through)
        .with_shared_streams(shared_streams)
        .with_read_back(!cli.no_read_back)
        .with_status_policy(statuses);
    let server = Server::start(listener, guard, router(app), dashboard.clone(), &metrics, &stop_sending);

    let emulator = Emulator::new(source, producer, &user_ids, StdRng::from_os_rng(), metrics.clone());
    let emulator = emulator.with_order(cli.order);
    let (health, on_refused) = (dashboard.health().emulator.clone(), dashboard.clone());
    let on_refused = move |rows| on_refused.refused_rows(rows);
    let (rate, limit) = (cli.posts_per_second, cli.posts);
    let emulator = Task::spawn(scheduler::run(emulator, rate, limit, health, on_refused, stop_sending.clone()));

    let has_tables = table_bucket.is_some();
    let health = dashboard.health().tables.clone();
    let writer = table_bucket.map(|bucket| {
        let tables = Tables::new(bucket, tables::append::Limits::default(), now_ms);
        TableWriter { tables, names: tables::run::names(&user_ids), metrics: metrics.clone(), health }
    });
    let table_writer = Task::spawn(table_writer::run(writer, stop_tables.clone()));

    let health = dashboard.health().archive.clone();
    let (sender, stored) = unbounded_channel();
    let runner = archive.map(|Archive { kafka, bucket, .. }| {
        let archiver = Archiver::new(bucket, Limits::default()).notifying(sender);
        let (topics, backlog) = (user_ids.topic_names(), backlog.clone());
        ArchiveRunner { kafka, archiver, topics, backlog, metrics, health }
    });
    let archiver = Task::spawn(archiver::run(runner, stop_archiving.clone()));

    let mut reports = JoinSet::new();
    reports.spawn(dashboard.clone().watch_kafka(cluster));
    reports.spawn(dashboard.run(stored));
    let snapshot = totals.clone();
    reports.spawn(progress::show(move || snapshot.snapshot(), archive_url.is_some(), has_tables));
    Running {
        started,
        totals,
        archive_url,
        claim,
        backlog,
        server,
        emulator,
        archiver,
        table_writer,
        reports,
        stop_sending,
        stop_archiving,
        stop_tables,
        _embedded: embedded,
    }
}

impl Running {
    /// Waits for a task that ends unasked, and returns its name.
    async fn failed_task(&self) -> &'static str {
        tokio::select! {
            () = self.emulator.ended.cancelled() => "emulator",
            () = self.table_writer.ended.cancelled() => "table writer",
            () = self.archiver.ended.cancelled() => {
                if let Some(backlog) = &self.backlog {
                    backlog.close();
                }
                "archive"
            }
        }
    }

    /// Stops sending, waits until everything sent is written, then until everything written is archived and in the tables.
    async fn stop(self) -> Summary {
        drop(self.reports);
        self.stop_sending.cancel();
        let emulated = self.emulator.handle.await;
        self.server.ended().await;
        self.stop_archiving.cancel();
        let archived = self.archiver.handle.await;
        self.stop_tables.cancel();
        let tabled = self.table_writer.handle.await;
        if let Some(claim) = self.claim {
            claim.release().await;
        }
        let totals = self.totals.snapshot();
        Summary {
            failure: failure(emulated, archived, &totals, self.archive_url.is_some(), self.backlog.is_some()).or_else(
                || match tabled {
                    Ok(Ok(())) => None,
                    Ok(Err(error)) => Some(error.to_string()),
                    Err(panic) => Some(format!("a task failed: {panic}")),
                },
            ),
            totals,
            seconds: self.started.elapsed().as_secs_f64(),
            peak_memory_bytes: peak_memory_bytes(),
            archive: self.archive_url,
        }
    }
}

/// Returns why the run failed, if it did: a task's error or panic, lost records, or records that are not archived.
fn failure<E: Display>(
    emulated: Result<(), JoinError>,
    archived: Result<Result<(), E>, JoinError>,
    totals: &Totals,
    is_archived: bool,
    is_embedded: bool,
) -> Option<String> {
    let to_archive = if is_archived { totals.records_written - totals.records_passed_through } else { 0 };
    let missing = to_archive.saturating_sub(totals.records_archived + totals.quarantined);
    let fate = if is_embedded { " and lost with the embedded Kafka" } else { "" };
    match (emulated, archived) {
        (_, Ok(Err(error))) if missing > 0 => {
            Some(format!("{missing} of the records written are not archived{fate}: {error}"))
        }
        (_, Ok(Err(error))) => Some(error.to_string()),
        (Err(panic), _) | (_, Err(panic)) => Some(format!("a task failed: {panic}")),
        (Ok(()), Ok(Ok(()))) if totals.records_lost > 0 => {
            Some(format!("Kafka dropped {} records before they were archived", totals.records_lost))
        }
        (Ok(()), Ok(Ok(()))) if missing > 0 => Some(format!("{missing} of the records written are not archived{fate}")),
        (Ok(()), Ok(Ok(()))) => None,
    }
}

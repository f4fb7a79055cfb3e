//! Starts the components, and stops them in the order in which records flow, so that what was sent is archived at the end.

use std::{fmt::Display, sync::Arc};

use archive::store::{Archiver, Limits};
use emulator::Emulator;
use ingest::{App, router};
use rand::{SeedableRng, rngs::StdRng};
use tokio::{sync::mpsc::unbounded_channel, task::JoinError, time::Instant};

use crate::{
    archiver::{self, Archiving},
    backpressure::{Backlog, BoundedPublisher},
    banner,
    cli::Cli,
    components::{Archive, Components, StartError},
    dashboard::{Dashboard, RecordingPublisher, Setup},
    guard::Guard,
    progress, scheduler,
    server::{SHUTDOWN_TIMEOUT, Server},
    stop::{self, Signals, Stop},
    summary::{Summary, peak_memory_bytes},
    totals::{RunningTotals, Totals},
};

/// Runs the pipeline until it is told to stop, and says what it did.
///
/// # Errors
/// When a part cannot be opened; nothing has been sent then.
pub(crate) async fn run(cli: Cli) -> Result<Summary, StartError> {
    let begun = Instant::now();
    let running_totals = RunningTotals::default();
    let metrics = &running_totals.metrics;
    let components = Components::open(&cli, metrics).await?;
    // Before the greeting says that Ctrl-C can be used.
    let mut signals = Signals::listen().map_err(StartError::Signals)?;
    banner::print(&cli, &components);

    let setup = Setup::of(&cli, &components);
    let guard = Guard::new(components.address, cli.allow_hosts.clone(), cli.allow_origins.clone());
    let Components { user_ids, pass_through, statuses, listener, source, embedded, producer, archive, claim, .. } =
        components;
    let backlog = embedded.as_ref().map(|_| Arc::new(Backlog::new(user_ids.topic_names())));
    let bucket = archive.as_ref().map(|archive| archive.bucket.clone());
    let dashboard = Dashboard::new(setup, &user_ids, running_totals.clone(), bucket);
    let cluster = producer.clone();
    let producer = RecordingPublisher::new(BoundedPublisher::new(producer, backlog.clone()), dashboard.clone());
    let app = App::new(producer.clone(), cluster.clone(), &user_ids, metrics.clone())
        .passing_through(&pass_through)
        .with_status_policy(statuses);

    // Sending stops first; then what was sent is written; then it is archived.
    let (sending, writing) = (Stop::new(), Stop::new());
    let server = Server::start(listener, guard, router(app), dashboard.clone(), metrics, &sending);
    let watching = tokio::spawn(dashboard.clone().watch_kafka(cluster));
    let emulator = Emulator::new(source, producer, &user_ids, StdRng::from_os_rng(), metrics.clone());
    let health = dashboard.health().emulator.clone();
    let refused = {
        let dashboard = dashboard.clone();
        move |rows| dashboard.refused_rows(rows)
    };
    let mut emulating = tokio::spawn(scheduler::run(emulator, cli.posts_per_second, health, refused, sending.clone()));
    let archive_url = archive.as_ref().map(|archive| archive.url.to_string());
    let health = dashboard.health().archive.clone();
    let (told, stored) = unbounded_channel();
    let archiving = archive.map(|Archive { kafka, bucket, .. }| {
        let (archiver, topics) = (Archiver::new(bucket, Limits::default()).notifying(told), user_ids.topic_names());
        Archiving { kafka, archiver, topics, backlog: backlog.clone(), metrics: metrics.clone(), health }
    });
    let showing = tokio::spawn(dashboard.run(stored));
    let mut archiving = tokio::spawn(archiver::run(archiving, writing.clone()));
    let shown = tokio::spawn({
        let running_totals = running_totals.clone();
        progress::show(move || running_totals.snapshot(), archive_url.is_some())
    });

    let (mut emulated, mut archived) = (None, None);
    tokio::select! {
        () = stop::requested(&mut signals, cli.duration) => eprintln!(
            "Stopping: what is in flight is written and archived first, within {} s. Ctrl-C again stops at once.",
            SHUTDOWN_TIMEOUT.as_secs()
        ),
        // Neither of these ends before it is told to, unless it cannot go on.
        ended = &mut emulating => {
            eprintln!("Stopping: the emulator cannot go on.");
            emulated = Some(ended);
        }
        ended = &mut archiving => {
            eprintln!("Stopping: the archive cannot go on.");
            archived = Some(ended);
            if let Some(backlog) = &backlog {
                backlog.close();
            }
        }
    }
    for task in [shown, watching, showing] {
        task.abort();
    }
    stop::at_once_on(signals);
    sending.stop();
    let emulated = match emulated {
        Some(ended) => ended,
        None => emulating.await,
    };
    server.ended().await;
    writing.stop();
    let archived = match archived {
        Some(ended) => ended,
        None => archiving.await,
    };
    if let Some(claim) = claim {
        claim.release().await;
    }

    let totals = running_totals.snapshot();
    Ok(Summary {
        failure: failure(emulated, archived, &totals, archive_url.is_some()),
        totals,
        seconds: begun.elapsed().as_secs_f64(),
        peak_memory_bytes: peak_memory_bytes(),
        archive: archive_url,
    })
}

/// Why not all is as it should be, by how the emulator and the archiver ended and what was counted.
fn failure<E: Display>(
    emulated: Result<(), JoinError>,
    archived: Result<Result<(), E>, JoinError>,
    totals: &Totals,
    is_archived: bool,
) -> Option<String> {
    let to_archive = if is_archived { totals.records_written - totals.records_passed_through } else { 0 };
    let missing = to_archive.saturating_sub(totals.records_archived + totals.quarantined);
    match (emulated, archived) {
        (_, Ok(Err(error))) => Some(error.to_string()),
        (Err(panic), _) | (_, Err(panic)) => Some(format!("a part broke down: {panic}")),
        (Ok(()), Ok(Ok(()))) if totals.records_lost > 0 => {
            Some(format!("Kafka dropped {} records before they were archived", totals.records_lost))
        }
        (Ok(()), Ok(Ok(()))) if missing > 0 => Some(format!("{missing} of the records written are not archived")),
        (Ok(()), Ok(Ok(()))) => None,
    }
}

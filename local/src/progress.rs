//! The progress report: a line that is updated in place on a terminal, and a new line every few seconds elsewhere.

use std::{
    io::{IsTerminal, stderr},
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::{Instant, interval};

use crate::{terminal::report, totals::Totals};

/// The update interval on a terminal.
const TERMINAL_INTERVAL: Duration = Duration::from_millis(500);

/// The interval of lines elsewhere.
const LOG_INTERVAL: Duration = Duration::from_secs(5);

/// Reports `totals` until dropped, including those of the archive and of its tables if there are any.
pub(crate) async fn show(totals: impl Fn() -> Totals, is_archived: bool, has_tables: bool) {
    let begun = Instant::now();
    let terminal = stderr().is_terminal();
    let every = if terminal { TERMINAL_INTERVAL } else { LOG_INTERVAL };
    let bar = ProgressBar::new_spinner();
    // The template is a valid constant. Without it the line would only look plainer.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed_precise}  {msg}") {
        bar.set_style(style);
    }
    let mut ticks = interval(every);
    ticks.tick().await;
    let (mut before, mut at) = (totals(), Instant::now());
    loop {
        ticks.tick().await;
        let now = totals();
        let line = line(&before, &now, at.elapsed(), is_archived, has_tables);
        if terminal {
            bar.set_message(line);
            bar.tick();
        } else {
            report(format_args!("{:>4.0} s  {line}", begun.elapsed().as_secs_f64()));
        }
        (before, at) = (now, Instant::now());
    }
}

fn line(before: &Totals, now: &Totals, passed: Duration, is_archived: bool, has_tables: bool) -> String {
    let mut parts = vec![
        format!("posts {} ({:.0}/s)", now.posts, rate(now.posts - before.posts, passed)),
        format!(
            "written {} ({:.0}/s)",
            now.records_written,
            rate(now.records_written - before.records_written, passed)
        ),
        format!("refused {}", now.records_refused),
    ];
    if is_archived {
        parts.push(format!("archived {}", now.records_archived));
    }
    if has_tables {
        parts.push(format!("table rows {}", now.table_rows));
    }
    for (what, count) in
        [("unconfirmed", now.records_unconfirmed), ("behind", now.archive_lag), ("quarantined", now.quarantined)]
    {
        if count > 0 {
            parts.push(format!("{what} {count}"));
        }
    }
    parts.join(" · ")
}

/// Returns the rate per second.
fn rate(count: u64, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(f64::MIN_POSITIVE)
}

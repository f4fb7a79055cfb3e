//! A run: brings every table up to date with the archive.

use shared::{kind::CATALOG, topic::UserIds};
use tokio::time::{Instant, timeout_at};

use crate::{
    append::{Counts, Tables},
    layout::TableName,
    report::{Failure, Report},
};

#[cfg(test)]
mod tests;

/// The tables of all user ids.
#[must_use]
pub fn names(user_ids: &UserIds) -> Vec<TableName> {
    let of = |kind| move |user_id: &shared::topic::UserId| TableName::new(user_id.clone(), kind);
    CATALOG.iter().flat_map(|kind| user_ids.iter().map(of(*kind))).collect()
}

/// Appends the records that are archived now, table by table: a batch takes most of the function's memory. One table's failure does
/// not stop the others.
///
/// # Cancellation
/// Safe to drop, and stops at `deadline`, at any point: the next run continues after the last committed version.
pub async fn run(tables: &Tables, names: &[TableName], deadline: Instant) -> Report {
    let started = Instant::now();
    let mut report = Report::default();
    for name in names {
        let mut counts = Counts::default();
        let done = if Instant::now() < deadline {
            timeout_at(deadline, tables.append(name, &mut counts)).await.ok()
        } else {
            None
        };
        match done {
            Some(Ok(())) => {}
            Some(Err(error)) => report.failures.push(Failure { table: name.clone(), error }),
            None => report.left_behind.push(name.clone()),
        }
        report.tables.insert(name.to_string(), counts);
    }
    report.finish(started.elapsed())
}

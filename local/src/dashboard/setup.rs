//! The setup of the pipeline, which does not change while it runs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use shared::{kind::CATALOG, metrics::ingest::PASS_THROUGH, sample};

use crate::{
    analytics::{QUESTIONS, Question},
    cli::Cli,
    clock::now_ms,
    components::Components,
};

/// The setup, in the names that the page reads.
#[derive(Debug, Serialize)]
pub(crate) struct Setup {
    /// The start time in milliseconds since 1970, which identifies this process.
    started_ms: i64,
    user_ids: Vec<String>,
    pub(super) topics: Vec<Topic>,
    kafka: String,
    embedded: bool,
    posts_per_second: f64,
    /// The source of the emulator's rows.
    rows: &'static str,
    /// `None` with `--no-archive`.
    pub(super) archive: Option<String>,
    /// Unset without an archive and with `--no-tables`.
    tables: bool,
    questions: &'static [Question],
    /// Set unless `--no-read-back`.
    reads_back: bool,
    /// A valid row of each kind.
    examples: BTreeMap<&'static str, Box<RawValue>>,
}

#[derive(Debug, Serialize)]
pub(super) struct Topic {
    pub(super) name: String,
    kind: &'static str,
}

impl Setup {
    pub(crate) fn of(cli: &Cli, components: &Components) -> Self {
        let kinds =
            components.user_ids.topics().into_iter().map(|topic| Topic { name: topic.name, kind: topic.kind.name });
        let others = components.pass_through.iter().map(|name| Topic { name: name.to_owned(), kind: PASS_THROUGH });
        let example = |table| RawValue::from_string(sample::rows(table)?.lines().next()?.to_owned()).ok();
        Self {
            started_ms: now_ms(),
            user_ids: components.user_ids.iter().map(ToString::to_string).collect(),
            topics: kinds.chain(others).collect(),
            kafka: components.cluster.to_string(),
            embedded: components.embedded.is_some(),
            posts_per_second: cli.posts_per_second,
            rows: rows(cli),
            archive: components.archive.as_ref().map(|archive| archive.url.to_string()),
            tables: components.archive.is_some() && !cli.no_tables,
            questions: &QUESTIONS,
            reads_back: !cli.no_read_back,
            examples: CATALOG.iter().filter_map(|kind| Some((kind.name, example(kind.table)?))).collect(),
        }
    }
}

/// Names the source of the emulator's rows.
pub(crate) fn rows(cli: &Cli) -> &'static str {
    if cli.database_url.as_deref().is_none_or(|url| url == "sample") { "the sample rows" } else { "the database" }
}

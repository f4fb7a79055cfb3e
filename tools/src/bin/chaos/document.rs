//! The report, in Markdown.

use std::{num::NonZero, thread::available_parallelism, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    archived::Archived,
    client::INVALID_ONE_IN,
    fault::BROKERS,
    frozen::Frozen,
    journal::Sent,
    overload::{CLIENTS, MAX_MEMORY_MB, Overload},
    plan::CLIENTS_EACH,
    soak::Soak,
    storage::WRITERS,
    storm::{CONNECTIONS, LOG_INS_PER_SECOND, Storm},
    system::ENVIRONMENTS,
    tables::{PARTITIONS, Tables},
};

/// `docs/reliability.md`: one section per promise, each with its own date. Sections that were not run again stay unchanged.
#[derive(Debug)]
pub(crate) struct Document {
    sections: Vec<String>,
}

/// The prefix of a section's title.
const SECTION: &str = "## ";

const HEAD: &str = include_str!("document/head.md");

/// The result for one kind of fault.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// The number of runs.
    pub(crate) times: usize,
    pub(crate) slowest_recovery: Duration,
    /// Violations of the promise.
    pub(crate) problems: Vec<String>,
    requests: usize,
    answered_200: usize,
    /// Neither 200 nor the client's mistake.
    refused: usize,
    unanswered: usize,
    acknowledged: usize,
    longest: Duration,
}

/// The result for the promise that 200 means written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acknowledged {
    pub(crate) function_timeout: Duration,
    pub(crate) rows: Vec<Row>,
    /// The number of records in the topic.
    pub(crate) written: usize,
    pub(crate) written_unconfirmed: usize,
    pub(crate) repeated: usize,
    /// Violations of the promise.
    pub(crate) violations: Vec<String>,
}

impl Row {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Adds a request.
    pub(crate) fn count(&mut self, sent: &Sent) {
        self.requests += 1;
        match sent.status {
            Some(200) => self.answered_200 += 1,
            Some(422) => {}
            Some(_) => self.refused += 1,
            None => self.unanswered += 1,
        }
        self.acknowledged += sent.states.iter().filter(|(_, state)| state.is_written()).count();
        self.longest = self.longest.max(sent.took);
        self.problems.extend(sent.broken.iter().cloned());
    }

    fn markdown(&self) -> String {
        let seconds = |time: Duration| format!("{:.1}", time.as_secs_f64());
        let cells = [
            self.name.clone(),
            self.times.to_string(),
            self.requests.to_string(),
            self.answered_200.to_string(),
            self.refused.to_string(),
            self.unanswered.to_string(),
            self.acknowledged.to_string(),
            seconds(self.longest),
            seconds(self.slowest_recovery),
        ];
        format!("| {} |", cells.join(" | "))
    }
}

impl Acknowledged {
    pub(crate) fn problems(&self) -> Vec<String> {
        self.violations.iter().chain(self.rows.iter().flat_map(|row| &row.problems)).cloned().collect()
    }

    pub(crate) fn markdown(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::markdown).collect();
        format!(
            include_str!("document/acknowledged.md"),
            brokers = BROKERS,
            environments = ENVIRONMENTS,
            timeout = self.function_timeout.as_secs(),
            clients = CLIENTS_EACH,
            invalid = INVALID_ONE_IN,
            rows = rows.join("\n"),
            acknowledged = self.rows.iter().map(|row| row.acknowledged).sum::<usize>(),
            written = self.written,
            unconfirmed = self.written_unconfirmed,
            repeated = self.repeated,
            violations = self.violations.len()
        )
    }
}

impl Frozen {
    pub(crate) fn markdown(&self) -> String {
        format!(
            include_str!("document/frozen.md"),
            freezes = self.freezes,
            requests = self.requests,
            not_200 = self.not_200,
            verdict = verdict(&self.problems)
        )
    }
}

impl Archived {
    pub(crate) fn markdown(&self) -> String {
        format!(
            include_str!("document/archived.md"),
            schedules = self.schedules,
            writers = WRITERS,
            invocations = self.invocations,
            failed = self.failed,
            kills = self.kills,
            records = self.records,
            objects = self.objects,
            problems = self.problems.len()
        )
    }
}

impl Tables {
    pub(crate) fn markdown(&self) -> String {
        format!(
            include_str!("document/tables.md"),
            tables = self.check.tables,
            writers = WRITERS,
            partitions = PARTITIONS,
            invocations = self.invocations,
            failed = self.failed,
            kills = self.kills,
            records = self.check.records,
            rows = self.check.rows,
            commits = self.check.commits,
            merges = self.check.merges,
            checkpoints = self.check.checkpoints,
            differences = self.check.differences
        )
    }
}

impl Storm {
    pub(crate) fn markdown(&self) -> String {
        format!(
            include_str!("document/storm.md"),
            environments = self.environments,
            timeout = self.function_timeout.as_secs(),
            log_ins = LOG_INS_PER_SECOND,
            served_after = self.served_after.as_secs_f64(),
            requests = self.requests,
            refused = self.refused,
            longest = self.longest.as_secs_f64(),
            most_connections = self.most_connections,
            connections = CONNECTIONS,
            warm_requests = self.warm_requests,
            warm_longest = self.warm_longest.as_secs_f64(),
            verdict = verdict(&self.problems)
        )
    }
}

impl Overload {
    pub(crate) fn markdown(&self) -> String {
        let answers: Vec<_> = self.answers.iter().map(|(status, count)| format!("{count} with {status}")).collect();
        format!(
            include_str!("document/overload.md"),
            clients = CLIENTS,
            hung_up = self.hung_up,
            answers = answers.join(", "),
            memory_mb = self.memory_mb,
            max_memory_mb = MAX_MEMORY_MB,
            served_after = self.served_after.as_secs_f64(),
            verdict = verdict(&self.problems)
        )
    }
}

impl Soak {
    pub(crate) fn markdown(&self) -> String {
        let [first, second] = self.usage;
        format!(
            include_str!("document/soak.md"),
            seconds = self.time.as_secs(),
            faults = self.faults,
            requests = self.requests,
            refused = self.refused,
            reads = self.reads,
            memory = format_args!("{} and {}", first.memory_mb, second.memory_mb),
            files = format_args!("{} and {}", first.files, second.files),
            threads = format_args!("{} and {}", first.threads, second.threads),
            verdict = verdict(&self.problems)
        )
    }
}

impl Document {
    /// Parses an existing file.
    pub(crate) fn of(text: &str) -> Self {
        let begin = format!("\n{SECTION}");
        let (_, sections) = text.split_once(&begin).unwrap_or_default();
        let sections = sections.split(&begin).filter(|section| !section.is_empty());
        Self { sections: sections.map(|section| format!("{SECTION}{}\n", section.trim_end())).collect() }
    }

    /// Replaces the section with the same title, or appends it.
    pub(crate) fn put(&mut self, section: String) {
        let title = |section: &str| section.lines().next().map(str::to_owned);
        match self.sections.iter_mut().find(|known| title(known) == title(&section)) {
            Some(known) => *known = section,
            None => self.sections.push(section),
        }
    }

    pub(crate) fn markdown(&self) -> String {
        format!("{HEAD}\n{}", self.sections.join("\n"))
    }
}

/// Returns the closing sentence.
fn verdict(problems: &[String]) -> String {
    match problems.len() {
        0 => "No promise was broken.".to_owned(),
        count => format!("**Broken promises: {count}.**"),
    }
}

/// Formats a section with date, machine and seed.
pub(crate) fn section(title: &str, seed: u64, took: Duration, text: &str) -> String {
    #[expect(clippy::disallowed_methods, reason = "the date of the document")]
    let now: DateTime<Utc> = Utc::now();
    let minutes = took.as_secs().div_ceil(60);
    let processors = available_parallelism().map_or(1, NonZero::get);
    let date = now.format("%F");
    format!("{SECTION}{title}\n\nOn {date}, in {minutes} min on {processors} processors, seed {seed}.\n\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_section_replaces_its_predecessor_and_the_others_stay() {
        let mut document = Document::of("");
        for (title, text) in [("A", "1\n"), ("B", "1\n\nmore\n"), ("A", "2\n")] {
            document = Document::of(&document.markdown());
            document.put(format!("{SECTION}{title}\n\n{text}"));
        }
        assert_eq!(document.markdown(), format!("{HEAD}\n## A\n\n2\n\n## B\n\n1\n\nmore\n"));
        assert_eq!(Document::of(&document.markdown()).markdown(), document.markdown());
    }

    #[test]
    fn the_published_page_has_the_current_texts() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reliability.md");
        let published = std::fs::read_to_string(file).unwrap();
        let templates = [
            HEAD,
            include_str!("document/acknowledged.md"),
            include_str!("document/frozen.md"),
            include_str!("document/archived.md"),
            include_str!("document/tables.md"),
            include_str!("document/storm.md"),
            include_str!("document/overload.md"),
            include_str!("document/soak.md"),
        ];
        // The values of a run stand between the texts.
        for text in templates.iter().flat_map(|template| template.split(['{', '}']).step_by(2)) {
            assert!(published.contains(text.trim()), "{text}");
        }
    }
}

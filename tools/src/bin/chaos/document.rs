//! The report, in Markdown.

use std::{num::NonZero, thread::available_parallelism, time::Duration};

use chrono::{DateTime, Utc};

use crate::{
    acknowledged::CLIENTS as CLIENTS_EACH,
    answer::Told,
    archived::Archived,
    client::WRONG,
    frozen::Frozen,
    journal::Sent,
    overload::{CLIENTS, MAX_MEMORY_MB, Overload},
    soak::Soak,
    storm::{CONNECTIONS, LOG_INS_PER_SECOND, Storm},
    trouble::BROKERS,
};

/// `docs/reliability.md`: one section per promise, each with its own date. Sections that were not run again stay unchanged.
#[derive(Debug)]
pub(crate) struct Document {
    sections: Vec<String>,
}

/// The prefix of a section's title.
const SECTION: &str = "## ";

const HEAD: &str = "# Reliability\n\nExperiments that try to break the pipeline's promises, with their results. `make chaos` writes this file and fails if a promise is broken; `make soak` adds the section on long running.\n";

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
    pub(crate) rows: Vec<Row>,
    /// The number of records in the topic.
    pub(crate) written: usize,
    pub(crate) written_unconfirmed: usize,
    pub(crate) repeated: usize,
    /// Violations of the promise.
    pub(crate) faults: Vec<String>,
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
        self.acknowledged += sent.told.iter().filter(|(_, told)| matches!(told, Told::Written(_))).count();
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
        self.faults.iter().chain(self.rows.iter().flat_map(|row| &row.problems)).cloned().collect()
    }

    pub(crate) fn markdown(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::markdown).collect();
        let acknowledged: usize = self.rows.iter().map(|row| row.acknowledged).sum();
        format!(
            "{BROKERS} brokers, two of which must take a record; `ingest` in {} environments behind API Gateway's \
             events, and `local`. For each, {CLIENTS_EACH} clients post numbered records one request after the other, and as many do so again \
             until they are told of them; one request of {WRONG} breaks a rule \
             and is refused, which the table leaves out. In the end each partition is read and held to the answers.\n\n\
             | trouble | times | requests | 200 | not served | unanswered | records acknowledged | longest answer, s | served again \
             after, s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n{}\n\n\
             {acknowledged} records were acknowledged. The topic has {}: the other {} are of requests without a 200, {} of them by clients who \
             sent the same again. Records lost, doubled by the pipeline, out of a \
             client's order, or written though refused: {}.\n",
            crate::world::ENVIRONMENTS,
            rows.join("\n"),
            self.written,
            self.written_unconfirmed,
            self.repeated,
            self.faults.len()
        )
    }
}

impl Frozen {
    pub(crate) fn markdown(&self) -> String {
        format!(
            "An environment of `ingest` was stopped {} times within 30 ms after a request was \
             sent to it, for 1 s to 20 min by the clock that it sees; two times of three, by chance, its connections were cut meanwhile. Of {} \
             requests, those after each freeze included, {} had another answer than 200.\n\n{}\n",
            self.freezes,
            self.requests,
            self.not_200,
            verdict(&self.problems)
        )
    }
}

impl Archived {
    pub(crate) fn markdown(&self) -> String {
        format!(
            "{} topics, each archived by {} environments of `archive` at the same time, by runs and by \
             batches that are delivered twice and cut anew, while S3 refuses, does what it says to have failed, is slow or silent, \
             connections are reset, and environments are killed and timed out. Of {} invocations {} failed; {} environments were \
             killed. In the end the archive is held to the topic.\n\n{} records are in {} objects. Records missing, doubled, or not \
             byte for byte as the topic has them: {}.\n",
            self.schedules,
            crate::archived::WRITERS,
            self.invocations,
            self.failed,
            self.kills,
            self.records,
            self.objects,
            self.problems.len()
        )
    }
}

impl Storm {
    pub(crate) fn markdown(&self) -> String {
        format!(
            "{} environments of `ingest` start at once before a broker that admits {LOG_INS_PER_SECOND} log-ins a second, \
             each with a client that sends until it is served. The last one was served after {:.1} s. Of {} requests {} were \
             answered 503 with `Retry-After`; the longest answer took {:.1} s. At most {} connections were open, of {CONNECTIONS} an \
             environment that are admitted. A client of a warm environment sent {} requests beside it, all of which were served, \
             within {:.1} s.\n\n{}\n",
            self.environments,
            self.served_after.as_secs_f64(),
            self.requests,
            self.refused,
            self.longest.as_secs_f64(),
            self.most_connections,
            self.steady_requests,
            self.steady_longest.as_secs_f64(),
            verdict(&self.problems)
        )
    }
}

impl Overload {
    pub(crate) fn markdown(&self) -> String {
        let answers: Vec<_> = self.answers.iter().map(|(status, count)| format!("{count} with {status}")).collect();
        format!(
            "Four times {CLIENTS} clients of one `local`: they send small requests one after the other, bodies of 6 MB, \
             bodies a byte at a time, and hang up in the middle ({} times). Whole requests were answered: {}. The process took {} MB \
             at most (the bound is {MAX_MEMORY_MB}) and served a new client {:.2} s after all that ended.\n\n{}\n",
            self.hung_up,
            answers.join(", "),
            self.memory_mb,
            self.served_after.as_secs_f64(),
            verdict(&self.problems)
        )
    }
}

impl Soak {
    pub(crate) fn markdown(&self) -> String {
        let [first, second] = self.held;
        format!(
            "One `local` served for {} s, made posts itself and archived, while connections were cut and slow and the broker stood \
             still, {} times. Of {} posts {} were answered 503; {} questions were answered. Usual in the first half after the \
             start, and in the second: {} and {} MB of memory, {} and {} files, {} and {} threads.\n\n{}\n",
            self.time.as_secs(),
            self.troubles,
            self.requests,
            self.refused,
            self.questions,
            first.memory_mb,
            second.memory_mb,
            first.files,
            second.files,
            first.threads,
            second.threads,
            verdict(&self.problems)
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
}

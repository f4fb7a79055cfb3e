//! What came of it, in Markdown.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::{
    answer::Told,
    archived::Archived,
    frozen::Frozen,
    journal::Sent,
    overload::{CLIENTS, MAX_MEMORY_MB, Overload},
    storm::{CONNECTIONS, LOG_INS_PER_SECOND, Storm},
};

/// `RELIABILITY.md`.
#[derive(Debug)]
pub(crate) struct Document {
    seed: u64,
    pub(crate) took: Duration,
    pub(crate) acknowledged: Option<Acknowledged>,
    pub(crate) frozen: Option<Frozen>,
    pub(crate) archived: Option<Archived>,
    pub(crate) storm: Option<Storm>,
    pub(crate) overload: Option<Overload>,
}

/// What came of one kind of trouble.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    pub(crate) name: String,
    /// How often it was tried.
    pub(crate) times: usize,
    pub(crate) slowest_recovery: Duration,
    /// What is not as it should be.
    pub(crate) problems: Vec<String>,
    requests: usize,
    answered_200: usize,
    /// Not 200 and not a client's mistake.
    refused: usize,
    unanswered: usize,
    acknowledged: usize,
    longest: Duration,
}

/// What came of the promise that 200 means written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Acknowledged {
    pub(crate) rows: Vec<Row>,
    /// Records in the topic.
    pub(crate) written: usize,
    pub(crate) written_unconfirmed: usize,
    pub(crate) repeated: usize,
    /// What breaks the promise.
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
    fn problems(&self) -> impl Iterator<Item = &String> {
        self.faults.iter().chain(self.rows.iter().flat_map(|row| &row.problems))
    }

    fn markdown(&self) -> String {
        let rows: Vec<_> = self.rows.iter().map(Row::markdown).collect();
        let acknowledged: usize = self.rows.iter().map(|row| row.acknowledged).sum();
        format!(
            "## 200 means written\n\nThree brokers, two of which must take a record; `ingest` in {} environments behind API Gateway's \
             events, and `local`. Twelve clients post numbered records one request after the other, half of them again until they \
             are told of them; one request of twenty breaks a rule. In the end each partition is read and held to the answers.\n\n\
             | trouble | times | requests | 200 | refused | unanswered | records acknowledged | longest answer, s | served again \
             after, s |\n| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n{}\n\n\
             {acknowledged} records were acknowledged. The topic has {}: {} are of requests without a 200, and {} came twice, since \
             their client had sent them again without having been told of them. Records lost, doubled by the pipeline, out of a \
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
    fn markdown(&self) -> String {
        format!(
            "## A freeze at any point of a request\n\nAn environment of `ingest` was stopped {} times within 30 ms after a request was \
             sent to it, for 1 s to 20 min by the clock that it sees; of three times two its connections were cut meanwhile. Of {} \
             requests, those after each freeze included, {} were not answered 200. Broken: {}.\n",
            self.freezes,
            self.requests,
            self.not_200,
            self.problems.len()
        )
    }
}

impl Archived {
    fn markdown(&self) -> String {
        format!(
            "## Archived exactly once\n\n{} topics, each archived by {} environments of `archive` at the same time, by runs and by \
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
    fn markdown(&self) -> String {
        format!(
            "## Storms\n\n{} environments of `ingest` start at once before a broker that admits {LOG_INS_PER_SECOND} log-ins a second, \
             each with a client that sends until it is served. The last one was served after {:.1} s. Of {} requests {} were \
             answered 503 with `Retry-After`; the longest answer took {:.1} s. At most {} connections were open, of {CONNECTIONS} an \
             environment that are admitted. A client of a warm environment sent {} requests beside it, all of which were served, \
             within {:.1} s.\n\nNot as it should be: {}.\n",
            self.environments,
            self.served_after.as_secs_f64(),
            self.requests,
            self.refused,
            self.longest.as_secs_f64(),
            self.most_connections,
            self.steady_requests,
            self.steady_longest.as_secs_f64(),
            self.problems.len()
        )
    }
}

impl Overload {
    fn markdown(&self) -> String {
        let answers: Vec<_> = self.answers.iter().map(|(status, count)| format!("{count} with {status}")).collect();
        format!(
            "## Overload\n\nFour times {CLIENTS} clients of one `local`: they send small requests one after the other, bodies of 6 MB, \
             bodies a byte at a time, and hang up in the middle ({} times). Whole requests were answered: {}. The process took {} MB \
             at most ({MAX_MEMORY_MB} are admitted) and served {:.2} s after the end.\n\nNot as it should be: {}.\n",
            self.hung_up,
            answers.join(", "),
            self.memory_mb,
            self.served_after.as_secs_f64(),
            self.problems.len()
        )
    }
}

impl Document {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            took: Duration::ZERO,
            acknowledged: None,
            frozen: None,
            archived: None,
            storm: None,
            overload: None,
        }
    }

    /// What was not kept.
    pub(crate) fn problems(&self) -> Vec<String> {
        let acknowledged = self.acknowledged.iter().flat_map(Acknowledged::problems);
        let frozen = self.frozen.iter().flat_map(|frozen| &frozen.problems);
        let archived = self.archived.iter().flat_map(|archived| &archived.problems);
        let storm = self.storm.iter().flat_map(|storm| &storm.problems);
        let overload = self.overload.iter().flat_map(|overload| &overload.problems);
        acknowledged.chain(frozen).chain(archived).chain(storm).chain(overload).cloned().collect()
    }

    pub(crate) fn markdown(&self) -> String {
        #[expect(clippy::disallowed_methods, reason = "the date of the document")]
        let now: DateTime<Utc> = Utc::now();
        let head = format!(
            "# Reliability\n\nWritten by `make fire` on {} in {} min, seed {}.\n",
            now.format("%F"),
            self.took.as_secs().div_ceil(60),
            self.seed
        );
        let parts = [
            Some(head),
            self.acknowledged.as_ref().map(Acknowledged::markdown),
            self.frozen.as_ref().map(Frozen::markdown),
            self.archived.as_ref().map(Archived::markdown),
            self.storm.as_ref().map(Storm::markdown),
            self.overload.as_ref().map(Overload::markdown),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
    }
}

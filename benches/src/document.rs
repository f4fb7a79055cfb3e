//! `docs/benchmarks.md`: what was measured, how, on what, and whether it is what it should be.

use std::time::Duration;

use crate::{
    Section, archiving, code, cost,
    figures::Figures,
    freeze, function, goals, limits,
    machine::{date, load, machine},
    package::built_for_arm64,
    plan::Plan,
    server, starts,
    versions::versions,
};

/// What is known when a run begins.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) plan: Plan,
    pub(crate) load_before: String,
}

impl Run {
    /// The document.
    pub(crate) fn document(&self, sections: &[Section], figures: &Figures, took: Duration) -> String {
        let mut parts = vec![self.head(took)];
        parts.extend(sections.iter().map(|section| self.section(*section, figures)));
        parts.push(format!("## Goals\n\nMedians, but where a row says otherwise.\n\n{}", goals::table(figures)));
        parts.join("\n")
    }

    fn head(&self, took: Duration) -> String {
        let Plan { quick, passes, pass, .. } = self.plan;
        let quick = match (quick, cfg!(debug_assertions)) {
            (_, true) => "**Built without optimisation, to try the benchmark out: its figures are worth nothing.**\n\n",
            (true, false) => "**A quick run, to try the benchmark out: its figures are worth nothing.**\n\n",
            (false, false) => "",
        };
        let versions: Vec<_> = versions().into_iter().map(|line| format!("- {line}\n")).collect();
        format!(
            "# Benchmarks\n\n{quick}Written by `make bench` on {} in {} min, on {}. Load (`uptime`) before it {}, at its end {}.\n\n\
             Everything is on that one machine and on the loopback address: the broker, the emulator of Lambda's runtime, the load \
             and what is measured share its cores. So figures are to be compared with each other, and not with AWS. Everyone is \
             measured in turn, {passes} passes of {} s after one that warms up: a cell has the median of the passes, and in brackets \
             the lowest and the highest. A wrong or missing answer ends the run. `acks=all` and `linger.ms` 0 hold for everyone but \
             where it is said.\n\n\
             The records are the sample pins in turn; 500 records are the first 500 of them in one body. Memory is the process's \
             highest since its start, so it grows from table to table; CPU is the time of the process itself, all threads.\n\n{}",
            date(),
            took.as_secs().div_ceil(60),
            machine(),
            self.load_before,
            load(),
            pass.as_secs(),
            versions.concat()
        )
    }

    fn section(&self, section: Section, figures: &Figures) -> String {
        let (title, text, tables) = match section {
            Section::Code => (
                "The code alone",
                "By criterion, without Kafka, one thread: the median, and in brackets the bounds between which it lies at 95 %. \
                 The rows are the sample's as clients send them, with a space behind each comma and colon: \
                 `serde_json` passes over their syntax and keeps nothing; ours validates them and leaves the spaces out; a JSON schema \
                 of the API's own document is what one would write by hand. A request goes from its body to its answer, and its records to nobody."
                    .to_owned(),
                code::SCENES.map(|scene| (scene, code::COLUMNS)).to_vec(),
            ),
            Section::Starts => (
                "Cold starts",
                format!(
                    "{} starts each, in turn, after one that warms up the broker: from the request that starts the process until its answer, and of that the init, as \
                     the emulator tells it. Lambda adds the download of the package and its own machine.",
                    self.plan.starts
                ),
                [(starts::PLAIN, starts::COLUMNS), (starts::IAM, starts::COLUMNS)].to_vec(),
            ),
            Section::Function => (
                "One function, warm",
                format!(
                    "API Gateway's event in, its answer out, one at a time over one connection: an environment serves no more. The \
                     peers are in `benches/peers`: they parse the body, write, wait and answer as the REST Proxy, and validate \
                     nothing. kafkajs tells no more than a partition's first offset, and sends a partition's \
                     records as one batch, which a broker refuses above 1 MB: so it takes no body of 6 MB. The two echoes answer with a constant of one \
                     record; what is below them is the emulator's and the load's. With IAM, Python uses AWS's own signer. {}",
                    if built_for_arm64().is_some() {
                        "The zip of ours is the one for arm64 that `sam build` left."
                    } else {
                        "The zip of ours was not there: `make build` makes it."
                    }
                ),
                vec![
                    (function::ONE, function::ONE_COLUMNS),
                    (function::FIVE_HUNDRED, function::FIVE_HUNDRED_COLUMNS),
                    (function::ONE_IAM, function::ONE_COLUMNS),
                    (function::FIVE_HUNDRED_IAM, function::FIVE_HUNDRED_COLUMNS),
                ],
            ),
            Section::Limits => (
                "Limits",
                "librdkafka without Lambda and HTTP, produced and polled by one thread; as many as it takes with `linger.ms` 5.".to_owned(),
                vec![(limits::SCENE, limits::COLUMNS)],
            ),
            Section::Server => (
                "As a server",
                "One process each. `local` validates, with `linger.ms` 1, so that concurrent requests share batches; it leaves the archive to others. uvicorn runs one worker, as it does unless it is told otherwise, without a log of requests."
                    .to_owned(),
                [server::ONE, server::SIXTEEN, server::SIXTY_FOUR, server::FIVE_HUNDRED]
                    .map(|scene| (scene, server::COLUMNS))
                    .to_vec(),
            ),
            Section::Archive => (
                "The archive",
                format!(
                    "From the three topics of a user id, one partition each, to SeaweedFS: {} records by one event of the function's timer, and {} with the \
                     library told to store each by itself, a new S3 each pass. Kafka Connect with an S3 sink was measured elsewhere \
                     once, built from source, since it is in no registry: one object a record {:.0} objects/s; large objects {:.0} to \
                     24000 records/s; {:.0} MB.",
                    self.plan.archived,
                    self.plan.objects,
                    goals::CONNECT_OBJECTS_PER_SECOND,
                    goals::CONNECT_RECORDS_PER_SECOND,
                    goals::CONNECT_MEMORY_MB
                ),
                vec![(archiving::SCENE, archiving::COLUMNS)],
            ),
            Section::Freeze => (
                "A freeze",
                format!(
                    "{} environments each, on the listener for IAM: a cold start, twenty requests, and a freeze in which the \
                     connections are cut and the sessions and tokens end; then one request.",
                    self.plan.environments
                ),
                vec![(freeze::SCENE, freeze::COLUMNS)],
            ),
            Section::Cost => (
                "What it costs",
                cost::text(figures),
                cost::SETTINGS.iter().flat_map(|(_, scenes)| scenes.map(|scene| (scene, cost::COLUMNS))).collect(),
            ),
        };
        let mut tables: Vec<_> = tables.into_iter().map(|(scene, columns)| figures.table(scene, columns)).collect();
        if section == Section::Cost {
            tables.push(cost::table(figures));
        }
        format!("## {title}\n\n{text}\n\n{}", tables.join("\n"))
    }
}

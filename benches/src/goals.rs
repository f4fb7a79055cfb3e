//! The goals, and whether the figures of the same run meet them.

use crate::{
    archiving, code,
    figures::{Figure, Figures, Metric},
    function, limits,
    peers::{CONFLUENT_KAFKA, ECHO, ECHO_ON_LAMBDA_RUNTIME, INGEST, is_echo},
    server, starts,
};

/// Kafka Connect's figures, measured once elsewhere: it is in no package registry.
pub(crate) const CONNECT_OBJECTS_PER_SECOND: f64 = 195.0;
pub(crate) const CONNECT_RECORDS_PER_SECOND: f64 = 12_000.0;
pub(crate) const CONNECT_MEMORY_MB: f64 = 890.0;

/// A bound for a figure.
struct Goal {
    text: String,
    /// The figure in the unit of `text`, or `None` if it was not measured in this run.
    figure: Option<f64>,
    bound: Option<f64>,
    metric: Metric,
    at_least: bool,
}

/// Formats the goals as a Markdown table.
pub(crate) fn table(figures: &Figures) -> String {
    let rows = goals(figures).into_iter().map(|goal| goal.row());
    format!("| goal | figure | bound | |\n| --- | ---: | ---: | --- |\n{}", rows.collect::<String>())
}

impl Goal {
    fn row(&self) -> String {
        let shown = |value: Option<f64>| value.map_or("–".to_owned(), |value| self.metric.format(value));
        let verdict = match (self.figure, self.bound) {
            (Some(figure), Some(bound)) if self.at_least && figure >= bound => "met",
            (Some(figure), Some(bound)) if !self.at_least && figure <= bound => "met",
            (Some(_), Some(_)) => "**not met**",
            _ => "not measured",
        };
        let sign = if self.at_least { "≥" } else { "≤" };
        format!("| {} | {} | {sign} {} | {verdict} |\n", self.text, shown(self.figure), shown(self.bound))
    }
}

fn goals(figures: &Figures) -> Vec<Goal> {
    let parts =
        [code(figures), function(figures), starting(figures), memory(figures), serving(figures), archiving(figures)];
    parts.into_iter().flatten().collect()
}

fn code(figures: &Figures) -> Vec<Goal> {
    let goal = |text, scene| {
        let bound = median(figures, scene, code::SYNTAX, Metric::Time).map(|syntax| 2.0 * syntax);
        at_most(text, Metric::Time, median(figures, scene, code::OURS, Metric::Time), bound)
    };
    vec![
        goal("500 pins validated and compacted; bound: twice the syntax-only pass", code::PINS),
        goal("request of 500 from body to response; bound: twice the syntax-only pass", code::REQUEST),
    ]
}

fn function(figures: &Figures) -> Vec<Goal> {
    let ours = |scene, metric| median(figures, scene, INGEST, metric);
    let over = |scene, echo| Some(ours(scene, Metric::P50)? - median(figures, scene, echo, Metric::P50)?);
    let round_trip = median(figures, limits::SCENE, limits::ROUND_TRIPS, Metric::P50);
    let best = |scene, metric, share: f64| Some(best_peer(figures, scene, metric)? * share);
    vec![
        at_most(
            "1 record: p50 minus the `lambda_runtime` echo's; bound: twice librdkafka's round trip",
            Metric::P50,
            over(function::ONE, ECHO_ON_LAMBDA_RUNTIME),
            round_trip.map(|round_trip| 2.0 * round_trip),
        ),
        at_most(
            "1 record: p99; bound: the best peer's",
            Metric::P99,
            ours(function::ONE, Metric::P99),
            best(function::ONE, Metric::P99, 1.0),
        ),
        at_most(
            "1 record: CPU per request; bound: a quarter of the best peer's",
            Metric::CpuPerRequest,
            ours(function::ONE, Metric::CpuPerRequest),
            best(function::ONE, Metric::CpuPerRequest, 0.25),
        ),
        at_most(
            "500 records: p50 minus the echo's; bound: 0.4 of the best peer's minus the echo's",
            Metric::P50,
            over(function::FIVE_HUNDRED, ECHO),
            best_peer(figures, function::FIVE_HUNDRED, Metric::P50)
                .zip(median(figures, function::FIVE_HUNDRED, ECHO, Metric::P50))
                .map(|(theirs, echo)| 0.4 * (theirs - echo)),
        ),
        at_most(
            "500 records: CPU per request; bound: a quarter of the best peer's",
            Metric::CpuPerRequest,
            ours(function::FIVE_HUNDRED, Metric::CpuPerRequest),
            best(function::FIVE_HUNDRED, Metric::CpuPerRequest, 0.25),
        ),
    ]
}

fn starting(figures: &Figures) -> Vec<Goal> {
    let slowest = figures.get(starts::PLAIN, INGEST, Metric::FirstAnswer).map(Figure::max);
    // The peer with the fastest slowest start: a peer that is only sometimes fast does not count.
    let peers = figures.all(starts::PLAIN, Metric::FirstAnswer).filter(|figure| is_peer(figure));
    let steadiest = peers.min_by(|one, other| one.max().total_cmp(&other.max()));
    let candidate = steadiest.map_or("the steadiest peer", |figure| figure.candidate);
    vec![
        at_most(
            &format!(
                "init + first answer, plain listener, slowest start; bound: a quarter of the median of {candidate}"
            ),
            Metric::FirstAnswer,
            slowest,
            steadiest.map(|figure| figure.median() / 4.0),
        ),
        at_most(
            "init + first answer, IAM listener; bound: a third of Python's with AWS's signer",
            Metric::FirstAnswer,
            median(figures, starts::IAM, INGEST, Metric::FirstAnswer),
            median(figures, starts::IAM, CONFLUENT_KAFKA, Metric::FirstAnswer).map(|theirs| theirs / 3.0),
        ),
    ]
}

fn memory(figures: &Figures) -> Vec<Goal> {
    let peak = |scene, metric| figures.get(scene, INGEST, metric).map(Figure::max);
    vec![
        at_most("peak memory, 1 record per request", Metric::Memory, peak(function::ONE, Metric::Memory), Some(20.0)),
        at_most(
            "peak memory, bodies of 6 MB",
            Metric::Memory,
            peak(function::FIVE_HUNDRED, Metric::MemoryAtMost),
            Some(64.0),
        ),
        at_most("zip for arm64", Metric::Package, peak(function::ONE, Metric::Package), Some(5.0)),
    ]
}

fn serving(figures: &Figures) -> Vec<Goal> {
    let at_64 = |metric| median(figures, server::SIXTY_FOUR, server::LOCAL, metric);
    let memory = figures.get(server::FIVE_HUNDRED, server::LOCAL, Metric::Memory).map(Figure::max);
    vec![
        at_most(
            "server without archive, 64 connections: CPU per request",
            Metric::CpuPerRequest,
            at_64(Metric::CpuPerRequest),
            Some(55.0),
        ),
        at_least(
            "server without archive, 64 connections: requests/s",
            Metric::Rate,
            at_64(Metric::Rate),
            Some(15_000.0),
        ),
        at_most("server without archive, 64 connections: p99", Metric::P99, at_64(Metric::P99), Some(20.0)),
        at_most(
            "server without archive: peak memory, 500 records per request included",
            Metric::Memory,
            memory,
            Some(40.0),
        ),
    ]
}

fn archiving(figures: &Figures) -> Vec<Goal> {
    let of = |candidate, metric| median(figures, archiving::SCENE, candidate, metric);
    let memory = figures.get(archiving::SCENE, archiving::LARGE, Metric::Memory).map(Figure::max);
    vec![
        at_least(
            "archive, one object per record: records/s; bound: 4 times Kafka Connect's",
            Metric::Records,
            of(archiving::ONE_PER_OBJECT, Metric::Records),
            Some(4.0 * CONNECT_OBJECTS_PER_SECOND),
        ),
        at_least(
            "archive, large objects: records/s; bound: 4 times Kafka Connect's",
            Metric::Records,
            of(archiving::LARGE, Metric::Records),
            Some(4.0 * CONNECT_RECORDS_PER_SECOND),
        ),
        at_most(
            "archive: peak memory; bound: a tenth of Kafka Connect's",
            Metric::Memory,
            memory,
            Some(CONNECT_MEMORY_MB / 10.0),
        ),
    ]
}

fn at_most(text: &str, metric: Metric, figure: Option<f64>, bound: Option<f64>) -> Goal {
    let text = format!("{text} ({})", metric.unit());
    Goal { text, figure, bound, metric, at_least: false }
}

fn at_least(text: &str, metric: Metric, figure: Option<f64>, bound: Option<f64>) -> Goal {
    Goal { at_least: true, ..at_most(text, metric, figure, bound) }
}

fn median(figures: &Figures, scene: &str, candidate: &str, metric: Metric) -> Option<f64> {
    figures.get(scene, candidate, metric).map(Figure::median)
}

/// Returns the lowest median of the programs that write records, except for ours.
fn best_peer(figures: &Figures, scene: &str, metric: Metric) -> Option<f64> {
    let peers = figures.all(scene, metric).filter(|figure| is_peer(figure));
    peers.map(Figure::median).min_by(f64::total_cmp)
}

fn is_peer(figure: &Figure) -> bool {
    figure.candidate != INGEST && !is_echo(figure.candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the row of the goal with this prefix.
    fn row(figures: &Figures, goal: &str) -> String {
        let start = format!("| {goal}");
        table(figures).lines().find(|line| line.starts_with(&start)).unwrap().to_owned()
    }

    #[test]
    fn goals_without_figures_are_reported_as_not_measured() {
        let table = table(&Figures::default());
        assert!(table.lines().skip(2).all(|row| row.ends_with("| not measured |")), "{table}");
    }

    #[test]
    fn goals_are_compared_with_the_best_peer_and_not_with_an_echo() {
        let mut figures = Figures::default();
        for (candidate, cpu_us) in [(INGEST, 50.0), (CONFLUENT_KAFKA, 204.0), ("Node", 300.0), (ECHO, 1.0)] {
            figures.push(function::ONE, candidate, Metric::CpuPerRequest, cpu_us);
        }
        let goal = "1 record: CPU per request";
        assert!(row(&figures, goal).ends_with("| 50 | ≤ 51 | met |"), "{}", row(&figures, goal));
        figures.push(function::ONE, "Java", Metric::CpuPerRequest, 196.0);
        assert!(row(&figures, goal).ends_with("| 50 | ≤ 49 | **not met** |"), "{}", row(&figures, goal));
    }

    #[test]
    fn the_echos_share_is_subtracted_from_both_sides() {
        let mut figures = Figures::default();
        for (candidate, p50_ms) in [(INGEST, 3.5), (CONFLUENT_KAFKA, 7.0), ("Node", 6.0), (ECHO, 1.0)] {
            figures.push(function::FIVE_HUNDRED, candidate, Metric::P50, p50_ms);
        }
        let goal = "500 records: p50";
        assert!(row(&figures, goal).ends_with("| 2.500 | ≤ 2.000 | **not met** |"), "{}", row(&figures, goal));
    }

    #[test]
    fn the_slowest_start_counts() {
        let mut figures = Figures::default();
        for (candidate, starts) in [(INGEST, [10.0, 20.0]), (CONFLUENT_KAFKA, [60.0, 200.0]), ("Node", [100.0, 110.0])]
        {
            for start in starts {
                figures.push(starts::PLAIN, candidate, Metric::FirstAnswer, start);
            }
        }
        let goal = "init + first answer, plain listener";
        assert!(row(&figures, goal).contains("a quarter of the median of Node"), "{}", row(&figures, goal));
        assert!(row(&figures, goal).ends_with("| 20.0 | ≤ 26.2 | met |"), "{}", row(&figures, goal));
    }

    #[test]
    fn a_rate_below_its_bound_is_not_met() {
        let mut figures = Figures::default();
        figures.push(archiving::SCENE, archiving::ONE_PER_OBJECT, Metric::Records, 779.0);
        assert!(row(&figures, "archive, one object per record").ends_with("| 779 | ≥ 780 | **not met** |"));
    }
}

//! What the figures are to be, and whether they are: computed from the figures of the same run.

use crate::{
    archiving, code,
    figures::{Figure, Figures, Metric},
    function, limits,
    peers::{CONFLUENT_KAFKA, ECHO, ECHO_ON_LAMBDA_RUNTIME, INGEST, is_echo},
    server, starts,
};

/// What one run of Kafka Connect gave, elsewhere: it is in no registry.
pub(crate) const CONNECT_OBJECTS_PER_SECOND: f64 = 195.0;
pub(crate) const CONNECT_RECORDS_PER_SECOND: f64 = 12_000.0;
pub(crate) const CONNECT_MEMORY_MB: f64 = 890.0;

/// Something that a figure is to be.
struct Goal {
    text: String,
    /// In the unit of `text`; `None` where it was not measured in this run.
    figure: Option<f64>,
    bound: Option<f64>,
    metric: Metric,
    at_least: bool,
}

/// A table in Markdown, a row a goal.
pub(crate) fn table(figures: &Figures) -> String {
    let rows = goals(figures).into_iter().map(|goal| goal.row());
    format!("| goal | figure | bound | |\n| --- | ---: | ---: | --- |\n{}", rows.collect::<String>())
}

impl Goal {
    fn row(&self) -> String {
        let shown = |value: Option<f64>| value.map_or("–".to_owned(), |value| self.metric.shown(value));
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
        goal("500 pins validated and compacted; twice the pass over their syntax", code::PINS),
        goal("request of 500 from body to answer; twice the pass over its syntax", code::REQUEST),
    ]
}

fn function(figures: &Figures) -> Vec<Goal> {
    let ours = |scene, metric| median(figures, scene, INGEST, metric);
    let over = |scene, echo| Some(ours(scene, Metric::P50)? - median(figures, scene, echo, Metric::P50)?);
    let round_trip = median(figures, limits::SCENE, limits::ROUND_TRIPS, Metric::P50);
    let best = |scene, metric, share: f64| Some(best_peer(figures, scene, metric)? * share);
    vec![
        at_most(
            "1 record: p50 less that of the echo on `lambda_runtime`; twice librdkafka's own round trip",
            Metric::P50,
            over(function::ONE, ECHO_ON_LAMBDA_RUNTIME),
            round_trip.map(|round_trip| 2.0 * round_trip),
        ),
        at_most(
            "1 record: p99; that of the best peer",
            Metric::P99,
            ours(function::ONE, Metric::P99),
            best(function::ONE, Metric::P99, 1.0),
        ),
        at_most(
            "1 record: CPU a request; a quarter of the best peer's",
            Metric::CpuPerRequest,
            ours(function::ONE, Metric::CpuPerRequest),
            best(function::ONE, Metric::CpuPerRequest, 0.25),
        ),
        at_most(
            "500 records: p50 less that of the echo; 0.4 of the best peer's, less that of the echo as well",
            Metric::P50,
            over(function::FIVE_HUNDRED, ECHO),
            best_peer(figures, function::FIVE_HUNDRED, Metric::P50)
                .zip(median(figures, function::FIVE_HUNDRED, ECHO, Metric::P50))
                .map(|(theirs, echo)| 0.4 * (theirs - echo)),
        ),
        at_most(
            "500 records: CPU a request; a quarter of the best peer's",
            Metric::CpuPerRequest,
            ours(function::FIVE_HUNDRED, Metric::CpuPerRequest),
            best(function::FIVE_HUNDRED, Metric::CpuPerRequest, 0.25),
        ),
    ]
}

fn starting(figures: &Figures) -> Vec<Goal> {
    let slowest = figures.get(starts::PLAIN, INGEST, Metric::FirstAnswer).map(Figure::most);
    // Of the peers the one whose slowest start is the fastest: one that is fast at times is not.
    let peers = figures.all(starts::PLAIN, Metric::FirstAnswer).filter(|figure| is_peer(figure));
    let steadiest = peers.min_by(|one, other| one.most().total_cmp(&other.most()));
    let who = steadiest.map_or("the steadiest peer", |figure| figure.who);
    vec![
        at_most(
            &format!(
                "init + first answer, plain listener, the slowest of all starts told of; a quarter of the median of {who}"
            ),
            Metric::FirstAnswer,
            slowest,
            steadiest.map(|figure| figure.median() / 4.0),
        ),
        at_most(
            "init + first answer, IAM listener; a third of Python's with AWS's signer",
            Metric::FirstAnswer,
            median(figures, starts::IAM, INGEST, Metric::FirstAnswer),
            median(figures, starts::IAM, CONFLUENT_KAFKA, Metric::FirstAnswer).map(|theirs| theirs / 3.0),
        ),
    ]
}

fn memory(figures: &Figures) -> Vec<Goal> {
    let peak = |scene, metric| figures.get(scene, INGEST, metric).map(Figure::most);
    vec![
        at_most("peak memory, 1 record a request", Metric::Memory, peak(function::ONE, Metric::Memory), Some(20.0)),
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
    let memory = figures.get(server::FIVE_HUNDRED, server::LOCAL, Metric::Memory).map(Figure::most);
    vec![
        at_most(
            "server without its archive, 64 connections: CPU a request",
            Metric::CpuPerRequest,
            at_64(Metric::CpuPerRequest),
            Some(55.0),
        ),
        at_least(
            "server without its archive, 64 connections: requests/s",
            Metric::Rate,
            at_64(Metric::Rate),
            Some(15_000.0),
        ),
        at_most("server without its archive, 64 connections: p99", Metric::P99, at_64(Metric::P99), Some(20.0)),
        at_most(
            "server without its archive: peak memory, after 500 records a request too",
            Metric::Memory,
            memory,
            Some(40.0),
        ),
    ]
}

fn archiving(figures: &Figures) -> Vec<Goal> {
    let of = |who, metric| median(figures, archiving::SCENE, who, metric);
    let memory = figures.get(archiving::SCENE, archiving::LARGE, Metric::Memory).map(Figure::most);
    vec![
        at_least(
            "archive, one object a record: records/s; 4 times Kafka Connect's",
            Metric::Records,
            of(archiving::ONE_EACH, Metric::Records),
            Some(4.0 * CONNECT_OBJECTS_PER_SECOND),
        ),
        at_least(
            "archive, large objects: records/s; 4 times Kafka Connect's",
            Metric::Records,
            of(archiving::LARGE, Metric::Records),
            Some(4.0 * CONNECT_RECORDS_PER_SECOND),
        ),
        at_most(
            "archive: peak memory; a tenth of Kafka Connect's",
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

fn median(figures: &Figures, scene: &str, who: &str, metric: Metric) -> Option<f64> {
    figures.get(scene, who, metric).map(Figure::median)
}

/// The lowest median among those who write records and are not ours.
fn best_peer(figures: &Figures, scene: &str, metric: Metric) -> Option<f64> {
    let peers = figures.all(scene, metric).filter(|figure| is_peer(figure));
    peers.map(Figure::median).min_by(f64::total_cmp)
}

fn is_peer(figure: &Figure) -> bool {
    figure.who != INGEST && !is_echo(figure.who)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The row of a goal whose text begins so.
    fn row(figures: &Figures, goal: &str) -> String {
        let start = format!("| {goal}");
        table(figures).lines().find(|line| line.starts_with(&start)).unwrap().to_owned()
    }

    #[test]
    fn what_was_not_measured_is_neither_met_nor_not() {
        let table = table(&Figures::default());
        assert!(table.lines().skip(2).all(|row| row.ends_with("| not measured |")), "{table}");
    }

    #[test]
    fn a_goal_is_held_to_the_best_peer_and_not_to_an_echo() {
        let mut figures = Figures::default();
        for (who, cpu_us) in [(INGEST, 50.0), (CONFLUENT_KAFKA, 204.0), ("Node", 300.0), (ECHO, 1.0)] {
            figures.push(function::ONE, who, Metric::CpuPerRequest, cpu_us);
        }
        let goal = "1 record: CPU a request";
        assert!(row(&figures, goal).ends_with("| 50 | ≤ 51 | met |"), "{}", row(&figures, goal));
        figures.push(function::ONE, "Java", Metric::CpuPerRequest, 196.0);
        assert!(row(&figures, goal).ends_with("| 50 | ≤ 49 | **not met** |"), "{}", row(&figures, goal));
    }

    #[test]
    fn what_the_echo_takes_is_nobodys() {
        let mut figures = Figures::default();
        for (who, p50_ms) in [(INGEST, 3.5), (CONFLUENT_KAFKA, 7.0), ("Node", 6.0), (ECHO, 1.0)] {
            figures.push(function::FIVE_HUNDRED, who, Metric::P50, p50_ms);
        }
        let goal = "500 records: p50";
        assert!(row(&figures, goal).ends_with("| 2.500 | ≤ 2.000 | **not met** |"), "{}", row(&figures, goal));
    }

    #[test]
    fn every_start_counts() {
        let mut figures = Figures::default();
        for (who, starts) in [(INGEST, [10.0, 20.0]), (CONFLUENT_KAFKA, [60.0, 200.0]), ("Node", [100.0, 110.0])] {
            for start in starts {
                figures.push(starts::PLAIN, who, Metric::FirstAnswer, start);
            }
        }
        let goal = "init + first answer, plain listener";
        assert!(row(&figures, goal).contains("a quarter of the median of Node"), "{}", row(&figures, goal));
        assert!(row(&figures, goal).ends_with("| 20.0 | ≤ 26.2 | met |"), "{}", row(&figures, goal));
    }

    #[test]
    fn a_rate_is_to_be_reached() {
        let mut figures = Figures::default();
        figures.push(archiving::SCENE, archiving::ONE_EACH, Metric::Records, 779.0);
        assert!(row(&figures, "archive, one object a record").ends_with("| 779 | ≥ 780 | **not met** |"));
    }
}

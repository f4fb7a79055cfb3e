//! The goals, and whether the figures of the same run meet them.

use crate::{
    archiving, code, cost, delta,
    figures::{Figure, Figures, Metric},
    function,
    growth::{PARTITIONS, RECORDS, USER_IDS},
    limits,
    peers::{CONFLUENT_KAFKA, ECHO, ECHO_ON_LAMBDA_RUNTIME, INGEST, is_echo},
    server, starts, user_ids,
};

/// A bound for a figure.
struct Goal {
    text: String,
    unit: Unit,
    /// The figure in `unit`, or `None` if it was not measured in this run.
    figure: Option<f64>,
    comparison: Comparison,
    bound: Option<f64>,
}

/// The unit of a figure and its bound.
#[derive(Clone, Copy)]
enum Unit {
    Of(Metric),
    /// A multiple of a limit that the same run measured, or an exponent.
    Number,
    Percent,
}

#[derive(Clone, Copy)]
enum Comparison {
    AtMost,
    Below,
    AtLeast,
}

/// Formats the goals as a Markdown table.
pub(crate) fn table(figures: &Figures) -> String {
    let rows = goals(figures).into_iter().map(|goal| goal.row());
    format!("| goal | figure | bound | |\n| --- | ---: | ---: | --- |\n{}", rows.collect::<String>())
}

impl Goal {
    fn row(&self) -> String {
        let Self { text, unit, figure, comparison, bound } = self;
        let verdict = match figure.zip(*bound) {
            Some((figure, bound)) if comparison.holds(figure, bound) => "met",
            Some(_) => "**not met**",
            None => "not measured",
        };
        let [figure, bound] = [figure, bound].map(|value| value.map_or("–".to_owned(), |value| unit.format(value)));
        format!("| {text}{} | {figure} | {} {bound} | {verdict} |\n", unit.suffix(), comparison.sign())
    }
}

impl Unit {
    fn format(self, value: f64) -> String {
        match self {
            Self::Of(metric) => metric.format(value),
            Self::Number => format!("{value:.2}"),
            Self::Percent => format!("{value:.1}"),
        }
    }

    fn suffix(self) -> String {
        match self {
            Self::Of(metric) => format!(" ({})", metric.unit()),
            Self::Number => String::new(),
            Self::Percent => " (%)".to_owned(),
        }
    }
}

impl Comparison {
    fn holds(self, figure: f64, bound: f64) -> bool {
        match self {
            Self::AtMost => figure <= bound,
            Self::Below => figure < bound,
            Self::AtLeast => figure >= bound,
        }
    }

    const fn sign(self) -> &'static str {
        match self {
            Self::AtMost => "≤",
            Self::Below => "<",
            Self::AtLeast => "≥",
        }
    }
}

fn goals(figures: &Figures) -> Vec<Goal> {
    let parts = [
        one_record(figures),
        many_records(figures),
        code(figures),
        growing(figures),
        cost(figures),
        starting(figures),
        serving(figures),
        archiving(figures),
        tables(figures),
    ];
    parts.into_iter().flatten().collect()
}

fn one_record(figures: &Figures) -> Vec<Goal> {
    let of = |candidate, metric| median(figures, function::ONE, candidate, metric);
    let ours = |metric| of(INGEST, metric);
    let over_echo = difference(ours(Metric::P50), of(ECHO_ON_LAMBDA_RUNTIME, Metric::P50));
    let round_trip = median(figures, limits::SCENE, limits::ROUND_TRIPS, Metric::P50);
    vec![
        at_most(
            "1 record: CPU per request, as a multiple of the `lambda_runtime` echo's",
            Unit::Number,
            ratio(ours(Metric::CpuPerRequest), of(ECHO_ON_LAMBDA_RUNTIME, Metric::CpuPerRequest)),
            Some(2.5),
        ),
        at_most(
            "1 record: p50 minus the `lambda_runtime` echo's, as a multiple of librdkafka's round trip",
            Unit::Number,
            ratio(over_echo, round_trip),
            Some(1.6),
        ),
        at_most(
            "1 record: p99; bound: the best peer's",
            Unit::Of(Metric::P99),
            ours(Metric::P99),
            best_peer(figures, function::ONE, Metric::P99),
        ),
    ]
}

fn many_records(figures: &Figures) -> Vec<Goal> {
    let of = |candidate, metric| median(figures, function::FIVE_HUNDRED, candidate, metric);
    let ours = |metric| of(INGEST, metric);
    let best = best_peer(figures, function::FIVE_HUNDRED, Metric::P50);
    let [over_echo, best_over_echo] = [ours(Metric::P50), best].map(|p50| difference(p50, of(ECHO, Metric::P50)));
    let with_iam = median(figures, function::FIVE_HUNDRED_IAM, INGEST, Metric::CpuPerRequest);
    let peak = |scene, metric| figures.get(scene, INGEST, metric).map(Figure::max);
    vec![
        at_most(
            "500 records: CPU per request, as a multiple of the `lambda_runtime` echo's",
            Unit::Number,
            ratio(ours(Metric::CpuPerRequest), of(ECHO_ON_LAMBDA_RUNTIME, Metric::CpuPerRequest)),
            Some(3.0),
        ),
        at_most(
            "500 records: CPU per request, as a share of Python's; bound: a sixth",
            Unit::Percent,
            ratio(ours(Metric::CpuPerRequest), of(CONFLUENT_KAFKA, Metric::CpuPerRequest)).map(percent),
            Some(percent(1.0 / 6.0)),
        ),
        at_most(
            "500 records: p50 minus the standard library echo's, as a share of the best peer's minus the same",
            Unit::Percent,
            ratio(over_echo, best_over_echo).map(percent),
            Some(30.0),
        ),
        at_most(
            "500 records with IAM: CPU per request beyond the plain listener's",
            Unit::Percent,
            ratio(with_iam, ours(Metric::CpuPerRequest)).map(|multiple| percent(multiple - 1.0)),
            Some(15.0),
        ),
        at_most(
            "peak memory, bodies of 6 MB",
            Unit::Of(Metric::Memory),
            peak(function::FIVE_HUNDRED, Metric::MemoryAtMost),
            Some(32.0),
        ),
        at_most("zip for arm64", Unit::Of(Metric::Package), peak(function::ONE, Metric::Package), Some(4.5)),
    ]
}

fn code(figures: &Figures) -> Vec<Goal> {
    let goal = |text, scene, bound| {
        let of = |candidate| median(figures, scene, candidate, Metric::Time);
        at_most(text, Unit::Number, ratio(of(code::OURS), of(code::SYNTAX)), Some(bound))
    };
    vec![
        goal("500 pins validated and compacted, as a multiple of the syntax-only pass", code::PINS, 2.0),
        goal("request of 500 from body to response, as a multiple of the syntax-only pass", code::REQUEST, 2.2),
    ]
}

fn growing(figures: &Figures) -> Vec<Goal> {
    let goals = [
        (RECORDS, "records, without the fixed cost", 1.05),
        (PARTITIONS, "partitions", 1.0),
        (USER_IDS, "user ids", 1.0),
    ];
    let goals = goals.map(|(axis, name, bound)| {
        let text = format!("growth of the CPU per request with {name}: exponent");
        at_most(&text, Unit::Number, axis.exponent(figures, Metric::CpuPerRequest), Some(bound))
    });
    goals.into()
}

fn cost(figures: &Figures) -> Vec<Goal> {
    let goals = [("p50", Metric::P50), ("Lambda's price", Metric::Dollars)].into_iter().flat_map(|(name, metric)| {
        [("1 record", 0), ("500 records", 1)].map(|(records, at)| {
            let scenes = cost::SETTINGS.map(|(_, scenes)| scenes[at]);
            let worst = worst_against_python(figures, &scenes, metric);
            let scene = worst.map_or("the worst memory size", |(scene, _)| scene);
            let text = format!("{records} at every memory size: {name}, as a multiple of Python's; worst: {scene}");
            below(&text, Unit::Number, worst.map(|(_, multiple)| multiple), Some(1.0))
        })
    });
    goals.collect()
}

fn starting(figures: &Figures) -> Vec<Goal> {
    let with = |count| median(figures, user_ids::PLAIN, count, Metric::FirstAnswer);
    let slowest = figures.get(starts::PLAIN, INGEST, Metric::FirstAnswer).map(Figure::max);
    let slowest = at_most(
        "init + first answer, plain listener, slowest start",
        Unit::Of(Metric::FirstAnswer),
        slowest,
        Some(45.0),
    );
    let [one, more @ ..] = user_ids::NAMES;
    let more = more.map(|name| {
        at_most(
            &format!("init + first answer, plain listener: {name} minus {one}"),
            Unit::Of(Metric::FirstAnswer),
            difference(with(name), with(one)),
            Some(20.0),
        )
    });
    [slowest].into_iter().chain(more).collect()
}

fn serving(figures: &Figures) -> Vec<Goal> {
    let ours = |scene, metric| median(figures, scene, server::LOCAL, metric);
    let at_64 = |metric| ours(server::SIXTY_FOUR, metric);
    vec![
        at_least("server without archive, 64 connections", Unit::Of(Metric::Rate), at_64(Metric::Rate), Some(15_000.0)),
        at_most(
            "server without archive, 64 connections: CPU per request",
            Unit::Of(Metric::CpuPerRequest),
            at_64(Metric::CpuPerRequest),
            Some(55.0),
        ),
        at_most("server without archive, 64 connections: p99", Unit::Of(Metric::P99), at_64(Metric::P99), Some(20.0)),
        at_most(
            "server without archive, 1 connection: p50; bound: FastAPI's",
            Unit::Of(Metric::P50),
            ours(server::ONE, Metric::P50),
            median(figures, server::ONE, server::BY_HAND, Metric::P50),
        ),
    ]
}

fn archiving(figures: &Figures) -> Vec<Goal> {
    let of = |candidate, metric| median(figures, archiving::SCENE, candidate, metric);
    let memory = figures.get(archiving::SCENE, archiving::LARGE, Metric::Memory).map(Figure::max);
    vec![
        at_least(
            "archive, large objects",
            Unit::Of(Metric::Records),
            of(archiving::LARGE, Metric::Records),
            Some(100_000.0),
        ),
        at_most("archive, large objects: peak memory", Unit::Of(Metric::Memory), memory, Some(80.0)),
        at_most(
            "archive, one object per record: CPU for 1,000 records",
            Unit::Of(Metric::CpuPerThousand),
            of(archiving::ONE_PER_OBJECT, Metric::CpuPerThousand),
            Some(100.0),
        ),
    ]
}

fn tables(figures: &Figures) -> Vec<Goal> {
    let peak = |metric| figures.get(delta::SCENE, delta::TABLES, metric).map(Figure::max);
    vec![
        at_least(
            "tables, archived pins",
            Unit::Of(Metric::Records),
            median(figures, delta::SCENE, delta::TABLES, Metric::Records),
            Some(50_000.0),
        ),
        at_most("tables, archived pins: peak memory", Unit::Of(Metric::Memory), peak(Metric::Memory), Some(256.0)),
        at_most("tables: zip for arm64", Unit::Of(Metric::Package), peak(Metric::Package), Some(10.0)),
    ]
}

fn at_most(text: &str, unit: Unit, figure: Option<f64>, bound: Option<f64>) -> Goal {
    Goal { text: text.to_owned(), unit, figure, comparison: Comparison::AtMost, bound }
}

fn below(text: &str, unit: Unit, figure: Option<f64>, bound: Option<f64>) -> Goal {
    Goal { comparison: Comparison::Below, ..at_most(text, unit, figure, bound) }
}

fn at_least(text: &str, unit: Unit, figure: Option<f64>, bound: Option<f64>) -> Goal {
    Goal { comparison: Comparison::AtLeast, ..at_most(text, unit, figure, bound) }
}

fn median(figures: &Figures, scene: &str, candidate: &str, metric: Metric) -> Option<f64> {
    figures.get(scene, candidate, metric).map(Figure::median)
}

fn difference(figure: Option<f64>, other: Option<f64>) -> Option<f64> {
    Some(figure? - other?)
}

fn ratio(figure: Option<f64>, limit: Option<f64>) -> Option<f64> {
    Some(figure? / limit?)
}

fn percent(share: f64) -> f64 {
    100.0 * share
}

/// Returns the lowest median of the programs that write records, except for ours.
fn best_peer(figures: &Figures, scene: &str, metric: Metric) -> Option<f64> {
    let peers = figures.all(scene, metric).filter(|figure| is_peer(figure));
    peers.map(Figure::median).min_by(f64::total_cmp)
}

/// Returns the scene with the highest multiple of Python's median, and the multiple. `None` if any scene is missing.
fn worst_against_python(figures: &Figures, scenes: &[&'static str], metric: Metric) -> Option<(&'static str, f64)> {
    let of = |scene, candidate| median(figures, scene, candidate, metric);
    let multiples = scenes.iter().map(|scene| Some((*scene, ratio(of(scene, INGEST), of(scene, CONFLUENT_KAFKA))?)));
    let multiples: Vec<_> = multiples.collect::<Option<_>>()?;
    multiples.into_iter().max_by(|(_, one), (_, other)| one.total_cmp(other))
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

    fn assert_row_ends(figures: &Figures, goal: &str, end: &str) {
        let row = row(figures, goal);
        assert!(row.ends_with(end), "{row}");
    }

    #[test]
    fn goals_without_figures_are_reported_as_not_measured() {
        let table = table(&Figures::default());
        assert!(table.lines().skip(2).all(|row| row.ends_with("| not measured |")), "{table}");
    }

    #[test]
    fn goals_are_compared_with_the_best_peer_and_not_with_an_echo() {
        let mut figures = Figures::default();
        for (candidate, p99_ms) in [(INGEST, 5.0), (CONFLUENT_KAFKA, 5.1), ("Node", 6.0), (ECHO, 1.0)] {
            figures.push(function::ONE, candidate, Metric::P99, p99_ms);
        }
        assert_row_ends(&figures, "1 record: p99", "(ms) | 5.000 | ≤ 5.100 | met |");
        figures.push(function::ONE, "Java", Metric::P99, 4.9);
        assert_row_ends(&figures, "1 record: p99", "(ms) | 5.000 | ≤ 4.900 | **not met** |");
    }

    #[test]
    fn processor_time_is_a_multiple_of_the_echo_on_the_same_runtime() {
        let mut figures = Figures::default();
        for (candidate, cpu_us) in [(INGEST, 300.0), (ECHO_ON_LAMBDA_RUNTIME, 120.0), (ECHO, 90.0)] {
            figures.push(function::ONE, candidate, Metric::CpuPerRequest, cpu_us);
        }
        assert_row_ends(&figures, "1 record: CPU per request", "echo's | 2.50 | ≤ 2.50 | met |");
    }

    #[test]
    fn the_echos_share_is_subtracted_from_both_sides() {
        let mut figures = Figures::default();
        for (candidate, p50_ms) in [(INGEST, 3.5), (CONFLUENT_KAFKA, 7.0), ("Node", 6.0), (ECHO, 1.0)] {
            figures.push(function::FIVE_HUNDRED, candidate, Metric::P50, p50_ms);
        }
        assert_row_ends(&figures, "500 records: p50", "(%) | 50.0 | ≤ 30.0 | **not met** |");
    }

    #[test]
    fn a_round_trip_is_measured_without_the_echo() {
        let mut figures = Figures::default();
        figures.push(function::ONE, INGEST, Metric::P50, 1.0);
        figures.push(function::ONE, ECHO_ON_LAMBDA_RUNTIME, Metric::P50, 0.6);
        figures.push(limits::SCENE, limits::ROUND_TRIPS, Metric::P50, 0.25);
        assert_row_ends(&figures, "1 record: p50", "| 1.60 | ≤ 1.60 | met |");
    }

    #[test]
    fn shares_are_percentages() {
        let mut figures = Figures::default();
        for (candidate, cpu_us) in [(INGEST, 40.0), (CONFLUENT_KAFKA, 240.0)] {
            figures.push(function::FIVE_HUNDRED, candidate, Metric::CpuPerRequest, cpu_us);
        }
        assert_row_ends(&figures, "500 records: CPU per request, as a share of Python's", "| 16.7 | ≤ 16.7 | met |");
        figures.push(function::FIVE_HUNDRED_IAM, INGEST, Metric::CpuPerRequest, 47.0);
        assert_row_ends(&figures, "500 records with IAM", "| 17.5 | ≤ 15.0 | **not met** |");
    }

    #[test]
    fn the_worst_memory_size_counts_and_a_tie_is_not_ahead() {
        let mut figures = Figures::default();
        let goal = "500 records at every memory size: p50";
        for (memory_mb, scenes) in cost::SETTINGS {
            assert_row_ends(&figures, goal, "| not measured |");
            figures.push(scenes[1], INGEST, Metric::P50, if memory_mb == 512 { 2.0 } else { 1.0 });
            figures.push(scenes[1], CONFLUENT_KAFKA, Metric::P50, 2.0);
        }
        assert_row_ends(&figures, goal, "; worst: 512 MB, 500 records | 1.00 | < 1.00 | **not met** |");
    }

    #[test]
    fn more_than_linear_growth_is_not_met() {
        let mut figures = Figures::default();
        for (name, cpu_us) in [("1 partition", 1.0), ("10 partitions", 10.0), ("100 partitions", 100.0)] {
            figures.push(PARTITIONS.scene, name, Metric::CpuPerRequest, cpu_us);
        }
        let goal = "growth of the CPU per request with partitions";
        assert_row_ends(&figures, goal, "| 1.00 | ≤ 1.00 | met |");
        figures.push(PARTITIONS.scene, "100 partitions", Metric::CpuPerRequest, 120.0);
        assert_row_ends(&figures, goal, "| 1.02 | ≤ 1.00 | **not met** |");
    }

    #[test]
    fn the_slowest_start_counts() {
        let mut figures = Figures::default();
        for start_ms in [10.0, 20.0, 46.0] {
            figures.push(starts::PLAIN, INGEST, Metric::FirstAnswer, start_ms);
        }
        assert_row_ends(&figures, "init + first answer, plain listener, slowest", "| 46.0 | ≤ 45.0 | **not met** |");
    }

    #[test]
    fn starts_with_more_user_ids_are_compared_with_those_with_one() {
        let mut figures = Figures::default();
        for (name, start_ms) in user_ids::NAMES.into_iter().zip([30.0, 50.0, 51.0]) {
            figures.push(user_ids::PLAIN, name, Metric::FirstAnswer, start_ms);
        }
        let goal = "init + first answer, plain listener: ";
        assert_row_ends(&figures, &format!("{goal}23"), "| 20.0 | ≤ 20.0 | met |");
        assert_row_ends(&figures, &format!("{goal}100"), "| 21.0 | ≤ 20.0 | **not met** |");
    }

    #[test]
    fn a_rate_below_its_bound_is_not_met() {
        let mut figures = Figures::default();
        figures.push(archiving::SCENE, archiving::LARGE, Metric::Records, 99_999.0);
        assert_row_ends(&figures, "archive, large objects (", "| 99999 | ≥ 100000 | **not met** |");
    }
}

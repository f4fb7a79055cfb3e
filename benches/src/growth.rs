//! The growth of the cost of `ingest` with the records of a request, the partitions of a topic and the user ids.

use std::{collections::BTreeSet, fs, path::PathBuf};

use hot_path::payload::{body, event, rows};
use shared::{
    kind::USER,
    topic::{UserIds, UserIdsError},
};
use stack::kafka::Kafka;
use tempfile::TempDir;

use crate::{
    Result,
    figures::{Figure, Figures, Metric},
    function::Warm,
    load::Load,
    peers::{INGEST, Listener, Peer, for_benchmarks, kafka, peers, with_user_ids},
    plan::Plan,
    progress::log_progress,
};

/// A quantity that grows while the others stay.
#[derive(Debug)]
pub(crate) struct Axis {
    pub(crate) scene: &'static str,
    pub(crate) columns: &'static [Metric],
    /// The sizes with the candidates' names.
    sizes: &'static [(u32, &'static str)],
    /// The request for a size.
    request: fn(u32) -> Shape,
    /// Set if the exponent is that of the cost beyond the first size's.
    without_fixed_cost: bool,
}

/// A request and its surroundings.
#[derive(Debug, Clone, Copy)]
struct Shape {
    records: u32,
    /// The number per topic.
    partitions: u32,
    /// The number that the function serves. Requests go to each in turn.
    user_ids: u32,
}

const SMALLEST: Shape = Shape { records: 1, partitions: 3, user_ids: 1 };

/// The records of the requests to topics with more partitions, enough for each partition.
const SPREAD_RECORDS: u32 = 1_000;

pub(crate) const RECORDS: Axis = Axis {
    scene: "more records a request",
    columns: &[Metric::CpuPerRequest, Metric::CpuPerRecord, Metric::P50],
    // The last is the most that a request may have.
    sizes: &[
        (1, "1 record"),
        (10, "10 records"),
        (100, "100 records"),
        (1_000, "1,000 records"),
        (40_000, "40,000 records"),
    ],
    request: |records| Shape { records, ..SMALLEST },
    without_fixed_cost: true,
};

pub(crate) const PARTITIONS: Axis = Axis {
    scene: "1,000 records, more partitions",
    columns: RECORDS.columns,
    sizes: &[(1, "1 partition"), (10, "10 partitions"), (100, "100 partitions")],
    request: |partitions| Shape { records: SPREAD_RECORDS, partitions, ..SMALLEST },
    without_fixed_cost: false,
};

pub(crate) const USER_IDS: Axis = Axis {
    scene: "1 record, more user ids",
    columns: &[Metric::CpuPerRequest, Metric::P50],
    sizes: &[(1, "1 user id"), (10, "10 user ids"), (100, "100 user ids")],
    request: |user_ids| Shape { user_ids, ..SMALLEST },
    without_fixed_cost: false,
};

pub(crate) const AXES: [Axis; 3] = [RECORDS, PARTITIONS, USER_IDS];

pub(crate) async fn run(plan: Plan, figures: &mut Figures) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let kafka = kafka(for_benchmarks()).await?;
    let ours = peers(&folder, Listener::Plain)?.into_iter().find(|peer| peer.name == INGEST).ok_or("no function")?;
    create_topics(&kafka).await?;
    for axis in AXES {
        axis.measure(plan, figures, &folder, &kafka, &ours).await?;
    }
    Ok(())
}

async fn create_topics(kafka: &Kafka) -> Result<()> {
    log_progress("creating the topics of 100 user ids");
    let mut created = BTreeSet::new();
    for shape in AXES.iter().flat_map(Axis::shapes) {
        for topic in shape.user_ids()?.topic_names() {
            if created.insert(topic.clone()) {
                kafka.create_topic(&topic, shape.partitions.try_into()?).await?;
            }
        }
    }
    Ok(())
}

impl Axis {
    fn shapes(&self) -> impl Iterator<Item = Shape> {
        self.sizes.iter().map(|(size, _)| (self.request)(*size))
    }

    async fn measure(
        &self,
        plan: Plan,
        figures: &mut Figures,
        folder: &TempDir,
        kafka: &Kafka,
        ours: &Peer,
    ) -> Result<()> {
        let mut candidates = Vec::new();
        for ((_, name), shape) in self.sizes.iter().zip(self.shapes()) {
            let function = with_user_ids(ours.function(kafka, Listener::Plain)?, &shape.user_ids()?);
            let requests = shape.write(folder)?;
            candidates.push((*name, shape, Warm::start_function(ours, function, &shape.events()?[0]).await?, requests));
        }
        // Pass 0 is a discarded warm-up.
        for pass in 0..=plan.passes {
            for (name, shape, warm, requests) in &candidates {
                log_progress(&format!("{}, pass {pass} of {}: {name}", self.scene, plan.passes));
                let entries = shape.records.try_into()?;
                let load = Load { url: &warm.url, requests, entries, connections: 1 };
                // The first writes to 100 partitions make a broker slow for seconds.
                let time = if pass == 0 { plan.warm_up } else { plan.growth_pass };
                let passed = load.send(warm.process, time).await?;
                if pass > 0 {
                    figures.push(self.scene, name, Metric::CpuPerRequest, passed.cpu_us);
                    figures.push(self.scene, name, Metric::CpuPerRecord, passed.cpu_us / f64::from(shape.records));
                    figures.push(self.scene, name, Metric::P50, passed.p50_ms);
                }
            }
        }
        Ok(())
    }

    /// Returns the exponent of the growth of a median, if it was measured.
    pub(crate) fn exponent(&self, figures: &Figures, metric: Metric) -> Option<f64> {
        let points = self.sizes.iter().map(|(size, name)| {
            let cost = figures.get(self.scene, name, metric).map(Figure::median)?;
            Some((f64::from(*size), cost))
        });
        let points: Vec<_> = points.collect::<Option<_>>()?;
        if self.without_fixed_cost { exponent(&beyond_first(&points)) } else { exponent(&points) }
    }

    /// Formats the line below the table.
    pub(crate) fn exponents(&self, figures: &Figures) -> String {
        let [cpu, p50] = [Metric::CpuPerRequest, Metric::P50]
            .map(|metric| self.exponent(figures, metric).map_or("–".to_owned(), |exponent| format!("{exponent:.2}")));
        format!("Exponents, of which 1 is linear: {cpu} of the CPU a request, {p50} of the p50.\n")
    }
}

impl Shape {
    /// Returns user ids whose topics have this number of partitions.
    fn user_ids(self) -> std::result::Result<UserIds, UserIdsError> {
        let ids: Vec<_> = (1..=self.user_ids).map(|id| format!("growth-{}-{id}", self.partitions)).collect();
        ids.join(",").parse()
    }

    /// Builds events with the sample's users in rotation.
    fn events(self) -> Result<Vec<serde_json::Value>> {
        let records = usize::try_from(self.records)?;
        let topics: Vec<_> = self.user_ids()?.iter().map(|user_id| format!("{user_id}.{USER}")).collect();
        let requests = topics.len().max(rows(&USER).count() / records);
        let requests = topics.iter().cycle().take(requests).enumerate().map(|(at, topic)| {
            let rows = rows(&USER).cycle().skip(at * records).take(records);
            Ok(event(topic, &body(rows))?)
        });
        requests.collect()
    }

    /// Writes the events into a file with one per line.
    fn write(self, folder: &TempDir) -> Result<PathBuf> {
        let Self { records, partitions, user_ids } = self;
        let file = folder.path().join(format!("growth-{records}-{partitions}-{user_ids}.jsonl"));
        let events: Vec<_> = self.events()?.iter().map(ToString::to_string).collect();
        fs::write(&file, events.join("\n") + "\n")?;
        Ok(file)
    }
}

/// Returns the sizes and costs beyond those of the first.
fn beyond_first(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let Some(((size, cost), larger)) = points.split_first() else { return Vec::new() };
    larger.iter().map(|(larger, more)| (larger - size, more - cost)).collect()
}

/// Returns the slope of the least-squares line through the logarithms of costs over sizes: 1 for a cost in proportion to
/// the size, 0 for a constant one. `None` if a cost is not positive, or the sizes do not differ.
fn exponent(points: &[(f64, f64)]) -> Option<f64> {
    if points.iter().any(|(size, cost)| *size <= 0.0 || *cost <= 0.0) {
        return None;
    }
    let logarithms: Vec<_> = points.iter().map(|(size, cost)| (size.ln(), cost.ln())).collect();
    let count = logarithms.len() as f64;
    let mean_x = logarithms.iter().map(|(x, _)| x).sum::<f64>() / count;
    let mean_y = logarithms.iter().map(|(_, y)| y).sum::<f64>() / count;
    let covariance: f64 = logarithms.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logarithms.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (variance > 0.0).then(|| covariance / variance)
}

#[cfg(test)]
mod tests {
    use ingest::MAX_RECORDS;

    use super::*;
    use crate::payload::LARGEST_EVENT_BYTES;

    fn assert_close(exponent: Option<f64>, expected: f64) {
        assert!(exponent.is_some_and(|exponent| (exponent - expected).abs() < 1e-9), "{exponent:?}, not {expected}");
    }

    /// Builds the figures of an axis from a cost of each size.
    fn figures(axis: &Axis, cost: impl Fn(f64) -> f64) -> Figures {
        let mut figures = Figures::default();
        for (size, name) in axis.sizes {
            figures.push(axis.scene, name, Metric::CpuPerRequest, cost(f64::from(*size)));
        }
        figures
    }

    #[test]
    fn the_exponent_of_a_power_is_that_power() {
        for power in [0.0, 0.5, 1.0, 2.0] {
            let points = [1.0, 10.0, 40_000.0].map(|size: f64| (size, 7.0 * size.powf(power)));
            assert_close(exponent(&points), power);
        }
    }

    #[test]
    fn every_size_counts_for_the_exponent() {
        // The line between the first and the last point has a slope of 1.
        let points = [(0.0, 0.0), (1.0, 2.0), (3.0, 3.0)].map(|(x, y): (f64, f64)| (x.exp(), y.exp()));
        assert_close(exponent(&points), 13.0 / 14.0);
    }

    #[test]
    fn costs_that_are_not_positive_or_not_measured_have_no_exponent() {
        assert_eq!(exponent(&[(1.0, 0.0), (2.0, 1.0)]), None);
        assert_eq!(exponent(&[(1.0, 1.0)]), None);
        assert_eq!(exponent(&beyond_first(&[])), None);
        assert_eq!(RECORDS.exponent(&Figures::default(), Metric::CpuPerRequest), None);
    }

    #[test]
    fn a_fixed_cost_does_not_hide_how_records_add_up() {
        for power in [1.0, 1.2] {
            let figures = figures(&RECORDS, |records| 300.0 + 2.0 * (records - 1.0).powf(power));
            assert_close(RECORDS.exponent(&figures, Metric::CpuPerRequest), power);
        }
    }

    #[test]
    fn a_cost_that_does_not_depend_on_the_user_ids_has_an_exponent_of_0() {
        let figures = figures(&USER_IDS, |_| 300.0);
        assert_close(USER_IDS.exponent(&figures, Metric::CpuPerRequest), 0.0);
        let line = "Exponents, of which 1 is linear: 0.00 of the CPU a request, – of the p50.\n";
        assert_eq!(USER_IDS.exponents(&figures), line);
    }

    #[test]
    fn the_largest_request_has_the_most_records_and_fits_lambdas_limit() {
        let shape = RECORDS.shapes().last().unwrap();
        assert_eq!(usize::try_from(shape.records).unwrap(), MAX_RECORDS);
        let size = shape.events().unwrap()[0].to_string().len();
        assert!(size <= LARGEST_EVENT_BYTES, "{size}");
    }

    #[test]
    fn requests_go_to_the_topics_of_all_user_ids() {
        let events = USER_IDS.shapes().last().unwrap().events().unwrap();
        let paths: BTreeSet<_> = events.iter().map(|event| event["path"].as_str().unwrap()).collect();
        assert_eq!(paths.len(), 100);
        assert!(paths.contains("/topics/growth-3-100.user"), "{paths:?}");
    }
}

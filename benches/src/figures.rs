//! The measured figures.

/// A measured quantity with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// From a function's start until its first request for an event.
    Init,
    /// From the request that starts the function until its response.
    FirstAnswer,
    /// The requests after the first.
    Warm,
    /// The first request after a freeze.
    Thawed,
    /// The percentage of successful requests after a freeze.
    Served,
    /// The duration of one operation.
    Time,
    P50,
    P99,
    /// Requests per second.
    Rate,
    /// Records per second.
    Records,
    /// The measured process's CPU time per request.
    CpuPerRequest,
    /// The measured process's CPU time per record.
    CpuPerRecord,
    /// The measured process's CPU time per thousand records.
    CpuPerThousand,
    /// The percentage of the measured process's CPU time.
    Share,
    /// The peak since the process started.
    Memory,
    /// The peak after bodies of 6 MB.
    MemoryAtMost,
    /// The size of the uploaded package.
    Package,
    /// Lambda's price for a million records.
    Dollars,
}

impl Metric {
    pub(crate) const fn heading(self) -> &'static str {
        match self {
            Self::Init => "init, ms",
            Self::FirstAnswer => "init + first answer, ms",
            Self::Warm => "warm, ms",
            Self::Thawed => "after the freeze, ms",
            Self::Served => "served after it, %",
            Self::Time => "time, µs",
            Self::P50 => "p50, ms",
            Self::P99 => "p99, ms",
            Self::Rate => "requests/s",
            Self::Records => "records/s",
            Self::CpuPerRequest => "CPU a request, µs",
            Self::CpuPerRecord => "CPU a record, µs",
            Self::CpuPerThousand => "CPU for 1,000 records, ms",
            Self::Share => "share, %",
            Self::Memory => "peak memory, MB",
            Self::MemoryAtMost => "peak memory after 6 MB bodies, MB",
            Self::Package => "zip, MB",
            Self::Dollars => "Lambda for 1,000,000 records, dollars",
        }
    }

    const fn decimals(self) -> usize {
        match self {
            Self::Time | Self::P50 | Self::P99 | Self::Dollars => 3,
            Self::CpuPerRecord | Self::Package => 2,
            Self::Init
            | Self::FirstAnswer
            | Self::Warm
            | Self::Thawed
            | Self::Share
            | Self::Memory
            | Self::MemoryAtMost => 1,
            Self::Served | Self::Rate | Self::Records | Self::CpuPerRequest | Self::CpuPerThousand => 0,
        }
    }

    /// Returns the part after the comma of the heading.
    pub(crate) fn unit(self) -> &'static str {
        self.heading().rsplit_once(", ").map_or(self.heading(), |(_, unit)| unit)
    }

    pub(crate) fn format(self, value: f64) -> String {
        format!("{value:.*}", self.decimals())
    }
}

/// The values of one figure; never empty.
#[derive(Debug)]
pub(crate) struct Figure {
    scene: &'static str,
    pub(crate) candidate: &'static str,
    metric: Metric,
    /// Sorted.
    values: Vec<f64>,
}

impl Figure {
    pub(crate) fn median(&self) -> f64 {
        let middle = self.values.len() / 2;
        if self.values.len() % 2 == 1 {
            self.values[middle]
        } else {
            f64::midpoint(self.values[middle - 1], self.values[middle])
        }
    }

    pub(crate) fn min(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn max(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// Formats the median, and the range if there are several values.
    fn cell(&self) -> String {
        let [median, least, most] = [self.median(), self.min(), self.max()].map(|value| self.metric.format(value));
        if least == most { median } else { format!("{median} ({least}–{most})") }
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// Adds a value to a figure.
    pub(crate) fn push(&mut self, scene: &'static str, candidate: &'static str, metric: Metric, value: f64) {
        if let Some(figure) = self.0.iter_mut().find(|figure| figure.is(scene, candidate, metric)) {
            let place = figure.values.partition_point(|other| *other < value);
            figure.values.insert(place, value);
        } else {
            self.0.push(Figure { scene, candidate, metric, values: vec![value] });
        }
    }

    /// Returns a figure, if it was measured.
    pub(crate) fn get(&self, scene: &str, candidate: &str, metric: Metric) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.is(scene, candidate, metric))
    }

    /// Returns a metric's figures of all candidates in a scene.
    pub(crate) fn all(&self, scene: &str, metric: Metric) -> impl Iterator<Item = &Figure> {
        self.0.iter().filter(move |figure| figure.scene == scene && figure.metric == metric)
    }

    /// Formats a scene as a Markdown table, one row per candidate in order of appearance. Empty without figures.
    pub(crate) fn table(&self, scene: &str, metrics: &[Metric]) -> String {
        let mut candidates: Vec<&str> = Vec::new();
        for figure in self.0.iter().filter(|figure| figure.scene == scene) {
            if !candidates.contains(&figure.candidate) {
                candidates.push(figure.candidate);
            }
        }
        if candidates.is_empty() {
            return String::new();
        }
        let headings: Vec<_> = metrics.iter().map(|metric| metric.heading()).collect();
        let rows = candidates.into_iter().map(|candidate| {
            let cells =
                metrics.iter().map(|metric| self.get(scene, candidate, *metric).map_or("–".to_owned(), Figure::cell));
            format!("| {candidate} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
        });
        let line = " ---: |".repeat(metrics.len());
        format!("| {scene} | {} |\n| --- |{line}\n{}", headings.join(" | "), rows.collect::<String>())
    }
}

impl Figure {
    fn is(&self, scene: &str, candidate: &str, metric: Metric) -> bool {
        self.scene == scene && self.candidate == candidate && self.metric == metric
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_median_and_the_range_of_each_figure() {
        let mut measured = Figures::default();
        for value in [3.0, 1.0, 2.0] {
            measured.push("one record", "ours", Metric::Init, value);
        }
        measured.push("one record", "theirs", Metric::Rate, 7.0);
        measured.push("another scene", "theirs", Metric::Init, 1.0);
        assert_eq!(
            measured.table("one record", &[Metric::Init, Metric::Rate]),
            "| one record | init, ms | requests/s |\n\
             | --- | ---: | ---: |\n\
             | ours | 2.0 (1.0–3.0) | – |\n\
             | theirs | – | 7 |\n"
        );
        assert_eq!(measured.table("no scene", &[Metric::Init]), "");
    }

    #[test]
    fn the_median_of_an_even_number_lies_between_the_two_in_the_middle() {
        let mut measured = Figures::default();
        for value in [4.0, 1.0, 2.0, 9.0] {
            measured.push("s", "w", Metric::P50, value);
        }
        let figure = measured.get("s", "w", Metric::P50).unwrap();
        assert_eq!((figure.median(), figure.min(), figure.max()), (3.0, 1.0, 9.0));
    }
}

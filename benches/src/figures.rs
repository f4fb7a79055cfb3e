//! What was measured, figure by figure.

/// What a figure says, with its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metric {
    /// From a function's start until it asks for its first event.
    Init,
    /// From the request that starts it until its answer.
    FirstAnswer,
    /// Of the requests that follow.
    Warm,
    /// Of the request after a freeze.
    Thawed,
    /// Of the requests after a freeze, those that were served, in percent.
    Served,
    /// Of a thing done once.
    Time,
    P50,
    P99,
    /// Requests a second.
    Rate,
    /// Records a second.
    Records,
    /// Of the function's or server's own process.
    CpuPerRequest,
    /// Of its own process for a thousand records.
    CpuPerThousand,
    /// The highest so far in the process's life.
    Memory,
    /// After bodies of 6 MB.
    MemoryAtMost,
    /// As it is uploaded.
    Package,
    /// What Lambda asks for a million records.
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
            Self::CpuPerThousand => "CPU for 1,000 records, ms",
            Self::Memory => "peak memory, MB",
            Self::MemoryAtMost => "peak memory after 6 MB bodies, MB",
            Self::Package => "zip, MB",
            Self::Dollars => "Lambda for 1,000,000 records, dollars",
        }
    }

    const fn decimals(self) -> usize {
        match self {
            Self::Time | Self::P50 | Self::P99 | Self::Dollars => 3,
            Self::Package => 2,
            Self::Init | Self::FirstAnswer | Self::Warm | Self::Thawed | Self::Memory | Self::MemoryAtMost => 1,
            Self::Served | Self::Rate | Self::Records | Self::CpuPerRequest | Self::CpuPerThousand => 0,
        }
    }

    /// What stands behind the comma of its heading.
    pub(crate) fn unit(self) -> &'static str {
        self.heading().rsplit_once(", ").map_or(self.heading(), |(_, unit)| unit)
    }

    pub(crate) fn shown(self, value: f64) -> String {
        format!("{value:.*}", self.decimals())
    }
}

/// One figure as often as it was measured; never empty.
#[derive(Debug)]
pub(crate) struct Figure {
    scene: &'static str,
    pub(crate) who: &'static str,
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

    pub(crate) fn least(&self) -> f64 {
        self.values.first().copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn most(&self) -> f64 {
        self.values.last().copied().unwrap_or(f64::NAN)
    }

    /// The median, and what it lies between where there is more than one value.
    fn shown(&self) -> String {
        let [median, least, most] = [self.median(), self.least(), self.most()].map(|value| self.metric.shown(value));
        if least == most { median } else { format!("{median} ({least}–{most})") }
    }
}

/// All figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures(Vec<Figure>);

impl Figures {
    /// One more value of a figure.
    pub(crate) fn push(&mut self, scene: &'static str, who: &'static str, metric: Metric, value: f64) {
        if let Some(figure) = self.0.iter_mut().find(|figure| figure.is(scene, who, metric)) {
            let place = figure.values.partition_point(|other| *other < value);
            figure.values.insert(place, value);
        } else {
            self.0.push(Figure { scene, who, metric, values: vec![value] });
        }
    }

    /// A figure, if it was measured.
    pub(crate) fn get(&self, scene: &str, who: &str, metric: Metric) -> Option<&Figure> {
        self.0.iter().find(|figure| figure.is(scene, who, metric))
    }

    /// A metric's figures of everyone in a scene.
    pub(crate) fn all(&self, scene: &str, metric: Metric) -> impl Iterator<Item = &Figure> {
        self.0.iter().filter(move |figure| figure.scene == scene && figure.metric == metric)
    }

    /// A scene as a table in Markdown, a row for everyone in the order in which they came; nothing when nothing was measured.
    pub(crate) fn table(&self, scene: &str, metrics: &[Metric]) -> String {
        let mut everyone: Vec<&str> = Vec::new();
        for figure in self.0.iter().filter(|figure| figure.scene == scene) {
            if !everyone.contains(&figure.who) {
                everyone.push(figure.who);
            }
        }
        if everyone.is_empty() {
            return String::new();
        }
        let headings: Vec<_> = metrics.iter().map(|metric| metric.heading()).collect();
        let rows = everyone.into_iter().map(|who| {
            let cells =
                metrics.iter().map(|metric| self.get(scene, who, *metric).map_or("–".to_owned(), Figure::shown));
            format!("| {who} | {} |\n", cells.collect::<Vec<_>>().join(" | "))
        });
        let line = " ---: |".repeat(metrics.len());
        format!("| {scene} | {} |\n| --- |{line}\n{}", headings.join(" | "), rows.collect::<String>())
    }
}

impl Figure {
    fn is(&self, scene: &str, who: &str, metric: Metric) -> bool {
        self.scene == scene && self.who == who && self.metric == metric
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
        assert_eq!((figure.median(), figure.least(), figure.most()), (3.0, 1.0, 9.0));
    }
}

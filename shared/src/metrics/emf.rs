//! CloudWatch's [embedded metric format]: log lines that carry metrics.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use super::{
    catalog::{Metric, Unit},
    recorded::{Recorded, Values},
};

/// The metrics' namespace in CloudWatch.
pub const NAMESPACE: &str = "PinterestDataPipeline";

/// The dimension of every metric.
pub const FUNCTION_NAME: &str = "FunctionName";

/// The maximum number of values of one metric per line. (A line's other limits, 100 metrics and 1 MB, are out of reach.)
const MAX_VALUES: usize = 100;

/// One line. The directives name the members that are metrics.
#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(flatten)]
    members: BTreeMap<&'a str, Member<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    /// Milliseconds since 1970.
    timestamp: u128,
    cloud_watch_metrics: Vec<Directive<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    /// Sets of dimensions. CloudWatch stores the metrics for each set.
    dimensions: Vec<Vec<&'a str>>,
    metrics: Vec<Definition<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition<'a> {
    name: &'a str,
    unit: Unit,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Member<'a> {
    Dimension(&'a str),
    One(u64),
    Each(&'a [f64]),
}

impl<'a> Line<'a> {
    fn new(function: &'a str, timestamp: u128) -> Self {
        let metadata = Metadata { timestamp, cloud_watch_metrics: Vec::new() };
        Self { metadata, members: BTreeMap::from([(FUNCTION_NAME, Member::Dimension(function))]) }
    }

    fn add(&mut self, dimensions: Vec<Vec<&'a str>>, metrics: impl IntoIterator<Item = (&'a Metric, Member<'a>)>) {
        let mut definitions = Vec::new();
        for (Metric { name, unit, .. }, member) in metrics {
            definitions.push(Definition { name, unit: *unit });
            self.members.insert(name, member);
        }
        let directive = Directive { namespace: NAMESPACE, dimensions, metrics: definitions };
        self.metadata.cloud_watch_metrics.push(directive);
    }
}

impl Recorded {
    /// Formats the lines for CloudWatch, usually one: a line has one value per dimension and up to 100 per metric.
    #[must_use]
    pub fn lines(&self, function: &str, now: SystemTime) -> String {
        let timestamp = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let mut lines: Vec<Line<'_>> = Vec::new();
        for (label, metrics) in &self.0 {
            if let Some((dimension, value)) = label {
                let mut line = Line::new(function, timestamp);
                line.members.insert(dimension, Member::Dimension(value));
                let dimensions = vec![vec![FUNCTION_NAME], vec![FUNCTION_NAME, dimension]];
                line.add(dimensions, parts(metrics).into_iter().flatten());
                lines.push(line);
            }
        }
        // Metrics without a dimension of their own share the lines of those with one.
        for (at, metrics) in self.0.get(&None).into_iter().flat_map(parts).enumerate() {
            if at == lines.len() {
                lines.push(Line::new(function, timestamp));
            }
            lines[at].add(vec![vec![FUNCTION_NAME]], metrics);
        }
        // Numbers, strings and lists always serialize.
        lines.iter().map(|line| serde_json::to_string(line).unwrap_or_default() + "\n").collect()
    }
}

/// Splits the metrics into parts with as many values as a line may have.
fn parts<'a>(metrics: &'a BTreeMap<&'static Metric, Values>) -> Vec<Vec<(&'static Metric, Member<'a>)>> {
    let mut parts: Vec<Vec<_>> = Vec::new();
    for (metric, values) in metrics {
        let members: Vec<Member<'_>> = match values {
            Values::One(value) => vec![Member::One(*value)],
            Values::Each(values) => values.chunks(MAX_VALUES).map(Member::Each).collect(),
        };
        for (at, member) in members.into_iter().enumerate() {
            if at == parts.len() {
                parts.push(Vec::new());
            }
            parts[at].push((*metric, member));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::Value;

    use super::*;
    use crate::metrics::{Metrics, ingest, producer};

    fn lines(metrics: &Metrics) -> Vec<Value> {
        let lines = metrics.take().lines("f", UNIX_EPOCH + Duration::from_millis(1_500));
        assert!(lines.is_empty() || lines.ends_with('\n'));
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn without_values_there_is_no_line() {
        assert_eq!(lines(&Metrics::default()), [] as [Value; 0]);
    }

    #[test]
    fn a_line_has_one_value_of_a_dimension_and_other_metrics_appear_once() {
        let metrics = Metrics::default();
        metrics.add(&ingest::COLD_STARTS, 1);
        metrics.add_by(&ingest::RECORDS_WRITTEN, "geo", 2);
        metrics.add_by(&ingest::RECORDS_WRITTEN, "pin", 3);
        let lines = lines(&metrics);
        let members = |line: &Value| ["Kind", "RecordsWritten", "ColdStarts"].map(|name| line[name].to_string());
        assert_eq!(members(&lines[0]), ["\"geo\"", "2", "1"]);
        assert_eq!(members(&lines[1]), ["\"pin\"", "3", "null"]);
        assert_eq!(lines.len(), 2);
        for (line, named) in lines.iter().zip([2, 1]) {
            let directives = line["_aws"]["CloudWatchMetrics"].as_array().unwrap();
            assert_eq!(directives.len(), named, "a member without a directive is no metric: {line}");
        }
    }

    #[test]
    fn values_beyond_a_lines_limit_are_in_the_next_lines() {
        let metrics = Metrics::default();
        for milliseconds in 0..250 {
            metrics.record_duration(&ingest::PRODUCE_TIME, Duration::from_millis(milliseconds));
        }
        metrics.record_duration(&producer::CONNECT_TIME, Duration::from_millis(5));
        let lines = lines(&metrics);
        let values = |line: &Value| line["ProduceTime"].as_array().map_or(0, Vec::len);
        assert_eq!(lines.iter().map(values).collect::<Vec<_>>(), [100, 100, 50]);
        assert_eq!(
            (lines[2]["ProduceTime"][49].as_f64(), lines[0]["ConnectTime"][0].as_f64()),
            (Some(249.0), Some(5.0))
        );
        assert!(lines[1].get("ConnectTime").is_none());
    }
}

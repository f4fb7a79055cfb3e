//! Samples of the metrics, one a second.

use std::collections::{BTreeMap, VecDeque};

use serde::Serialize;
use shared::metrics::{Recorded, archive, emulator, ingest, tables};

/// The most samples kept.
const MAX_SAMPLES: usize = 600;

/// The metrics of one second, in the names that the page reads.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct Sample {
    /// A sequence number from 1.
    second: u64,
    /// The end of the second, in milliseconds since 1970.
    time_ms: i64,
    /// Records written over HTTP, by kind.
    pin: u64,
    geo: u64,
    user: u64,
    pass_through: u64,
    /// Records written by the emulator.
    emulator: u64,
    /// Rejected requests, by `error_code`.
    refused: BTreeMap<String, u64>,
    archived: u64,
    /// Rows added to the tables.
    table_rows: u64,
    /// Records that the archive's last run left behind.
    lag: u64,
    /// Percentiles of the produce times of requests.
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// The median produce time of the emulator.
    emulator_p50_ms: Option<f64>,
}

/// The metrics recorded since the last sample.
#[derive(Debug, Default)]
pub(crate) struct Second {
    sample: Sample,
    requests_ms: Vec<f64>,
    emulator_ms: Vec<f64>,
}

impl Second {
    pub(crate) fn add(&mut self, recorded: &Recorded) {
        let sample = &mut self.sample;
        for (sum, kind) in [
            (&mut sample.pin, "pin"),
            (&mut sample.geo, "geo"),
            (&mut sample.user, "user"),
            (&mut sample.pass_through, ingest::PASS_THROUGH),
        ] {
            *sum += recorded.sum_by(&ingest::RECORDS_WRITTEN, kind);
        }
        sample.emulator += recorded.sum(&emulator::RECORDS_WRITTEN);
        for (code, requests) in recorded.sums(&ingest::REQUESTS_REFUSED) {
            *sample.refused.entry(code.to_owned()).or_default() += requests;
        }
        sample.archived += recorded.sum(&archive::RECORDS_ARCHIVED);
        sample.table_rows += recorded.sum(&tables::ROWS_ADDED);
        self.requests_ms.extend(recorded.measured(&ingest::PRODUCE_TIME));
        self.emulator_ms.extend(recorded.measured(&emulator::PRODUCE_TIME));
    }

    fn end(mut self, second: u64, time_ms: i64, lag: u64) -> Sample {
        for times in [&mut self.requests_ms, &mut self.emulator_ms] {
            times.sort_unstable_by(f64::total_cmp);
        }
        let (p50_ms, p99_ms) = (percentile(&self.requests_ms, 50), percentile(&self.requests_ms, 99));
        let emulator_p50_ms = percentile(&self.emulator_ms, 50);
        Sample { second, time_ms, lag, p50_ms, p99_ms, emulator_p50_ms, ..self.sample }
    }
}

/// Returns a percentile of sorted values, by the nearest-rank method.
fn percentile(sorted: &[f64], of_100: usize) -> Option<f64> {
    let rank = (sorted.len() * of_100).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

/// The samples of the last minutes.
#[derive(Debug, Default)]
pub(crate) struct Samples {
    seconds: u64,
    latest: VecDeque<Sample>,
}

impl Samples {
    /// Adds the sample of a second.
    pub(crate) fn add(&mut self, second: Second, time_ms: i64, lag: u64) {
        self.seconds += 1;
        if self.latest.len() == MAX_SAMPLES {
            self.latest.pop_front();
        }
        self.latest.push_back(second.end(self.seconds, time_ms, lag));
    }

    /// Oldest first.
    pub(crate) const fn latest(&self) -> &VecDeque<Sample> {
        &self.latest
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use shared::metrics::Metrics;

    use super::*;

    #[test]
    fn a_sample_sums_the_metrics_of_one_second() {
        let metrics = Metrics::default();
        let mut second = Second::default();
        for milliseconds in [2, 1] {
            metrics.add_by(&ingest::RECORDS_WRITTEN, "geo", 2);
            metrics.add_by(&ingest::REQUESTS_REFUSED, "42203", 1);
            metrics.add(&emulator::RECORDS_WRITTEN, 3);
            metrics.add(&archive::RECORDS_ARCHIVED, 4);
            metrics.add(&tables::ROWS_ADDED, 5);
            metrics.record_duration(&ingest::PRODUCE_TIME, Duration::from_millis(milliseconds));
            metrics.record_duration(&emulator::PRODUCE_TIME, Duration::from_millis(9));
            second.add(&metrics.take());
        }
        let mut samples = Samples::default();
        samples.add(second, 7, 5);
        samples.add(Second::default(), 8, 0);
        let [sample, empty] = samples.latest.make_contiguous() else { panic!("two") };
        assert_eq!((sample.pin, sample.geo, sample.emulator), (0, 4, 6));
        assert_eq!((sample.archived, sample.table_rows), (8, 10));
        assert_eq!(sample.refused, BTreeMap::from([("42203".to_owned(), 2)]));
        assert_eq!((sample.second, sample.time_ms, sample.lag), (1, 7, 5));
        assert_eq!((sample.p50_ms, sample.p99_ms, sample.emulator_p50_ms), (Some(1.0), Some(2.0), Some(9.0)));
        assert_eq!((empty.second, empty.geo, empty.p50_ms, empty.refused.len()), (2, 0, None, 0));
    }

    #[test]
    fn the_samples_of_ten_minutes_are_kept() {
        let mut samples = Samples::default();
        for _ in 0..MAX_SAMPLES + 5 {
            samples.add(Second::default(), 0, 0);
        }
        let seconds: Vec<_> = samples.latest().iter().map(|sample| sample.second).collect();
        assert_eq!((seconds.len(), seconds[0], seconds[MAX_SAMPLES - 1]), (MAX_SAMPLES, 6, MAX_SAMPLES as u64 + 5));
    }

    #[test]
    fn a_percentile_is_a_measured_value() {
        let hundred: Vec<_> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&hundred, 50), percentile(&hundred, 99)), (Some(50.0), Some(99.0)));
        assert_eq!((percentile(&[3.0], 50), percentile(&[3.0], 99), percentile(&[], 50)), (Some(3.0), Some(3.0), None));
    }
}

//! A run: draws posts, validates their rows and publishes them.

use std::time::Duration;

use rand::rngs::StdRng;
use serde::Serialize;
use serde_json::Value;
use shared::{
    deadline::REQUEST_TIMEOUT,
    kind::Invalid,
    metrics::{
        Metrics,
        emulator::{POSTS_SENT, PRODUCE_TIME, RECORDS_REFUSED, RECORDS_UNCONFIRMED, RECORDS_WRITTEN},
    },
    publish::{ProducerRecord, Publish},
    redact::excerpt,
    sample::COURSE_ORDER,
    topic::{Topic, UserId, UserIds},
};
use tokio::time::{Instant, sleep_until};

use crate::{
    order::Order,
    source::{Post, RefusedRow, Row, Source, SourceError},
};

/// The maximum number of refused rows that a report names.
const MAX_NAMED: usize = 10;

/// Sends posts for some user ids.
#[derive(Debug)]
pub struct Emulator<P> {
    source: Source,
    publisher: P,
    user_ids: Vec<UserId>,
    /// The number of posts sent, which determines the next one's user id and its place in the course's order.
    turn: usize,
    order: Order,
    rng: StdRng,
    metrics: Metrics,
}

/// The result of a run.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Posts drawn and sent.
    pub posts: u64,
    /// Records acknowledged by all in-sync replicas.
    pub records_written: u64,
    /// Invalid rows, which are not sent.
    pub records_refused: u64,
    /// Records that Kafka rejected or did not acknowledge in time.
    pub records_unconfirmed: u64,
    /// The first refused rows and their problems.
    pub refused: Vec<String>,
}

impl Report {
    /// Adds another report's figures.
    fn add(&mut self, other: Self) {
        self.posts += other.posts;
        self.records_written += other.records_written;
        self.records_refused += other.records_refused;
        self.records_unconfirmed += other.records_unconfirmed;
        let room = MAX_NAMED.saturating_sub(self.refused.len());
        self.refused.extend(other.refused.into_iter().take(room));
    }

    fn record(&self, metrics: &Metrics) {
        metrics.add(&POSTS_SENT, self.posts);
        metrics.add(&RECORDS_WRITTEN, self.records_written);
        metrics.add(&RECORDS_REFUSED, self.records_refused);
        metrics.add(&RECORDS_UNCONFIRMED, self.records_unconfirmed);
    }

    fn refuse(&mut self, row: &RefusedRow) {
        self.records_refused += 1;
        let named = row.to_string();
        tracing::warn!(record.kind = row.kind.name, problem = named, "row refused");
        if self.refused.len() < MAX_NAMED {
            self.refused.push(named);
        }
    }
}

impl RefusedRow {
    /// A row that is not valid for its kind.
    fn invalid(row: &Row, invalid: &Invalid) -> Self {
        let problem = match invalid {
            Invalid::NotJson(error) => error.to_string(),
            Invalid::Rules(broken_rules) => {
                let rules = broken_rules.listed.iter().map(|broken| match &broken.field {
                    Some(field) => format!("{field} {}", broken.problem),
                    None => broken.problem.clone(),
                });
                rules.collect::<Vec<_>>().join("; ")
            }
        };
        let json: Option<Value> = serde_json::from_str(&row.json).ok();
        let join_key = json.as_ref().and_then(|row_json| row_json.get(row.kind.join_key));
        Self { kind: row.kind, join_key: join_key.map_or_else(|| "unknown".to_owned(), value_excerpt), problem }
    }
}

/// The start of a value; of a string without its quotes.
fn value_excerpt(value: &Value) -> String {
    value.as_str().map_or_else(|| excerpt(&value.to_string()), excerpt)
}

impl<P: Publish> Emulator<P> {
    /// Creates an emulator that draws posts from `source` by `rng`, sends them to the topics of `user_ids` in turn, and counts
    /// them in `metrics`.
    pub fn new(source: Source, publisher: P, user_ids: &UserIds, rng: StdRng, metrics: Metrics) -> Self {
        Self {
            source,
            publisher,
            user_ids: user_ids.iter().cloned().collect(),
            turn: 0,
            order: Order::Random,
            rng,
            metrics,
        }
    }

    /// Sends the posts in `order`, which is random otherwise.
    #[must_use]
    pub fn with_order(self, order: Order) -> Self {
        Self { order, ..self }
    }

    /// Sends `posts` posts, spread evenly over `spread`, until `deadline`. Counts and names invalid rows without stopping.
    ///
    /// # Errors
    /// When the rows cannot be read. Nothing is sent then.
    ///
    /// # Cancellation
    /// Some of the posts may be sent.
    pub async fn run(&mut self, posts: usize, spread: Duration, deadline: Instant) -> Result<Report, SourceError> {
        let drawn = match self.order {
            Order::Random => self.source.draw(posts, &mut self.rng).await?,
            Order::Course => self.source.read(&self.next_of_course(posts)).await?,
        };
        let slices = usize::try_from(spread.as_secs()).unwrap_or(usize::MAX).clamp(1, drawn.len().max(1));
        let begun = Instant::now();
        let mut report = Report::default();
        for slice in 0..slices {
            let due = begun + spread.mul_f64(slice as f64 / slices as f64);
            if due >= deadline {
                tracing::warn!(posts = drawn.len() as u64 - report.posts, "no time left for the rest of the posts");
                break;
            }
            sleep_until(due).await;
            let of_slice = drawn.len() * slice / slices..drawn.len() * (slice + 1) / slices;
            let sent = self.send(&drawn[of_slice], deadline).await;
            // After each slice: a run may be killed before its end.
            sent.record(&self.metrics);
            report.add(sent);
        }
        Ok(report)
    }

    /// The join keys of the next posts in the course's order, of which each user id gets all.
    fn next_of_course(&self, posts: usize) -> Vec<u16> {
        let place = |post| self.turn.wrapping_add(post) / self.user_ids.len() % COURSE_ORDER.len();
        (0..posts).map(|post| COURSE_ORDER[place(post)]).collect()
    }

    async fn send(&mut self, posts: &[Post], deadline: Instant) -> Report {
        let mut report = Report::default();
        let mut records = Vec::with_capacity(3 * posts.len());
        for post in posts {
            report.posts += 1;
            let user_id = &self.user_ids[self.turn % self.user_ids.len()];
            self.turn = self.turn.wrapping_add(1);
            for row in post {
                match row.as_ref().map_err(Clone::clone).and_then(|row| record(row, user_id)) {
                    Ok(record) => records.push(record),
                    Err(refused) => report.refuse(&refused),
                }
            }
        }
        let deadline = deadline.min(Instant::now() + REQUEST_TIMEOUT);
        let begun = Instant::now();
        let outcomes = self.publisher.publish(records, deadline).await;
        self.metrics.record_duration(&PRODUCE_TIME, begun.elapsed());
        let written = outcomes.iter().filter(|outcome| outcome.is_ok()).count();
        report.records_written += written as u64;
        report.records_unconfirmed += (outcomes.len() - written) as u64;
        if let Some(failure) = outcomes.iter().find_map(|outcome| outcome.err()) {
            tracing::warn!(error = %failure, records = outcomes.len() - written, "records not written");
        }
        report
    }
}

fn record(row: &Row, user_id: &UserId) -> Result<ProducerRecord, RefusedRow> {
    let topic = Topic::of(user_id, row.kind);
    let join_key = topic.check(&row.json);
    let join_key = join_key.map_err(|invalid| RefusedRow::invalid(row, &invalid))?;
    Ok(ProducerRecord {
        topic: topic.name.as_str().into(),
        key: Some(join_key.key()),
        value: Some(row.json.clone().into()),
        ..ProducerRecord::default()
    })
}

#[cfg(test)]
mod tests {
    use shared::kind::{GEO, PIN};

    use super::*;

    #[test]
    fn an_invalid_row_is_counted_and_named() {
        let mut report = Report::default();
        for row in [
            Row { kind: &GEO, json: r#"{"ind":1,"timestamp":"never","latitude":91,"longitude":1}"#.to_owned() },
            Row { kind: &PIN, json: "{".to_owned() },
        ] {
            report.refuse(&record(&row, &"u".parse().unwrap()).unwrap_err());
        }
        assert_eq!(report.records_refused, 2);
        assert!(report.refused[0].starts_with("geolocation_data, ind 1: timestamp must be a date"), "{report:?}");
        assert!(report.refused[0].ends_with("; latitude must be a number from -90 to 90; it is the number 91"));
        let not_json = "pinterest_data, index unknown: line 1, column 1: EOF while parsing an object";
        assert_eq!(report.refused[1], not_json);
    }

    #[test]
    fn a_sum_names_no_more_than_ten_rows() {
        let one = Report { records_refused: 6, refused: vec!["row".to_owned(); 6], ..Report::default() };
        let mut sum = one.clone();
        sum.add(one);
        assert_eq!((sum.records_refused, sum.refused.len()), (12, MAX_NAMED));
    }
}

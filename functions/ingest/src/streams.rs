//! Kinesis' requests, as the course's second API takes them, for the same topics: the stream `streaming-<user_id>-<kind>` is the
//! topic `<user_id>.<kind>`, its shards are the topic's partitions, and a sequence number is an offset.
//!
//! `stream` finds the topics of a stream, `entry` reads a body, `result` reports the outcomes.

use std::borrow::Cow;

use futures::future::join_all;
use shared::{
    metadata::Describe,
    publish::{Failure, Outcome, ProducerRecord, Publish},
};

pub(crate) use self::stream::names;
use self::{entry::Entry, stream::Stream};
use crate::{
    app::App,
    error::Error,
    limits::{Deadline, METADATA_TIMEOUT},
    media,
    records::bytes_record,
    request::{ProduceRequest, Query},
    response::Response,
    routes::Found,
    topic::Topic,
    violations::{ValuePath, Violations},
};

mod entry;
pub(crate) mod result;
mod stream;

/// The stream that the path or the query names.
#[derive(Debug)]
pub(crate) struct StreamTarget(Option<String>);

/// Returns the stream of a request. The path takes precedence over the query.
pub(crate) fn target(found: &Found<'_>, query: &Query) -> Result<StreamTarget, Error> {
    let in_path = found.parameter("{stream}")?.map(Cow::into_owned);
    Ok(StreamTarget(in_path.or_else(|| query.get("stream-name").map(str::to_owned))))
}

/// `GET /streams`
pub(crate) fn streams<P, C>(app: &App<P, C>) -> Response {
    result::names(names(app))
}

/// `GET /streams/{stream}`: one shard per partition. A shared stream has as many as its largest topic.
pub(crate) async fn stream<P, C: Describe>(app: &App<P, C>, target: StreamTarget) -> Result<Response, Error> {
    let name = target.0.unwrap_or_default();
    let topics = Stream::find(app, &name)?.into_topics();
    let descriptions = topics.iter().map(|topic| app.cluster.partitions(topic.name(), METADATA_TIMEOUT));
    let partitions = join_all(descriptions).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    let longest = partitions.into_iter().max_by_key(Vec::len).unwrap_or_default();
    Ok(result::description(&name, &longest))
}

/// `PUT /streams/{stream}/record`: Kinesis' `PutRecord`.
pub(crate) async fn put_record<P: Publish, C>(
    app: &App<P, C>,
    request: ProduceRequest<StreamTarget>,
) -> Result<Response, Error> {
    let outcomes = put(app, request, entry::record, ValuePath::Data).await?;
    Ok(result::record(outcomes.first().copied().unwrap_or(Err(Failure::Unconfirmed))))
}

/// `PUT /streams/{stream}/records`: Kinesis' `PutRecords`, but if one record is invalid, none is written.
pub(crate) async fn put_records<P: Publish, C>(
    app: &App<P, C>,
    request: ProduceRequest<StreamTarget>,
) -> Result<Response, Error> {
    Ok(result::records(&put(app, request, entry::records, ValuePath::RecordsData).await?))
}

/// Validates the entries that `read` finds in the body, and writes them all.
async fn put<P: Publish, C>(
    app: &App<P, C>,
    request: ProduceRequest<StreamTarget>,
    read: for<'a> fn(&'a [u8]) -> Result<entry::Body<'a>, Error>,
    value_path: ValuePath,
) -> Result<Vec<Outcome>, Error> {
    let ProduceRequest { target: StreamTarget(name), headers, body, deadline } = request;
    media::check_stream(&headers, &body)?;
    let found = read(&body)?;
    let name = match (name, &found.stream_name) {
        (Some(name), _) => name,
        (None, Some(name)) => name.clone().into_owned(),
        (None, None) => return Err(Error::BadStreamBody("the stream is missing: name it in the path".to_owned())),
    };
    let stream = Stream::find(app, &name)?;
    let count = found.entries.len();
    let batch = Batch::of(&found.entries, &stream, value_path).inspect_err(|error| app.count_rejected(count, error))?;
    Ok(batch.write(app, deadline).await)
}

/// The records of a request, by topic.
#[derive(Debug, Default)]
struct Batch<'t> {
    parts: Vec<Part<'t>>,
}

/// The records for one topic.
#[derive(Debug)]
struct Part<'t> {
    topic: &'t Topic,
    /// The index of each record in the request.
    places: Vec<usize>,
    records: Vec<ProducerRecord>,
}

impl<'t> Batch<'t> {
    /// Validates all entries.
    fn of(entries: &[Entry<'_>], stream: &Stream<'t>, value_path: ValuePath) -> Result<Self, Error> {
        let mut batch = Self::default();
        let mut violations = Violations::at(value_path);
        for (at, entry) in entries.iter().enumerate() {
            let problem = |problem: &str| Error::BadRecord(format!("{}: {problem}", value_path.record(at)));
            let key = entry.key().map_err(problem)?;
            let value = match entry.value() {
                Ok(value) => value,
                Err(broken) => {
                    violations.add(at, broken);
                    continue;
                }
            };
            let topic = stream.topic_of(key.as_deref(), value.as_deref()).map_err(|text| problem(&text))?;
            match bytes_record(key, value, topic) {
                Ok((key, value)) => {
                    let topic_name = topic.name().into();
                    batch.add(topic, at, ProducerRecord { topic: topic_name, key, value, ..ProducerRecord::default() });
                }
                Err(broken) => violations.add(at, broken),
            }
        }
        if violations.count == 0 { Ok(batch) } else { Err(Error::Invalid(violations)) }
    }

    fn add(&mut self, topic: &'t Topic, at: usize, record: ProducerRecord) {
        let known = self.parts.iter().position(|part| part.topic.name() == topic.name());
        let part = known.unwrap_or_else(|| {
            self.parts.push(Part { topic, places: Vec::new(), records: Vec::new() });
            self.parts.len() - 1
        });
        self.parts[part].places.push(at);
        self.parts[part].records.push(record);
    }

    /// Writes all records, and returns their outcomes in the request's order.
    async fn write<P: Publish, C>(self, app: &App<P, C>, deadline: Deadline) -> Vec<Outcome> {
        let (places, writes): (Vec<_>, Vec<_>) = self
            .parts
            .into_iter()
            .map(|Part { topic, places, records }| (places, app.publish(topic, records, deadline)))
            .unzip();
        let mut outcomes = vec![Err(Failure::Unconfirmed); places.iter().map(Vec::len).sum()];
        for (place, outcome) in places.into_iter().flatten().zip(join_all(writes).await.into_iter().flatten()) {
            outcomes[place] = outcome;
        }
        outcomes
    }
}

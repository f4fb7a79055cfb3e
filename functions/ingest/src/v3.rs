//! The record endpoints of the REST Proxy's API v3: each record is independent and has its own result.
//!
//! `entry` parses and validates a record, `result` reports its outcome. A request of several
//! records is read and answered as a whole, because API Gateway does not stream to a function.

use http::StatusCode;
use serde_json::{Value, json};
use shared::{
    metadata::Describe,
    publish::{ProducerRecord, Publish},
};

use self::{entry::Entry, result::Results};
use crate::{
    app::App,
    error::Error,
    failure,
    limits::{Deadline, MAX_CLUSTER_ID_CHARS, MAX_V3_RECORDS, METADATA_TIMEOUT},
    media,
    request::{Headers, ProduceRequest},
    response::{JSON, Response, Summary, Unwritten},
    routes::Found,
};

mod batch;
mod entry;
mod result;

/// The cluster and topic of a v3 path. Any cluster id is accepted, because there is only one cluster.
#[derive(Debug)]
pub(crate) struct V3Target {
    cluster_id: String,
    topic: String,
}

/// Returns the cluster and topic of a path.
pub(crate) fn target(found: &Found<'_>) -> Result<V3Target, Error> {
    let parameter = |name| found.parameter(name).map(|segment| segment.unwrap_or_default().into_owned());
    let (cluster_id, topic) = (parameter("{cluster_id}")?, parameter("{topic}")?);
    if is_cluster_id(&cluster_id) {
        Ok(V3Target { cluster_id, topic })
    } else {
        Err(Error::NoSuchPath(
            "a cluster id has 64 characters at most, of ASCII and without quotation mark and backslash; GET /v3/clusters \
             names the real one",
        ))
    }
}

/// Returns whether every result may echo `text`: escaped characters could make a response too large for Lambda.
fn is_cluster_id(text: &str) -> bool {
    text.len() <= MAX_CLUSTER_ID_CHARS
        && text.bytes().all(|byte| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\'))
}

/// `GET /v3/clusters`
pub(crate) async fn clusters<P, C: Describe>(app: &App<P, C>, headers: &Headers) -> Result<Response, Error> {
    media::check_accepts_json(headers)?;
    let cluster_id = app.cluster.cluster_id(METADATA_TIMEOUT).await?;
    Ok(Response::json(&list(&cluster_id)))
}

/// The list of the one cluster. Clients generated from the REST Proxy's OpenAPI document reject it without its links, although
/// most of them lead to paths that are not served here.
fn list(cluster_id: &str) -> Value {
    let related = |what: &str| json!({"related": format!("/v3/clusters/{cluster_id}/{what}")});
    json!({
        "kind": "KafkaClusterList",
        "metadata": {"self": "/v3/clusters", "next": null},
        "data": [{
            "kind": "KafkaCluster",
            "metadata": {"self": format!("/v3/clusters/{cluster_id}"), "resource_name": format!("crn:///kafka={cluster_id}")},
            "cluster_id": cluster_id,
            "acls": related("acls"),
            "brokers": related("brokers"),
            "broker_configs": related("broker-configs"),
            "consumer_groups": related("consumer-groups"),
            "topics": related("topics"),
            "partition_reassignments": related("topics/-/partitions/-/reassignment"),
        }],
    })
}

/// `POST /v3/clusters/{cluster_id}/topics/{topic}/records`: one record, or several objects one after the other.
pub(crate) async fn records<P: Publish, C>(
    app: &App<P, C>,
    request: ProduceRequest<V3Target>,
) -> Result<Response, Error> {
    check(&request)?;
    let ProduceRequest { target, body, deadline, .. } = request;
    let mut entries = entry::stream(&body)?;
    let batch = PendingRecords::of(app, &target.topic, entries.by_ref().take(MAX_V3_RECORDS));
    let beyond = entries.count();
    if beyond > 0 {
        return Err(Error::TooManyRecords { count: MAX_V3_RECORDS + beyond, most: MAX_V3_RECORDS });
    }
    let results = batch.write(app, &target.topic, deadline).await;
    Ok(respond(StatusCode::OK, results.stream(&target.cluster_id, &target.topic), results))
}

/// `POST /v3/clusters/{cluster_id}/topics/{topic}/records:batch`: at most ten records, each with an id.
pub(crate) async fn batch<P: Publish, C>(
    app: &App<P, C>,
    request: ProduceRequest<V3Target>,
) -> Result<Response, Error> {
    check(&request)?;
    let ProduceRequest { target, body, deadline, .. } = request;
    let (ids, entries) = batch::entries(&body)?.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let results = PendingRecords::of(app, &target.topic, entries).write(app, &target.topic, deadline).await;
    Ok(respond(StatusCode::MULTI_STATUS, results.batch(&ids, &target.cluster_id, &target.topic), results))
}

/// Rejects requests whose types are not JSON, and empty bodies.
fn check(ProduceRequest { headers, body, .. }: &ProduceRequest<V3Target>) -> Result<(), Error> {
    media::check_json(headers, body)?;
    media::check_accepts_json(headers)?;
    if body.trim_ascii().is_empty() { Err(Error::EmptyBody) } else { Ok(()) }
}

/// The valid records of a request, and the results of all.
#[derive(Default)]
struct PendingRecords {
    records: Vec<ProducerRecord>,
    results: Results,
}

impl PendingRecords {
    /// Converts each entry to its record before parsing the next, so rejected entries take no memory.
    fn of<P, C>(app: &App<P, C>, topic: &str, entries: impl IntoIterator<Item = Result<Entry, Error>>) -> Self {
        let mut batch = Self::default();
        for (at, entry) in entries.into_iter().enumerate() {
            match app.topic(topic).and_then(|topic| entry?.record(topic, at)) {
                Ok((record, sizes)) => {
                    batch.records.push(record);
                    batch.results.sent(sizes);
                }
                Err(error) => {
                    app.count_rejected(1, &error);
                    batch.results.add_rejected(error);
                }
            }
        }
        batch
    }

    /// Writes all records in one call.
    async fn write<P: Publish, C>(mut self, app: &App<P, C>, topic: &str, deadline: Deadline) -> Results {
        if let (Ok(topic), false) = (app.topic(topic), self.records.is_empty()) {
            self.results.settle(app.publish(topic, self.records, deadline).await);
        }
        self.results
    }
}

/// Builds the response. The log reports a Kafka failure in preference to an invalid record.
fn respond(status: StatusCode, body: Vec<u8>, results: Results) -> Response {
    let mut response = Response::new(status, JSON, body);
    if let Some(unwritten) = Unwritten::of(&results.outcomes(), results.len(), failure::v3_code) {
        response.summary = Summary::Unwritten(unwritten);
    } else if let Some(error) = results.into_first_rejection() {
        response.summary = Summary::Rejected(error);
    }
    response
}

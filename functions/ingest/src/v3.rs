//! The REST Proxy's API v3, as far as it writes records: each stands for itself, and has a result of its own.
//!
//! `members` reads one record out of its JSON, `entry` gives it its meaning, `result` is what is said of it. A request is read
//! whole, within the bounds of any other, and answered whole: API Gateway hands both on in no other way.

use axum::{
    Json,
    body::Body,
    extract::{FromRequestParts, Path, State},
    response::{IntoResponse, Response},
};
use http::{Request, StatusCode, header, request::Parts};
use serde_json::{Value, json};
use shared::{metadata::Describe, metrics::ingest::PRODUCE_TIME, publish::Publish};
use tokio::time::Instant;

use self::{entry::Entry, result::Results};
use crate::{
    answer::Failed,
    app::App,
    body,
    error::{Error, JSON},
    failure,
    limits::Deadline,
    media,
    metadata::{PATIENCE, explain},
};

mod batch;
mod entry;
mod members;
mod result;

pub(crate) use batch::{MAX_ENTRIES, MAX_ID};

/// The longest cluster id that is echoed, in characters; Kafka's own have 22.
pub(crate) const MAX_CLUSTER_ID: usize = 64;

/// What a path names. The cluster may have any id: there is only one.
struct Target {
    cluster_id: String,
    topic: String,
}

impl Target {
    async fn of(parts: &mut Parts) -> Result<Self, Error> {
        match Path::<(String, String)>::from_request_parts(parts, &()).await {
            Ok(Path((cluster_id, topic))) if cluster_id.chars().count() <= MAX_CLUSTER_ID => {
                Ok(Self { cluster_id, topic })
            }
            Ok(_) | Err(_) => Err(Error::NotFound),
        }
    }
}

/// `GET /v3/clusters`
pub(crate) async fn clusters<P: Describe>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    media::plain(&parts.headers)?;
    let cluster = app.producer.cluster(PATIENCE).await.map_err(|error| explain(error, ""))?;
    Ok(Json(list(&cluster.cluster_id)).into_response())
}

/// The one cluster, without the links to what is not served here.
fn list(cluster_id: &str) -> Value {
    json!({
        "kind": "KafkaClusterList",
        "metadata": {"self": "/v3/clusters", "next": null},
        "data": [{
            "kind": "KafkaCluster",
            "metadata": {"self": format!("/v3/clusters/{cluster_id}"), "resource_name": format!("crn:///kafka={cluster_id}")},
            "cluster_id": cluster_id,
        }],
    })
}

/// `POST /v3/clusters/{cluster_id}/topics/{topic}/records`: one record, or several objects one after the other.
pub(crate) async fn records<P: Publish>(State(app): State<App<P>>, request: Request<Body>) -> Result<Response, Error> {
    let Received { target, body, deadline } = receive(request).await?;
    let entries = entry::stream(&body)?;
    let results = write(&app, &target, entries, deadline).await;
    Ok(answer(StatusCode::OK, results.stream(&target.cluster_id, &target.topic), &results))
}

/// `POST /v3/clusters/{cluster_id}/topics/{topic}/records:batch`: at most ten records, each with an id.
pub(crate) async fn batch<P: Publish>(State(app): State<App<P>>, request: Request<Body>) -> Result<Response, Error> {
    let Received { target, body, deadline } = receive(request).await?;
    let (ids, entries) = batch::entries(&body)?.into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
    let results = write(&app, &target, entries, deadline).await;
    Ok(answer(StatusCode::MULTI_STATUS, results.batch(&ids, &target.cluster_id, &target.topic), &results))
}

/// A request as far as both routes read it alike.
struct Received {
    target: Target,
    body: bytes::Bytes,
    deadline: Deadline,
}

async fn receive(request: Request<Body>) -> Result<Received, Error> {
    let (mut parts, body) = request.into_parts();
    let deadline = parts.extensions.get().copied().unwrap_or_else(Deadline::usual);
    let target = Target::of(&mut parts).await?;
    let body = body::read(body, deadline).await?;
    media::plain_format(&parts.headers)?;
    media::plain(&parts.headers)?;
    if body.trim_ascii().is_empty() { Err(Error::EmptyBody) } else { Ok(Received { target, body, deadline }) }
}

/// Writes the records that are valid, all at once, and puts what became of each into the request's order.
async fn write<P: Publish>(
    app: &App<P>,
    Target { topic, .. }: &Target,
    entries: Vec<Result<Entry, Error>>,
    deadline: Deadline,
) -> Results {
    let (mut records, mut results) = (Vec::new(), Results::default());
    for (at, entry) in entries.into_iter().enumerate() {
        match app.topic(topic).and_then(|topic| entry?.record(topic, at)) {
            Ok((record, sizes)) => {
                records.push(record);
                results.handed_over(sizes);
            }
            Err(error) => {
                app.refused(1, &error);
                results.refused(error);
            }
        }
    }
    if let (Ok(topic), false) = (app.topic(topic), records.is_empty()) {
        let begun = Instant::now();
        let outcomes = app.producer.publish(records, deadline.0).await;
        app.metrics.took(&PRODUCE_TIME, begun.elapsed());
        app.published(topic, &outcomes);
        results.settle(outcomes);
    }
    results
}

fn answer(status: StatusCode, body: Vec<u8>, results: &Results) -> Response {
    let mut response = (status, [(header::CONTENT_TYPE, JSON)], body).into_response();
    let outcomes = results.outcomes();
    if let Some(worst) = failure::worst(&outcomes) {
        let failed = outcomes.iter().filter(|outcome| outcome.is_err()).count();
        response.extensions_mut().insert(Failed { worst, records: failed, of: results.len() });
    }
    response
}

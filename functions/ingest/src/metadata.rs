//! What is asked about the cluster and its topics. Only the topics that are served here are shown.

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderValue, header, request::Parts};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::metadata::{Describe, DescribeError, Partition};

use tokio::time::Instant;

use crate::{app::App, error::Error, limits::METADATA_TIMEOUT, media, response::json, target::Target};

/// A topic as the REST Proxy shows it.
#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    /// Always empty: librdkafka cannot ask for it where it logs in by IAM.
    configs: Map<String, Value>,
    partitions: &'a [Partition],
}

/// `GET /topics`
pub(crate) async fn topics<P>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    Ok(respond(media::answer_type(&parts.headers)?, &*app.topic_names()))
}

/// `GET /topics/{topic}`
pub(crate) async fn topic<P: Describe>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    let Described { name, partitions, content_type, .. } = describe(&app, parts).await?;
    Ok(respond(content_type, Topic { name: &name, configs: Map::new(), partitions: &partitions }))
}

/// `GET /topics/{topic}/partitions`
pub(crate) async fn partitions<P: Describe>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    let Described { partitions, content_type, .. } = describe(&app, parts).await?;
    Ok(respond(content_type, partitions))
}

/// `GET /topics/{topic}/partitions/{partition}`
pub(crate) async fn partition<P: Describe>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    let described = describe(&app, parts).await?;
    let partition = described.partition()?;
    Ok(respond(described.content_type.clone(), partition))
}

/// `GET /topics/{topic}/partitions/{partition}/offsets`
pub(crate) async fn offsets<P: Describe>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    let described = describe(&app, parts).await?;
    let partition = described.partition()?.partition;
    let left = described.deadline.saturating_duration_since(Instant::now());
    let offsets = app.producer.offsets(&described.name, partition, left).await?;
    Ok(respond(described.content_type, offsets))
}

/// `GET /brokers`
pub(crate) async fn brokers<P: Describe>(State(app): State<App<P>>, parts: Parts) -> Result<Response, Error> {
    let content_type = media::answer_type(&parts.headers)?;
    let brokers = app.producer.brokers(METADATA_TIMEOUT).await?;
    Ok(respond(content_type, json!({ "brokers": brokers })))
}

/// What was asked for, and the topic's partitions.
struct Described {
    name: String,
    asked: Option<i32>,
    partitions: Vec<Partition>,
    content_type: HeaderValue,
    /// For all questions together.
    deadline: Instant,
}

impl Described {
    /// The partition that the path names.
    fn partition(&self) -> Result<&Partition, Error> {
        let partition = self.partitions.iter().find(|partition| Some(partition.partition) == self.asked);
        let last = self.partitions.last().map_or(0, |partition| partition.partition);
        partition.ok_or_else(|| Error::UnknownPartition { topic: self.name.clone(), last })
    }
}

async fn describe<P: Describe>(app: &App<P>, mut parts: Parts) -> Result<Described, Error> {
    let Target { topic, partition } = Target::of(&mut parts).await?;
    let content_type = media::answer_type(&parts.headers)?;
    let name = app.topic(&topic)?.name().to_owned();
    let deadline = Instant::now() + METADATA_TIMEOUT;
    let partitions = app.producer.partitions(&name, METADATA_TIMEOUT).await?;
    Ok(Described { name, asked: partition, partitions, content_type, deadline })
}

impl From<DescribeError> for Error {
    fn from(error: DescribeError) -> Self {
        match error {
            DescribeError::Unreachable(unreachable) => Self::Unreachable(unreachable),
            DescribeError::NoSuchTopic { topic } => Self::MissingTopic { topic },
            DescribeError::Unauthorized => Self::DescribeDenied,
        }
    }
}

fn respond(content_type: HeaderValue, body: impl Serialize) -> Response {
    ([(header::CONTENT_TYPE, content_type)], json(&body)).into_response()
}

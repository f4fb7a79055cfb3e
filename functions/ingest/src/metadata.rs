//! Metadata requests: the cluster and its topics, limited to the served ones.

use http::{HeaderValue, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value, json};
use shared::metadata::{Describe, DescribeError, Partition};
use tokio::time::Instant;

use crate::{
    app::App,
    error::Error,
    limits::METADATA_TIMEOUT,
    media,
    request::Headers,
    response::{Response, json},
    routes::Target,
};

/// A topic in the REST Proxy's form.
#[derive(Serialize)]
struct Topic<'a> {
    name: &'a str,
    /// Always empty: librdkafka cannot read it with IAM authentication.
    configs: Map<String, Value>,
    partitions: &'a [Partition],
}

/// `GET /topics`
pub(crate) fn topics<P, C>(app: &App<P, C>, headers: &Headers) -> Result<Response, Error> {
    Ok(respond(media::response_type(headers)?, &*app.topic_names()))
}

/// `GET /topics/{topic}`
pub(crate) async fn topic<P, C: Describe>(
    app: &App<P, C>,
    target: Target,
    headers: &Headers,
) -> Result<Response, Error> {
    let Described { name, partitions, content_type, .. } = describe(app, target, headers).await?;
    Ok(respond(content_type, Topic { name: &name, configs: Map::new(), partitions: &partitions }))
}

/// `GET /topics/{topic}/partitions`
pub(crate) async fn partitions<P, C: Describe>(
    app: &App<P, C>,
    target: Target,
    headers: &Headers,
) -> Result<Response, Error> {
    let Described { partitions, content_type, .. } = describe(app, target, headers).await?;
    Ok(respond(content_type, partitions))
}

/// `GET /topics/{topic}/partitions/{partition}`
pub(crate) async fn partition<P, C: Describe>(
    app: &App<P, C>,
    target: Target,
    headers: &Headers,
) -> Result<Response, Error> {
    let described = describe(app, target, headers).await?;
    let partition = described.partition()?;
    Ok(respond(described.content_type.clone(), partition))
}

/// `GET /topics/{topic}/partitions/{partition}/offsets`
pub(crate) async fn offsets<P, C: Describe>(
    app: &App<P, C>,
    target: Target,
    headers: &Headers,
) -> Result<Response, Error> {
    let described = describe(app, target, headers).await?;
    let partition = described.partition()?.partition;
    let left = described.deadline.saturating_duration_since(Instant::now());
    let offsets = app.cluster.offsets(&described.name, partition, left).await?;
    Ok(respond(described.content_type, offsets))
}

/// `GET /brokers`
pub(crate) async fn brokers<P, C: Describe>(app: &App<P, C>, headers: &Headers) -> Result<Response, Error> {
    let content_type = media::response_type(headers)?;
    let brokers = app.cluster.brokers(METADATA_TIMEOUT).await?;
    Ok(respond(content_type, json!({ "brokers": brokers })))
}

/// The requested topic and partition, with the metadata of the topic.
struct Described {
    name: String,
    partition: Option<i32>,
    partitions: Vec<Partition>,
    content_type: HeaderValue,
    /// The deadline of all metadata requests together.
    deadline: Instant,
}

impl Described {
    /// The metadata of the partition that the path names.
    fn partition(&self) -> Result<&Partition, Error> {
        let partition = self.partitions.iter().find(|partition| Some(partition.partition) == self.partition);
        let last = self.partitions.last().map_or(0, |partition| partition.partition);
        partition.ok_or_else(|| Error::UnknownPartition { topic: self.name.clone(), last })
    }
}

async fn describe<P, C: Describe>(app: &App<P, C>, target: Target, headers: &Headers) -> Result<Described, Error> {
    let Target { topic, partition } = target;
    let content_type = media::response_type(headers)?;
    let name = app.topic(&topic)?.name().to_owned();
    let deadline = Instant::now() + METADATA_TIMEOUT;
    let partitions = app.cluster.partitions(&name, METADATA_TIMEOUT).await?;
    Ok(Described { name, partition, partitions, content_type, deadline })
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
    Response::new(StatusCode::OK, content_type, json(&body))
}

//! A topic's content, read through the internal listener.

use std::collections::BTreeMap;

use archive::{
    layout::TopicPartition,
    reader::{Kafka, Reader},
};
use shared::cluster::Cluster;

use crate::{
    Result,
    post::{Posted, posted},
    response::Position,
};

/// A topic's records by position.
pub(crate) type Content = BTreeMap<Position, Option<Posted>>;

/// Reads a topic. Values that are not our rows are `None`.
pub(crate) async fn content(servers: String, topic: &str, partitions: i32) -> Result<Content> {
    let kafka = Kafka::connect(&Cluster::plaintext(servers)).await?;
    let mut content = Content::new();
    for partition in 0..partitions {
        let of = TopicPartition { topic: topic.to_owned(), partition };
        let bounds = kafka.bounds(&of).await?;
        let mut next = bounds.start;
        while next < bounds.end {
            let records = kafka.read(&of, next).await?;
            let Some(last) = records.last() else { break };
            next = last.offset + 1;
            content.extend(records.iter().map(|record| {
                let position = Position { partition, offset: record.offset };
                (position, record.value.as_deref().and_then(posted))
            }));
        }
    }
    Ok(content)
}

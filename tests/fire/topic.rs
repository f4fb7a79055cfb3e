//! What a topic holds, read back by the brokers' other listener.

use std::collections::BTreeMap;

use archive::{
    layout::TopicPartition,
    reader::{Kafka, Reader},
};
use shared::cluster::Cluster;

use crate::{
    Result,
    answer::Place,
    post::{Number, number},
};

/// Every record's number, where it is a row of ours.
pub(crate) async fn numbers(servers: String, topic: &str, partitions: i32) -> Result<BTreeMap<Place, Option<Number>>> {
    let kafka = Kafka::connect(&Cluster::plaintext(servers)).await?;
    let mut numbers = BTreeMap::new();
    for partition in 0..partitions {
        let of = TopicPartition { topic: topic.to_owned(), partition };
        let bounds = kafka.bounds(&of).await?;
        let mut next = bounds.start;
        while next < bounds.end {
            let records = kafka.read(&of, next).await?;
            let Some(last) = records.last() else { break };
            next = last.offset + 1;
            numbers.extend(records.iter().map(|record| {
                let place = Place { partition, offset: record.offset };
                (place, record.value.as_deref().and_then(number))
            }));
        }
    }
    Ok(numbers)
}

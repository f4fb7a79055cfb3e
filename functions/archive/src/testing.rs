//! A topic for tests, which yields at every operation like [`Memory`].

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};

pub(crate) use crate::memory::{Fault, Memory, yield_once};
use crate::{
    layout::{Content, Folder, MAX_OFFSET, TopicPartition},
    reader::{ReadError, Reader},
    record::{ConsumerRecord, Form},
};

pub(crate) fn pins() -> TopicPartition {
    TopicPartition { topic: "0a1b.pin".to_owned(), partition: 0 }
}

/// Records of JSON whose text contains their author and offset.
pub(crate) fn rows(by: &str, offsets: Range<u64>) -> Vec<ConsumerRecord> {
    offsets.map(|offset| row(by, offset)).collect()
}

pub(crate) fn row(by: &str, offset: u64) -> ConsumerRecord {
    ConsumerRecord { offset, value: Some(format!("{{\"by\":\"{by}\",\"offset\":{offset}}}").into()) }
}

/// Everything stored for `partition`: each offset's form, and each object's lines and bytes. Panics when an offset is
/// stored twice or an object breaks the contract.
pub(crate) async fn stored(
    store: &dyn ObjectStore,
    partition: &TopicPartition,
) -> (BTreeMap<u64, Form>, Vec<(u64, usize)>) {
    let (mut records, mut objects) = (BTreeMap::new(), Vec::new());
    let mut keep = |offset, form| assert!(records.insert(offset, form).is_none(), "{offset} is stored twice");
    for folder in [Folder::Topics, Folder::Quarantine] {
        let found: Vec<ObjectMeta> = store.list(Some(&partition.folder(folder))).try_collect().await.unwrap();
        for object in found {
            let Some(start) = partition.offset_of(folder, &object.location) else { continue };
            assert!(start <= MAX_OFFSET);
            let body = store.get(&object.location).await.unwrap().bytes().await.unwrap();
            if object.location == partition.object(Content::Lines, start) {
                let lines = body.strip_suffix(b"\n").expect("a final line break").split(|byte| *byte == b'\n');
                objects.push((lines.clone().count() as u64, body.len()));
                for (offset, line) in (start..).zip(lines) {
                    keep(offset, Form::Line(Bytes::copy_from_slice(line)));
                }
            } else if object.location == partition.object(Content::NotJson, start) {
                keep(start, Form::NotJson(body));
            } else {
                assert!(body.is_empty());
                keep(start, Form::Null);
            }
        }
    }
    (records, objects)
}

/// The stored forms of `records`, by offset.
pub(crate) fn forms(records: &[ConsumerRecord]) -> BTreeMap<u64, Form> {
    records.iter().map(|record| (record.offset, Form::of(record.value.as_ref()))).collect()
}

/// Topics in memory that yield before and after each request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topics(Arc<Mutex<BTreeMap<TopicPartition, Topic>>>);

/// One partition of [`Topics`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Topic {
    pub(crate) records: Vec<ConsumerRecord>,
    pub(crate) bounds: Range<u64>,
    /// The maximum number of records per read.
    pub(crate) at_once: usize,
    /// The number of reads that fail.
    pub(crate) failures: usize,
    /// The duration of a read. Needs tokio's time.
    pub(crate) delay: Duration,
    /// The first offset left after retention, which runs at the first read.
    pub(crate) drops_to: u64,
}

impl Topic {
    pub(crate) fn of(records: Vec<ConsumerRecord>) -> Self {
        let bounds = records.first().map_or(0, |first| first.offset)..records.last().map_or(0, |last| last.offset + 1);
        Self { records, bounds, at_once: 5, ..Self::default() }
    }
}

impl Topics {
    pub(crate) fn set(&self, partition: TopicPartition, topic: Topic) {
        self.0.lock().unwrap().insert(partition, topic);
    }

    async fn request<T>(&self, partition: &TopicPartition, operation: impl FnOnce(&mut Topic) -> T) -> T {
        yield_once().await;
        let result = operation(self.0.lock().unwrap().get_mut(partition).expect("a known partition"));
        yield_once().await;
        result
    }
}

impl Reader for Topics {
    async fn partitions(&self) -> Result<Vec<TopicPartition>, ReadError> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Range<u64>, ReadError> {
        self.request(partition, |topic| Ok(topic.bounds.clone())).await
    }

    async fn read(&self, partition: &TopicPartition, from: u64) -> Result<Vec<ConsumerRecord>, ReadError> {
        let delay = self.request(partition, |topic| topic.delay).await;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.request(partition, |topic| {
            if topic.failures > 0 {
                topic.failures -= 1;
                return Err(ReadError::Offset(-1));
            }
            topic.bounds.start = topic.bounds.start.max(topic.drops_to);
            if !(topic.bounds.start..=topic.bounds.end).contains(&from) {
                return Err(ReadError::OutOfRange(from));
            }
            Ok(topic.records.iter().filter(|record| record.offset >= from).take(topic.at_once).cloned().collect())
        })
        .await
    }
}

//! A store and a topic for tests. Both yield at every operation, so that the poller decides the interleaving.

use std::{
    collections::BTreeMap,
    fmt,
    future::poll_fn,
    ops::Range,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use crate::{
    bucket::Bucket,
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

/// Yields once.
pub(crate) async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if yielded {
            return Poll::Ready(());
        }
        yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A store in memory that yields before and after each operation, and counts its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    store: Arc<InMemory>,
    requests: Arc<AtomicUsize>,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// An injected failure of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The request fails without effect.
    Refused,
    /// The request takes effect and its response is lost.
    ResponseLost,
}

impl Memory {
    pub(crate) fn bucket(&self, page: usize) -> Bucket {
        Bucket::new(Arc::new(self.clone()), page)
    }

    /// The number of requests since the last call.
    pub(crate) fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }

    pub(crate) async fn put_raw(&self, path: &Path, body: &str) {
        self.store.put(path, body.to_owned().into()).await.unwrap();
    }

    /// The store itself, without faults.
    pub(crate) fn contents(&self) -> &InMemory {
        &self.store
    }

    /// Injects `fault` into the next request.
    pub(crate) fn inject(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Performs `operation` as one request.
    async fn request<T>(&self, operation: impl AsyncFnOnce(&InMemory) -> Result<T>) -> Result<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        yield_once().await;
        let fault = self.fault.lock().unwrap().take();
        let failed = || object_store::Error::Generic { store: "Memory", source: "injected".into() };
        if fault == Some(Fault::Refused) {
            return Err(failed());
        }
        let result = operation(&self.store).await;
        yield_once().await;
        if fault == Some(Fault::ResponseLost) { Err(failed()) } else { result }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Memory")
    }
}

#[async_trait::async_trait]
impl ObjectStore for Memory {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.request(async |store| store.put_opts(location, payload, options).await).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.request(async |store| store.get_opts(location, options).await).await
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        let (memory, prefix, offset) = (self.clone(), prefix.cloned(), offset.clone());
        let found =
            async move { memory.request(async |store| Ok(store.list_with_offset(prefix.as_ref(), &offset))).await };
        stream::once(found).try_flatten().boxed()
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        unimplemented!("the archive does not use it")
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        unimplemented!("the archive deletes nothing")
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unimplemented!("the archive does not use it")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unimplemented!("the archive does not use it")
    }
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

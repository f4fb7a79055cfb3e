//! A store and a topic for tests. Both stop at every operation, so that whoever polls decides what happens next.

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

/// JSON values from offset `from` on, whose text says where they belong and by whom they are.
pub(crate) fn rows(by: &str, offsets: Range<u64>) -> Vec<ConsumerRecord> {
    offsets.map(|offset| row(by, offset)).collect()
}

pub(crate) fn row(by: &str, offset: u64) -> ConsumerRecord {
    ConsumerRecord { offset, value: Some(format!("{{\"by\":\"{by}\",\"offset\":{offset}}}").into()) }
}

/// Leaves the turn to others once.
pub(crate) async fn stop() {
    let mut stopped = false;
    poll_fn(|context| {
        if stopped {
            return Poll::Ready(());
        }
        stopped = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// A store in memory that stops before and after each operation, and counts its requests.
#[derive(Debug, Clone, Default)]
pub(crate) struct Memory {
    store: Arc<InMemory>,
    requests: Arc<AtomicUsize>,
    trouble: Arc<Mutex<Option<Trouble>>>,
}

/// Why a request fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// Nothing was done.
    Refused,
    /// What was asked for was done, and the answer was lost.
    Unanswered,
}

impl Memory {
    pub(crate) fn bucket(&self, page: usize) -> Bucket {
        Bucket::new(Arc::new(self.clone()), page)
    }

    /// The requests since the last time this was called.
    pub(crate) fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }

    pub(crate) async fn put_raw(&self, path: &Path, body: &str) {
        self.store.put(path, body.to_owned().into()).await.unwrap();
    }

    /// What became of the store, whatever trouble is on its way.
    pub(crate) fn contents(&self) -> &InMemory {
        &self.store
    }

    /// Has the next request fail.
    pub(crate) fn trouble(&self, trouble: Option<Trouble>) {
        *self.trouble.lock().unwrap() = trouble;
    }

    /// A request for what `ask` does.
    async fn request<T>(&self, ask: impl AsyncFnOnce(&InMemory) -> Result<T>) -> Result<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        stop().await;
        let trouble = self.trouble.lock().unwrap().take();
        let failed = || object_store::Error::Generic { store: "Memory", source: "by chance".into() };
        if trouble == Some(Trouble::Refused) {
            return Err(failed());
        }
        let result = ask(&self.store).await;
        stop().await;
        if trouble == Some(Trouble::Unanswered) { Err(failed()) } else { result }
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
        unimplemented!("the archive has no use for it")
    }

    fn delete_stream(&self, _: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        unimplemented!("the archive deletes nothing")
    }

    async fn list_with_delimiter(&self, _: Option<&Path>) -> Result<ListResult> {
        unimplemented!("the archive has no use for it")
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unimplemented!("the archive has no use for it")
    }
}

/// Everything stored for `partition`: each offset with what is stored under it, and each object's lines and bytes.
/// Panics when an offset is stored twice or an object is not as the contract says.
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

/// What `records` are once they are stored.
pub(crate) fn forms(records: &[ConsumerRecord]) -> BTreeMap<u64, Form> {
    records.iter().map(|record| (record.offset, Form::of(record.value.as_ref()))).collect()
}

/// Topics in memory that stop before and after each answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topics(Arc<Mutex<BTreeMap<TopicPartition, Topic>>>);

/// One partition of [`Topics`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Topic {
    pub(crate) records: Vec<ConsumerRecord>,
    pub(crate) bounds: Range<u64>,
    /// How many records an answer has at most.
    pub(crate) at_once: usize,
    /// How often it refuses to be read.
    pub(crate) failures: usize,
    /// How long it takes to read. Only under tokio.
    pub(crate) delay: Duration,
    /// Where the log begins from the second time on that it is asked.
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

    async fn ask<T>(&self, partition: &TopicPartition, answer: impl FnOnce(&mut Topic) -> T) -> T {
        stop().await;
        let answer = answer(self.0.lock().unwrap().get_mut(partition).expect("a known partition"));
        stop().await;
        answer
    }
}

impl Reader for Topics {
    async fn partitions(&self) -> Result<Vec<TopicPartition>, ReadError> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    async fn bounds(&self, partition: &TopicPartition) -> Result<Range<u64>, ReadError> {
        self.ask(partition, |topic| Ok(topic.bounds.clone())).await
    }

    async fn read(&self, partition: &TopicPartition, from: u64) -> Result<Vec<ConsumerRecord>, ReadError> {
        let delay = self.ask(partition, |topic| topic.delay).await;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        self.ask(partition, |topic| {
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

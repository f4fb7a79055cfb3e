//! A store in memory for tests. It yields at every operation, so that the poller decides the interleaving.

use std::{
    fmt,
    future::poll_fn,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
};

use futures::{StreamExt, TryStreamExt, stream, stream::BoxStream};
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result, memory::InMemory, path::Path,
};

use crate::bucket::Bucket;

/// Yields once.
pub async fn yield_once() {
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
pub struct Memory {
    store: Arc<InMemory>,
    requests: Arc<AtomicUsize>,
    fault: Arc<Mutex<Option<Fault>>>,
}

/// An injected failure of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The request fails without effect.
    Refused,
    /// The request takes effect and its response is lost.
    ResponseLost,
    /// The same, and the store's client sends the request again. Only for writing; other requests succeed.
    Repeated,
}

impl Memory {
    /// The bucket in this store, which lists `page` names per request.
    #[must_use]
    pub fn bucket(&self, page: usize) -> Bucket {
        Bucket::new(Arc::new(self.clone()), page)
    }

    /// The number of requests since the last call.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }

    /// Stores an object, without faults.
    pub async fn put_raw(&self, path: &Path, body: &str) {
        drop(self.store.put(path, body.to_owned().into()).await);
    }

    /// The store itself, without faults.
    #[must_use]
    pub fn contents(&self) -> &InMemory {
        &self.store
    }

    /// Injects `fault` into the next request.
    pub fn inject(&self, fault: Option<Fault>) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Performs `operation` as one request.
    async fn request<T>(&self, operation: impl AsyncFnOnce(&InMemory) -> Result<T>) -> Result<T> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        yield_once().await;
        let fault = self.fault.lock().unwrap_or_else(PoisonError::into_inner).take();
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
        let first =
            self.fault.lock().unwrap_or_else(PoisonError::into_inner).take_if(|fault| *fault == Fault::Repeated);
        if first.is_some() {
            let (payload, options) = (payload.clone(), options.clone());
            drop(self.request(async |store| store.put_opts(location, payload, options).await).await);
        }
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

    async fn put_multipart_opts(&self, at: &Path, options: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.request(async |store| store.put_multipart_opts(at, options).await).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let memory = self.clone();
        let delete = move |path: Result<Path>| {
            let memory = memory.clone();
            async move {
                let path = path?;
                memory.request(async |store| store.delete(&path).await).await?;
                Ok(path)
            }
        };
        paths.then(delete).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.request(async |store| store.list_with_delimiter(prefix).await).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        unimplemented!("no function uses it")
    }
}

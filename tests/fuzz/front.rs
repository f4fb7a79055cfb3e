//! `ingest`'s router, which writes to memory.

use axum::{Router, body::Body};
use http::{Request, header::CONTENT_TYPE};
use http_body_util::BodyExt;
use shared::publish::ProducerRecord;
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;

use crate::recorder::Recorder;

/// The router for the user id `u`. Requests run one after the other.
pub(crate) struct Front {
    runtime: Runtime,
    recorder: Recorder,
    router: Router,
}

/// The response to a request, and the records it wrote.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) written: Vec<ProducerRecord>,
}

impl Front {
    pub(crate) fn new() -> Self {
        let recorder = Recorder::default();
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        Self { runtime, router: recorder.router(), recorder }
    }

    pub(crate) fn post(&self, path: &str, content_type: &str, body: &[u8]) -> Answer {
        let request = Request::post(path).header(CONTENT_TYPE, content_type).body(Body::from(body.to_vec())).unwrap();
        self.runtime.block_on(async {
            let response = self.router.clone().oneshot(request).await.unwrap();
            let status = response.status().as_u16();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            Answer { status, body: String::from_utf8(body.into()).unwrap(), written: self.recorder.take() }
        })
    }

    /// The runtime, and the records.
    pub(crate) fn parts(&self) -> (&Runtime, &Recorder) {
        (&self.runtime, &self.recorder)
    }
}

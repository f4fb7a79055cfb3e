//! The HTTP front: `local`'s router. Every request gets a response, with a JSON body except for the files of the docs page.

use std::{mem, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Request as HttpRequest, State},
    response::{IntoResponse, Response as HttpResponse},
};
use bytes::{Bytes, BytesMut};
use http::header;
use http_body_util::BodyExt;
use shared::{metadata::Describe, metrics::Metrics, publish::Publish, read_back::ReadBack};

use crate::{
    app::App,
    body::{self, RequestBody},
    dispatch::{log_and_count, respond},
    error::Error,
    limits::{Deadline, MAX_BODY_BYTES},
    request::{Query, Request},
    response::{CORS, Response},
};

/// The most bytes of an oversized body that are read and discarded. A client that is still sending would see a broken pipe
/// instead of the response.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// Builds a router for all paths. A [`Deadline`] among a request's extensions replaces the default one.
pub fn router<P: Publish + Clone, C: Describe + ReadBack + Clone>(app: App<P, C>) -> Router {
    Router::new().fallback(serve::<P, C>).with_state(app)
}

async fn serve<P: Publish, C: Describe + ReadBack>(State(app): State<App<P, C>>, request: HttpRequest) -> HttpResponse {
    let (parts, body) = request.into_parts();
    let deadline = parts.extensions.get().copied().unwrap_or_else(Deadline::default_for_request);
    let request = Request {
        method: parts.method,
        path: parts.uri.path().to_owned(),
        is_routed: false,
        query: Query(form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect()),
        headers: (&parts.headers).into(),
    };
    respond(&app, request, body, deadline).await.into_response()
}

/// Answers a request that is rejected before it reaches the router: logs and counts it like any request.
#[must_use]
pub fn reject(error: Error, method: &str, path: &str, took: Duration, metrics: &Metrics) -> HttpResponse {
    let response = Response::from(error);
    log_and_count(&response, method, path, took, metrics);
    response.into_response()
}

/// Reads and discards a body, because a client that is still sending does not read its response.
pub async fn discard(body: Body, deadline: Deadline) {
    body::discard(body, deadline).await;
}

impl IntoResponse for Response {
    fn into_response(self) -> HttpResponse {
        let mut response = (self.status, [(header::CONTENT_TYPE, self.content_type)], self.body).into_response();
        response.headers_mut().extend(CORS);
        response.headers_mut().extend(self.headers);
        response
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> HttpResponse {
        Response::from(self).into_response()
    }
}

impl RequestBody for Body {
    async fn collect(mut self) -> Result<Bytes, Error> {
        let mut first = Bytes::new();
        let mut whole = BytesMut::new();
        let mut size = 0;
        while let Some(frame) = self.frame().await {
            let frame = frame.map_err(|error| Error::BodyIncomplete(error.into()))?;
            let Ok(data) = frame.into_data() else { continue };
            size += data.len();
            if size > MAX_DISCARDED_BYTES {
                break;
            } else if size > MAX_BODY_BYTES {
                whole = BytesMut::new();
            } else if size == data.len() {
                // Most bodies arrive in one frame.
                first = data;
            } else {
                whole.extend_from_slice(&mem::take(&mut first));
                whole.extend_from_slice(&data);
            }
        }
        if size > MAX_BODY_BYTES {
            return Err(Error::BodyTooLarge);
        }
        Ok(if whole.is_empty() { first } else { whole.freeze() })
    }

    async fn discard(mut self) {
        let mut size = 0;
        while size <= MAX_DISCARDED_BYTES
            && let Some(Ok(frame)) = self.frame().await
        {
            size += frame.data_ref().map_or(0, Bytes::len);
        }
    }
}

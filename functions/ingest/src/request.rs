//! A request as both fronts hand it over: API Gateway's event, and the HTTP server's.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, header};

use crate::{
    body::{self, RequestBody},
    error::Error,
    limits::Deadline,
};

/// A request without its body.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: Method,
    /// As sent: with a stage or base path, and percent-encoded.
    pub(crate) path: String,
    /// Set if the path comes from the gateway's route, so it has no base path.
    pub(crate) is_routed: bool,
    pub(crate) query: Query,
    pub(crate) headers: Headers,
}

/// The parameters of the query, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(pub(crate) Vec<(String, String)>);

impl Query {
    /// The parameter's value; the last one if it is repeated, as in API Gateway's events.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// The headers that a response depends on.
#[derive(Debug, Default)]
pub(crate) struct Headers {
    /// The first `Content-Type`.
    pub(crate) content_type: Option<HeaderValue>,
    /// Each `Accept`.
    pub(crate) accept: Vec<HeaderValue>,
}

impl From<&HeaderMap> for Headers {
    fn from(headers: &HeaderMap) -> Self {
        Self {
            content_type: headers.get(header::CONTENT_TYPE).cloned(),
            accept: headers.get_all(header::ACCEPT).iter().cloned().collect(),
        }
    }
}

/// A produce request with its whole body. `T` is the target that its path names.
#[derive(Debug)]
pub(crate) struct ProduceRequest<T> {
    pub(crate) target: T,
    pub(crate) headers: Headers,
    /// Inflated, without a byte order mark.
    pub(crate) body: Bytes,
    pub(crate) deadline: Deadline,
}

impl<T> ProduceRequest<T> {
    /// Reads the body, also if `target` is an error: a client that is still sending does not read its response.
    pub(crate) async fn read(
        target: Result<T, Error>,
        headers: Headers,
        body: impl RequestBody,
        deadline: Deadline,
    ) -> Result<Self, Error> {
        let body = body::read(body, deadline).await;
        Ok(Self { target: target?, body: body?, headers, deadline })
    }
}

//! The parts that produce requests of both API versions have in common.

use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts},
};
use bytes::Bytes;
use http::{HeaderMap, Request};

use crate::{body, error::Error, limits::Deadline};

/// A produce request with its whole body. `T` is the target that its path names.
#[derive(Debug)]
pub(crate) struct ProduceRequest<T> {
    pub(crate) target: T,
    pub(crate) headers: HeaderMap,
    /// Inflated, without a byte order mark.
    pub(crate) body: Bytes,
    pub(crate) deadline: Deadline,
}

impl<S: Send + Sync, T: FromRequestParts<S, Rejection = Error> + Send> FromRequest<S> for ProduceRequest<T> {
    type Rejection = Error;

    async fn from_request(request: Request<Body>, state: &S) -> Result<Self, Error> {
        let (mut parts, body) = request.into_parts();
        let deadline = Deadline::of(&parts);
        // Read the body even if the path is wrong: a client that is still sending does not read its response.
        let target = T::from_request_parts(&mut parts, state).await;
        let body = body::read(body, deadline).await;
        Ok(Self { target: target?, body: body?, headers: parts.headers, deadline })
    }
}

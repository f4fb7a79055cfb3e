//! The topic and partition that a path names.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::error::Error;

/// The error of a path whose percent-encoded bytes are not UTF-8.
pub(crate) const NOT_UTF8: &str = "the path's percent-encoded bytes are not UTF-8";

/// The topic and partition of a v2 path.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
}

impl<S: Send + Sync> FromRequestParts<S> for Target {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Error> {
        if let Ok(Path((topic, partition))) = Path::<(String, String)>::from_request_parts(parts, state).await {
            // `parse` accepts a sign.
            let digits = partition.bytes().all(|byte| byte.is_ascii_digit());
            let partition = partition.parse().ok().filter(|_| digits);
            let partition = partition.ok_or(Error::NoSuchPath("a partition is a whole number from 0 to 2147483647"))?;
            return Ok(Self { topic, partition: Some(partition) });
        }
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(topic)) => Ok(Self { topic, partition: None }),
            Err(_) => Err(Error::NoSuchPath(NOT_UTF8)),
        }
    }
}

//! Which topic, and which partition of it, a path names.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::error::Error;

/// The reason why a path with percent-encoded bytes that are not UTF-8 is none.
pub(crate) const NOT_UTF8: &str = "the path's percent-encoded bytes are not UTF-8";

/// What a path names.
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
}

impl Target {
    /// Topic and partition out of the path. A partition that is no number is no path of ours.
    pub(crate) async fn of(parts: &mut Parts) -> Result<Self, Error> {
        if let Ok(Path((topic, partition))) = Path::<(String, String)>::from_request_parts(parts, &()).await {
            let digits = partition.bytes().all(|byte| byte.is_ascii_digit());
            let partition = partition.parse().ok().filter(|_| digits);
            let partition = partition.ok_or(Error::NoSuchPath("a partition is a whole number from 0 to 2147483647"))?;
            return Ok(Self { topic, partition: Some(partition) });
        }
        match Path::<String>::from_request_parts(parts, &()).await {
            Ok(Path(topic)) => Ok(Self { topic, partition: None }),
            // Percent-encoded bytes that are no text.
            Err(_) => Err(Error::NoSuchPath(NOT_UTF8)),
        }
    }
}

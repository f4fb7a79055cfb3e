//! The topic and partition that a path names.

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;

use crate::error::Error;

/// The error of a path whose percent-encoded bytes are not UTF-8.
pub(crate) const NOT_UTF8: &str = "the path's percent-encoded bytes are not UTF-8";

/// The topic and partition of a v2 path.
pub(crate) struct Target {
    pub(crate) topic: String,
    pub(crate) partition: Option<i32>,
}

impl Target {
    /// Extracts topic and partition. A partition that is not a number is an unknown path.
    pub(crate) async fn of(parts: &mut Parts) -> Result<Self, Error> {
        if let Ok(Path((topic, partition))) = Path::<(String, String)>::from_request_parts(parts, &()).await {
            let digits = partition.bytes().all(|byte| byte.is_ascii_digit());
            let partition = partition.parse().ok().filter(|_| digits);
            let partition = partition.ok_or(Error::NoSuchPath("a partition is a whole number from 0 to 2147483647"))?;
            return Ok(Self { topic, partition: Some(partition) });
        }
        match Path::<String>::from_request_parts(parts, &()).await {
            Ok(Path(topic)) => Ok(Self { topic, partition: None }),
            Err(_) => Err(Error::NoSuchPath(NOT_UTF8)),
        }
    }
}

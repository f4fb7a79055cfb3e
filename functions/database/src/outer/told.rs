//! What is kept of an error of AWS's SDK.

use std::fmt;

use aws_sdk_lambda::error::{ProvideErrorMetadata, SdkError};
use shared::causes::in_one_line;

/// What AWS says of a request that it refused, or why it was not reached. The SDK's own error holds the whole response too.
#[derive(Debug, Clone)]
pub(crate) struct Told {
    code: Option<String>,
    text: String,
}

impl Told {
    pub(super) fn of<E, R>(error: &SdkError<E, R>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
        R: fmt::Debug,
    {
        let code = error.code().map(str::to_owned);
        let text = match (error, &code) {
            (SdkError::ServiceError(_), Some(code)) => {
                format!("{code}: {}", error.message().unwrap_or("no reason given"))
            }
            // Its cause could quote what cannot be read.
            (SdkError::ServiceError(_) | SdkError::ResponseError(_), _) => "the answer cannot be read".to_owned(),
            _ => in_one_line(error),
        };
        Self { code, text }
    }

    /// AWS's name for the error, if AWS was reached.
    pub(super) fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Told {}

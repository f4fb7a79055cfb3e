//! What AWS's services say, and the log-ins that one of them keeps.

use std::fmt;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use crate::causes::in_one_line;

pub mod secret;

/// What AWS says of a request that it refused, or why it was not reached. The SDK's own error holds the whole response too.
#[derive(Debug, Clone)]
pub struct Told {
    code: Option<String>,
    status: Option<u16>,
    text: String,
}

impl Told {
    /// What the SDK's error says.
    pub fn of<E>(error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let code = error.code().map(str::to_owned);
        let status = error.raw_response().map(|response| response.status().as_u16());
        let text = match (error, &code) {
            (SdkError::ServiceError(_), Some(code)) => {
                format!("{code}: {}", error.message().unwrap_or("no reason given"))
            }
            // Its cause could quote what cannot be read.
            (SdkError::ServiceError(_) | SdkError::ResponseError(_), _) => "the answer cannot be read".to_owned(),
            _ => in_one_line(error),
        };
        Self { code, status, text }
    }

    /// AWS's name for the error, if AWS was reached.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The answer's status, if AWS was reached.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Told {}

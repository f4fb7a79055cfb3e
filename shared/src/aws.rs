//! AWS services' errors, and logins kept by Secrets Manager.

use std::fmt;

use aws_sdk_secretsmanager::config::http::HttpResponse;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};

use crate::error_chain::one_line;

pub mod secret;

/// The error of a request to AWS: AWS's error, or the reason why it was not reached. The SDK's own error also holds the whole
/// response.
#[derive(Debug, Clone)]
pub struct AwsError {
    code: Option<String>,
    status: Option<u16>,
    text: String,
}

impl AwsError {
    /// Extracts the parts of the SDK's error that are safe to show.
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
            // The cause could quote the response.
            (SdkError::ServiceError(_) | SdkError::ResponseError(_), _) => "the response cannot be read".to_owned(),
            _ => one_line(error),
        };
        Self { code, status, text }
    }

    /// AWS's error code, if AWS was reached.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// The response's status, if AWS was reached.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        self.status
    }
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for AwsError {}
